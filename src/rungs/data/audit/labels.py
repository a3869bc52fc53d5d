"""Probable label errors: images whose label models contradict that have not seen them."""

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from rungs.data.audit.features import describe, draw_filters
from rungs.data.audit.findings import Duplicate, LabelError, LabelSearch, Split
from rungs.data.audit.folds import FOLDS, deal, out_of_fold
from rungs.data.audit.mislabelling import Mislabelling, fit_mislabelling
from rungs.data.audit.near_duplicates import Progress
from rungs.data.images import DataSet
from rungs.statistics.predictions import FloatArray, IntArray

_SEED = 0
_LIKELY = 0.5  # a label is listed if it is more likely wrong than right


def find_label_errors(
    data: DataSet, duplicates: tuple[Duplicate, ...], progress: Progress = lambda *_: None
) -> tuple[tuple[LabelError, ...], LabelSearch]:
    """Probable label errors of all parts, by falling score, and what they stand on.

    Training and validation images are told by models of the other folds, duplicates lying in
    one fold; test images by the mean of these models. How likely their labels are to be wrong
    says `rungs.data.audit.mislabelling`; listed are those that are more likely wrong than right.

    Args:
        data: the data set.
        duplicates: of the data set.
        progress: told what is being done, and the share of it that is done.
    """
    parts = data.exploration
    sets = (parts.train, parts.validation, data.test)
    total = sum(map(len, sets))
    generator = torch.Generator().manual_seed(_SEED)
    filters = draw_filters(parts.train.pixels, generator)
    described = []
    for position, images in enumerate(sets):
        before = sum(map(len, sets[:position]))

        def on_chunk(done: int, before: int = before) -> None:
            progress("label errors, describing images", (before + done) / total)

        described.append(describe(images.pixels, filters, on_chunk))
    features, further = torch.cat(described[:2]), described[2]
    labels = torch.cat([parts.train.labels, parts.validation.labels])
    folds = deal(_groups(duplicates, len(parts.train), len(labels)), generator)
    progress("label errors, models of the folds", 0.0)
    found = out_of_fold(features, labels, folds, further, len(data.class_names))
    fitted = fit_mislabelling(found.known, labels.numpy())
    known: list[tuple[Split, int]] = [("train", index) for index in range(len(parts.train))]
    known += [("validation", index) for index in range(len(parts.validation))]
    tests: list[tuple[Split, int]] = [("test", index) for index in range(len(data.test))]
    errors = [
        *_listed(known, labels.numpy(), found.known, fitted, data.class_names),
        *_listed(tests, data.test.labels.numpy(), found.unseen, fitted, data.class_names),
    ]
    errors.sort(key=lambda error: -error.score)
    return tuple(errors), LabelSearch(found.accuracy, FOLDS)


def _listed(
    places: list[tuple[Split, int]],
    labels: IntArray,
    scores: FloatArray,
    fitted: Mislabelling,
    class_names: tuple[str, ...],
) -> Iterator[LabelError]:
    """The images whose labels [N] are more likely wrong than right, by scores [N, classes]."""
    wrong, suggested = fitted.wrong(scores, labels), scores.argmax(axis=1)
    for index in np.flatnonzero((wrong > _LIKELY) & (suggested != labels)).tolist():
        yield LabelError(
            *places[index],
            given=class_names[labels[index]],
            suggested=class_names[suggested[index]],
            score=round(float(wrong[index]), 4),
        )


def _groups(duplicates: tuple[Duplicate, ...], train: int, count: int) -> torch.Tensor:
    """Numbers the pictures of training and validation: duplicates have the same, int64 [count]."""
    offsets = {"train": 0, "validation": train}
    pairs = [
        (offsets[pair.a.split] + pair.a.index, offsets[pair.b.split] + pair.b.index)
        for pair in duplicates
        if pair.a.split in offsets and pair.b.split in offsets
    ]
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return torch.from_numpy(connected_components(graph, directed=False)[1].astype(np.int64))
