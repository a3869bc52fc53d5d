"""A study whose runs are made up: their figures are known without training."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from rungs.data.audit.findings import (
    Audit,
    Duplicate,
    DuplicateSearch,
    LabelError,
    LabelSearch,
    Place,
)
from rungs.foundation.files import write_json, write_text
from rungs.report.figures.whole import ReportData
from rungs.report.gather.gathering import build
from rungs.statistics.predictions import IntArray, write_array
from rungs.store import Store
from rungs.store.results import Epoch, RunSpec
from rungs.study import Study, parse
from rungs.study.costs import Cost, costs
from rungs.study.plan import plan

PLAIN: dict[str, Any] = {
    "name": "fake",
    "title": "A <fake> | study",
    "base": "base",
    "final": "top",
    "seeds": 2,
    "data": {"kind": "synthetic", "classes": 3, "validation": 6, "test": 9, "size": 8},
    "budgets": {"equal": 3, "own": {"base": 3, "tried": 3, "top": 6, "broken": 3}},
    "recipe": {"network": {"widths": [4]}},
    "rungs": [
        {"name": "base", "reported": {"test_accuracy": 0.5, "epochs": 3}},
        {"name": "tried", "after": "base", "keep": False, "apply": ["residual"]},
        {"name": "top", "after": "base", "apply": ["stack_convolutions"]},
        {"name": "broken", "after": "top", "apply": ["global_average_pooling"]},
    ],
    "ensembles": [{"name": "shots", "rung": "top", "cycles": 3, "alpha0": 0.001}],
    "assumptions": [{"field": "batch_size", "text": "A reading with a | bar."}],
    "errata": [{"said": "All is well.", "found": "One of four fails."}],
    "claims": [
        {
            "text": "The top is above the base.",
            "quantity": {"measure": "test_accuracy", "rung": "top"},
            "than": {"measure": "test_accuracy", "rung": "base"},
            "relation": "above",
        },
        {
            "text": "At its own budget the top reaches 90 %.",
            "quantity": {"measure": "test_accuracy", "rung": "top"},
            "relation": "about",
            "value": 0.9,
            "budget": "own",
        },
    ],
}


TEST = np.arange(9) % 3


VALIDATION = np.arange(6) % 3


def put(
    store: Store,
    spec: RunSpec,
    *,
    right: int = 0,
    snapshots: tuple[int, ...] = (),
    failed: str | None = None,
    answered: Mapping[str, IntArray] | None = None,
) -> None:
    """A finished run whose best epoch is right on the first ``right`` test images.

    Where it is said what it ``answered`` for each part, of 3 classes, this is what it answered.
    """
    folder = store.work_folder(spec.key)
    (folder / "predictions").mkdir(exist_ok=True)
    history = [
        Epoch(number, 1.0, 0.6, loss, 0.5 + number / 100, 0.001, 10.0, 1.0)
        for number, loss in enumerate([2.0, 1.5, *[1.9] * (spec.epochs - 2)], start=1)
    ]
    models = {"best": right} | {f"snapshot-{i}": n for i, n in enumerate(snapshots, start=1)}
    for name, count in models.items():
        for part, labels in (("test", TEST), ("validation", VALIDATION)):
            answers = np.where(np.arange(len(labels)) < count, labels, (labels + 1) % 3)
            answers = answers if answered is None else answered[part]
            write_array(
                folder / "predictions" / f"{name}-{part}.npy",
                np.eye(3, dtype=np.float32)[answers],
            )
    write_text(folder / "epochs.jsonl", "".join(json.dumps(e.to_dict()) + "\n" for e in history))
    write_json(
        folder / "run.json",
        {
            "spec": spec.to_dict(),
            "best_epoch": 0 if failed else 2,
            "snapshots": len(snapshots),
            "execution": {
                "device": "cpu",
                "processor": "abacus",
                "threads": 1,
                "layout": "contiguous",
                "torch": "2",
            },
            "exact": True,
            "failed": failed,
            "workers": 1,
        },
    )
    store.complete(spec.key)
    store.index.add(spec.key, store.result(spec.key))


@cache
def measured_costs() -> dict[str, Cost]:
    return costs(parse(PLAIN, "fake.toml"), None)


def report(store: Store, study: Study, *, with_test: bool = True, **limits: Any) -> ReportData:
    return build(
        plan(study, **limits),
        store,
        with_test=with_test,
        environment={"rungs": "1"},
        costs=measured_costs(),
    )


def looked_through(study: Study) -> Audit:
    """An audit by which test image 0 has a duplicate in training, and 1 and 2 a doubtful label."""
    return Audit(
        data="drawn",
        fingerprint=study.data.fingerprint,
        duplicates=(Duplicate("near", Place("train", 5), Place("test", 0), 0.1, False, True),),
        upright_search=DuplicateSearch(0.8, 0.0),
        mirrored_search=DuplicateSearch(0.8, 0.0),
        balance={},
        label_errors=tuple(LabelError("test", index, "a", "b", 0.9) for index in (1, 2)),
        labels=LabelSearch(0.5, 5),
    )
