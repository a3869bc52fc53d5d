"""Auditing a data set: duplicates, probable label errors, class balance."""

import time
from collections.abc import Mapping
from dataclasses import replace

import torch

from rungs.data.audit.duplicates import find_duplicates
from rungs.data.audit.findings import Audit, Split
from rungs.data.audit.labels import find_label_errors
from rungs.data.audit.near_duplicates import Progress
from rungs.data.images import DataSet, ImageSet
from rungs.foundation.environment import environment

__all__ = ["Progress", "audit"]


def audit(
    data: DataSet,
    *,
    label_errors: bool,
    known: Audit | None = None,
    progress: Progress = lambda *_: None,
) -> Audit:
    """Looks through a data set.

    Args:
        data: the data set.
        label_errors: whether probable label errors are looked for.
        known: an earlier audit of the same data; what it holds is not done again.
        progress: told what is being done, and the share of it that is done.
    """
    parts: dict[Split, ImageSet] = {
        "train": data.exploration.train,
        "validation": data.exploration.validation,
        "test": data.test,
    }
    if known is None:
        began = time.perf_counter()
        found = find_duplicates(parts, progress)
        known = Audit(
            data=data.name,
            fingerprint=data.fingerprint,
            duplicates=found.duplicates,
            upright_search=found.upright_search,
            mirrored_search=found.mirrored_search,
            balance=_balance(parts, data.class_names),
            environment=environment(),
            seconds={"duplicates": round(time.perf_counter() - began, 1)},
        )
    if not label_errors or known.label_errors is not None:
        return known
    began = time.perf_counter()
    errors, search = find_label_errors(data, known.duplicates, progress)
    seconds = {**known.seconds, "label errors": round(time.perf_counter() - began, 1)}
    return replace(known, label_errors=errors, labels=search, seconds=seconds)


def _balance(
    parts: Mapping[Split, ImageSet], class_names: tuple[str, ...]
) -> dict[str, dict[str, int]]:
    """Images of every class in every part."""
    found: dict[str, dict[str, int]] = {}
    for split, images in parts.items():
        counts = torch.bincount(images.labels, minlength=len(class_names)).tolist()
        found[split] = dict(zip(class_names, counts, strict=True))
    return found
