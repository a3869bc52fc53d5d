"""Pictures on which a model was wrong and sure of it, for a page that stays on this machine."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from rungs.report.data import ReportData, RungReport
from rungs.statistics.predictions import Labels
from rungs.store import Store

MOST_PICTURES = 24

# Of a part of the data, at some positions: uint8 [N, C, H, W].
Pixels = Callable[[str, npt.NDArray[np.intp]], npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Picture:
    """One mistake.

    Attributes:
        source: the picture as a ``data:`` address.
        index: its number in its part of the data, from 0.
        true: name of its class.
        taken: name of the class that it was taken for.
        true_probability: what the model gave its class.
    """

    source: str
    index: int
    true: str
    taken: str
    true_probability: float


@dataclass(frozen=True)
class Gallery:
    """The most confident mistakes of one run, those with the lowest probability first.

    Attributes:
        rung: whose run it is.
        seed: of the run.
        part: ``validation`` or ``test``.
        mistakes: how many there are in all.
    """

    rung: str
    seed: int
    part: str
    mistakes: int
    pictures: tuple[Picture, ...]


def gallery(
    data: ReportData, chosen: RungReport | None, store: Store, pixels: Pixels
) -> Gallery | None:
    """The mistakes of a rung's first seed.

    Args:
        data: the report; while its test set is sealed, validation pictures are shown.
        chosen: the rung; None if nothing is measured.
        store: where its predictions are.
        pixels: gives pictures of a part.

    Returns:
        None if there are no predictions, labels or mistakes.
    """
    labels = store.labels(data.study.data.fingerprint, data.part)
    if chosen is None or not chosen.seeds or labels is None:
        return None
    seed = chosen.seeds[0]
    key = next(run.key for run in data.runs if run.seed == seed and chosen.name in run.names)
    predictions = store.predictions(key, data.part, labels)
    wrong = np.flatnonzero(predictions.predicted != labels.labels)
    if not len(wrong):
        return None
    surest = wrong[np.argsort(predictions.true_probability[wrong], kind="stable")][:MOST_PICTURES]
    return Gallery(
        rung=chosen.name,
        seed=seed,
        part=data.part,
        mistakes=len(wrong),
        pictures=tuple(
            Picture(
                source=_png(shown),
                index=int(index),
                true=_name(labels, labels.labels[index]),
                taken=_name(labels, predictions.predicted[index]),
                true_probability=float(predictions.true_probability[index]),
            )
            for index, shown in zip(surest, pixels(data.part, surest), strict=True)
        ),
    )


def _name(labels: Labels, index: int) -> str:
    return labels.class_names[index].replace("_", " ")


def _png(pixels: npt.NDArray[np.uint8]) -> str:
    """A picture [C, H, W] with 1 or 3 channels as an address that holds all of it."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    out = BytesIO()
    image.save(out, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
