"""Scores of images' classes from models that have not seen these images."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from rungs.statistics.predictions import FloatArray

FOLDS = 5
# Beside squared features, whose mean is 1: how strongly weights are held small, tried in turn.
_PENALTIES = (0.01, 0.1, 1.0)
_CHUNK = 4096  # images worked on at a time

_Weights = list[torch.Tensor]


@dataclass(frozen=True)
class OutOfFold:
    """What the models of all folds say.

    Attributes:
        known: scores of the images in folds, each from the model without it, [N, classes].
        unseen: scores of further images, the mean of the models', [M, classes].
        accuracy: share of the images in folds whose label is the most probable class.
    """

    known: FloatArray
    unseen: FloatArray
    accuracy: float


def deal(groups: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A fold for every image, int64 [N]; images of one group (int64 [N]) come into the same."""
    names, members = torch.unique(groups, return_inverse=True)
    dealt = torch.randperm(len(names), generator=generator) % FOLDS
    return dealt[members]


def out_of_fold(
    features: torch.Tensor,
    labels: torch.Tensor,
    folds: torch.Tensor,
    further: torch.Tensor,
    classes: int,
) -> OutOfFold:
    """Ridge regression on the classes, once for every fold that is left out.

    Of the penalties that of the highest accuracy is taken.

    Args:
        features: [N, F].
        labels: class indices, int64 [N].
        folds: 0 ... FOLDS - 1, int64 [N].
        further: features of images that are in no fold, [M, F].
        classes: number of classes.
    """
    mean, spread = _moments(features)

    def prepared(chunk: torch.Tensor) -> torch.Tensor:
        even = (chunk.float() - mean) / spread
        return torch.cat([even, torch.ones(len(chunk), 1)], dim=1)

    best: tuple[float, torch.Tensor, _Weights] | None = None
    for models in _models(features, labels, folds, classes, prepared):
        known = torch.empty(len(features), classes)
        for part in torch.split(torch.arange(len(features)), _CHUNK):
            rows = prepared(features[part])
            for fold, weights in enumerate(models):
                own = folds[part] == fold
                known[part[own]] = rows[own] @ weights
        accuracy = float((known.argmax(dim=1) == labels).double().mean())
        if best is None or accuracy > best[0]:
            best = (accuracy, known, models)
    assert best is not None
    accuracy, known, models = best
    together = torch.stack(models).mean(dim=0)
    unseen = [prepared(chunk) @ together for chunk in torch.split(further, _CHUNK)]
    return OutOfFold(known.numpy(), torch.cat(unseen).numpy(), accuracy)


def _moments(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of every feature, [F] each."""
    chunks = torch.split(features, _CHUNK)
    mean = torch.stack([chunk.float().sum(dim=0) for chunk in chunks]).sum(dim=0) / len(features)
    squares = torch.stack([(chunk.float() - mean).square().sum(dim=0) for chunk in chunks])
    return mean, (squares.sum(dim=0) / len(features) + 1e-9).sqrt()


def _models(
    features: torch.Tensor,
    labels: torch.Tensor,
    folds: torch.Tensor,
    classes: int,
    prepared: Callable[[torch.Tensor], torch.Tensor],
) -> list[_Weights]:
    """For every penalty the weights [F + 1, classes] of the models without each fold.

    The products of all features are added up once per fold: each model then is one linear system.
    """
    width = features.shape[1] + 1
    squares = torch.zeros(FOLDS, width, width)
    targets = torch.zeros(FOLDS, width, classes)
    for fold in range(FOLDS):
        for part in torch.split((folds == fold).nonzero()[:, 0], _CHUNK):
            rows = prepared(features[part])
            squares[fold].addmm_(rows.T, rows)
            targets[fold].addmm_(rows.T, F.one_hot(labels[part], classes).float())
    found = []
    for penalty in _PENALTIES:
        models = []
        for fold in range(FOLDS):
            matrix = squares.sum(dim=0) - squares[fold]
            matrix.diagonal().add_(penalty * int((folds != fold).sum()) + 1e-3)
            models.append(torch.linalg.solve(matrix, targets.sum(dim=0) - targets[fold]))
        found.append(models)
    return found
