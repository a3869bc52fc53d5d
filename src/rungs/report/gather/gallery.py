"""Pictures on which a model was wrong and sure of it, for a page that stays on this machine."""

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rungs.evidence.selection import weights_file
from rungs.foundation.errors import DataError, RungsError
from rungs.foundation.extras import missing
from rungs.report.figures.gallery import Gallery, Picture
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.statistics.predictions import BEST, FloatArray, IntArray, Labels
from rungs.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PICTURES = 24
# As pictures on a page are shown, in pixels.
_SHOWN = 96

# Of a part of the data, at some positions: uint8 [N, C, H, W].
Pixels = Callable[[str, npt.NDArray[np.intp]], npt.NDArray[np.uint8]]
# Of a run by its key: where its model looked for classes [N] on pictures, float32 [N, H, W]; None
# where that cannot be told.
Looked = Callable[[str, npt.NDArray[np.uint8], IntArray], FloatArray | None]


def gallery(
    data: ReportData,
    chosen: RungReport | None,
    store: Store,
    pixels: Pixels,
    looked: Looked = lambda *_: None,
) -> Gallery | None:
    """The mistakes of a rung's first seed, with folds of its first model.

    Args:
        data: the report; while its test set is sealed, validation pictures are shown.
        chosen: the rung; None if nothing is measured.
        store: where its predictions are.
        pixels: gives pictures of a part.
        looked: gives where a model looked on them.

    Returns:
        None if there are no predictions, labels or mistakes.
    """
    # With folds, of the first one's model: it says of one fold what it took its pictures for.
    labels = store.labels(data.study.splits[0].fingerprint, data.part)
    if chosen is None or not chosen.seeds or labels is None:
        return None
    seed = chosen.seeds[0]
    key = next(run.key for run in data.runs if run.seed == seed and chosen.name in run.names)
    predictions = store.predictions(key, data.part, labels)
    wrong = np.flatnonzero(predictions.predicted != labels.labels)
    if not len(wrong):
        return None
    surest = wrong[np.argsort(predictions.true_probability[wrong], kind="stable")][:MOST_PICTURES]
    shown = pixels(data.part, surest)
    maps = looked(key, shown, predictions.predicted[surest])
    return Gallery(
        rung=chosen.name,
        seed=seed,
        part=data.part,
        mistakes=len(wrong),
        pictures=tuple(
            Picture(
                source=_png(picture),
                index=int(index),
                true=_name(labels, labels.labels[index]),
                taken=_name(labels, predictions.predicted[index]),
                true_probability=float(predictions.true_probability[index])
                if predictions.has_probabilities
                else None,
                looked="" if maps is None else _png_overlaid(picture, maps[number]),
            )
            for number, (index, picture) in enumerate(zip(surest, shown, strict=True))
        ),
    )


def _name(labels: Labels, index: int) -> str:
    return labels.class_names[index].replace("_", " ")


def _png_overlaid(pixels: npt.NDArray[np.uint8], heat: FloatArray) -> str:
    """A picture [C, H, W] with heat [H, W] on it, as such an address."""
    from rungs.models.explaining import overlaid

    return _address(overlaid(pixels, heat, side=_SHOWN))


def _png(pixels: npt.NDArray[np.uint8]) -> str:
    """A picture [C, H, W] with 1 or 3 channels as an address that holds all of it."""
    import PIL.Image  # only where pictures are shown

    image = PIL.Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    return _address(image)


def _address(image: "Image") -> str:
    out = BytesIO()
    image.save(out, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def gallery_from(store: Store, data_dir: Path | None) -> Callable[[ReportData], Gallery | None]:
    """Finds a page's pictures in the data set; none where the data is not at hand."""

    def find(data: ReportData) -> Gallery | None:
        import torch

        from rungs.data.loading import load

        def pixels(part: str, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
            loaded = load(data.study.splits[0], data_dir=data_dir, allow_download=False)
            images = loaded.test if part == "test" else loaded.exploration.validation
            return images.subset(torch.from_numpy(positions)).pixels[:].numpy()

        def looked(key: str, shown: npt.NDArray[np.uint8], classes: IntArray) -> FloatArray | None:
            return _looked(store, key, shown, classes)

        try:
            return gallery(data, data.chosen, store, pixels, looked)
        except DataError:
            return None

    return find


def _looked(
    store: Store, key: str, shown: npt.NDArray[np.uint8], classes: IntArray
) -> FloatArray | None:
    """Where the model of a run looked.

    None without the library for it, without weights, as in an archive, or of a network that has no
    map of places.
    """
    weights = weights_file(store, key, BEST)
    if missing("explain") or not weights.exists():
        return None
    import torch

    from rungs.models.explaining import heatmaps_of
    from rungs.network.building import build
    from rungs.training.checkpoint import load_weights

    spec = store.result(key).spec
    recipe, data = spec.recipe, spec.data
    try:
        with torch.random.fork_rng(devices=[]):
            network = build(recipe.network, data.image_shape, data.classes, recipe.scaling)
        load_weights(network, weights)
        return heatmaps_of(network.eval(), torch.from_numpy(shown), classes)
    except RungsError:
        return None
