"""A report as JSON. Accuracies are fractions; what is not known is null."""

from dataclasses import asdict, fields
from typing import Any

from rungs.evidence.metrics import ClassAccuracy
from rungs.report.figures.audited import AuditReport
from rungs.report.figures.baselines import BaselineRow, BaselineTable
from rungs.report.figures.ensembles import EnsembleReport
from rungs.report.figures.readings import Reading
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.spread import Spread
from rungs.report.figures.whole import ReportData

SCHEMA_VERSION = 1


def to_json(data: ReportData) -> dict[str, Any]:
    """The report as plain JSON types."""
    sizes = data.study.data.sizes
    best = data.best_on_validation
    return {
        "schema_version": SCHEMA_VERSION,
        "study": data.study.name,
        "title": data.study.title,
        "overrides": {item.key: item.value for item in data.study.overrides},
        "budget": data.budget,
        "base": data.study.base,
        "final": data.study.final,
        "best_on_validation": None if best is None else best.name,
        "folds": data.study.folds,
        "test_shown": data.with_test,
        "test_sealed": data.sealed,
        "recipes_revealed": data.revealed,
        "data": {
            "name": data.study.data.name,
            "fingerprint": data.study.data.fingerprint,
            "train": sizes["train"],
            "val": sizes["validation"],
            "test": sizes["test"],
            "classes": data.study.data.classes,
        },
        "constant_answer": data.constant_answer,
        "environment": dict(data.environment),
        "rounds": None if data.rounds is None else data.rounds.to_dict(),
        "climb": None if data.climb is None else data.climb.to_dict(),
        "rungs": [_rung(rung, data.budget, data.part) for rung in data.rungs],
        "claims": [
            {
                "text": claim.text,
                "status": claim.status,
                "reported": claim.reported or None,
                "expected": claim.expected,
                "measured": claim.measured,
            }
            for claim in data.claims
        ],
        "ensembles": [_ensemble(item) for item in data.ensembles],
        "audit": None if data.audit is None else _audit(data.audit),
        "rivals": [_baselines(table) for table in data.baselines],
        "readings": [_reading(row) for row in data.readings],
        "assumptions": [asdict(item) for item in data.assumptions],
        "noted_runs": [
            {
                "name": run.name,
                "seed": run.seed,
                "key": run.key,
                "notes": [asdict(note) for note in run.notes],
                "tags": list(run.tags),
            }
            for run in data.runs
            if run.notes or run.tags
        ],
        "errata": [item.model_dump() for item in data.study.errata],
    }


def _rung(rung: RungReport, budget: str, part: str) -> dict[str, Any]:
    parameters, trainable, flops = rung.cost
    return {
        "name": rung.name,
        "title": rung.title,
        "after": rung.after,
        "kept": rung.kept,
        "recorded": rung.recorded,
        "changes": list(rung.changes),
        "difference": list(rung.difference),
        "teacher": rung.teacher,
        "budget": budget,
        "epochs": rung.epochs,
        "seeds": list(rung.seeds),
        "planned_seeds": rung.planned_seeds,
        "parameters": parameters,
        "trainable_parameters": trainable,
        "flops": flops,
        "best_epochs": [epoch or None for epoch in rung.best_epochs],
        "val_accuracy": rung.val_accuracy.to_dict(),
        "val_loss": rung.val_loss.to_dict(),
        "test_accuracy": rung.test_accuracy.to_dict(),
        "balanced_accuracy": rung.balanced.to_dict(),
        "balanced_val_accuracy": rung.balanced_validation.to_dict(),
        "top5_accuracy": rung.top5.to_dict(),
        "calibration": [item.to_dict() for item in rung.calibrations],
        "delta_previous": rung.delta_previous,
        "delta_base": rung.delta_base,
        # Without test figures nothing was asked: "not run" would say that runs are missing.
        "verdict": rung.verdict.to_dict()
        if rung.verdict and (rung.held_out or part == "test")
        else None,
        "val_verdict": rung.val_verdict.to_dict() if rung.val_verdict else None,
        "train_seconds": rung.train_seconds,
        "workers": list(rung.workers),
        "speed": None if rung.speed is None else asdict(rung.speed),
        "best_class": _extreme(rung, rung.best_class),
        "worst_class": _extreme(rung, rung.worst_class),
        "classes": _classes(rung),
        "confused": [asdict(item) for item in rung.confused],
        "history": [[entry.to_dict() for entry in run] for run in rung.history],
        "failed": [{"seed": seed, "reason": reason} for seed, reason in rung.failed],
        "inexact_seeds": list(rung.inexact),
        "notes": list(rung.notes),
        "reported": rung.reported.model_dump(),
        "executions": list(rung.executions),
    }


def _classes(rung: RungReport) -> list[dict[str, Any]]:
    """All classes, in order of the index; of those without test images most is null."""
    names = [item.name for item in fields(ClassAccuracy)]
    untested = [
        {**dict.fromkeys(names), "index": index, "name": name} for index, name in rung.untested
    ]
    found = [*(asdict(item) for item in rung.classes), *untested]
    return sorted(found, key=lambda item: item["index"])


def _reading(row: Reading) -> dict[str, Any]:
    """One change as climbed and left out; a gain is positive in both."""
    return {
        "rung": row.rung,
        "change": row.change,
        "changes_of_rung": row.bundle,
        "climbed": None if row.climbed is None else asdict(row.climbed),
        "left_out": None if row.left_out is None else asdict(row.left_out),
        "why": row.why or None,
    }


def _audit(audit: AuditReport) -> dict[str, Any]:
    """Descriptive figures; none of them is part of a verdict."""
    return {
        "test_twins": audit.duplicates,
        "test_label_errors": audit.label_errors,
        "accuracies": [
            {
                "name": item.name,
                "test_accuracy": item.official.to_dict(),
                "without_twins": item.without_duplicates.to_dict(),
                "without_label_errors": item.without_label_errors.to_dict(),
            }
            for item in audit.accuracies
        ],
    }


def _extreme(rung: RungReport, item: ClassAccuracy | None) -> dict[str, Any] | None:
    return None if item is None else {**asdict(item), "level_with": list(rung.level_with(item))}


def _ensemble(item: EnsembleReport) -> dict[str, Any]:
    whole = item.growing_test[-1] if item.growing_test else Spread()
    return {
        "name": item.name,
        "kind": item.kind,
        "rung": item.rung,
        "epochs": item.epochs,
        "seeds": list(item.seeds),
        "alpha0": item.alpha0,
        "members": item.members,
        "member_test_accuracy": item.member_test.to_dict(),
        "member_val_accuracy": item.member_val.to_dict(),
        "test_accuracy": whole.to_dict(),
        "growing_test_accuracy": [spread.to_dict() for spread in item.growing_test],
        "growing_val_accuracy": [spread.to_dict() for spread in item.growing_val],
        "gain_over_last_snapshot": item.gain,
        "gain_interval": None if item.gain_interval is None else list(item.gain_interval),
        "gain_p": item.gain_p,
        "val_gain_over_last_snapshot": item.gain_val,
        "single_test_accuracy": item.single_test,
        "train_seconds": item.train_seconds,
        "failed": [{"seed": seed, "reason": reason} for seed, reason in item.failed],
    }


def _baselines(table: BaselineTable) -> dict[str, Any]:
    return {
        "rung": table.rung,
        "epochs": table.epochs,
        "members_compared_on": table.members_on,
        "best_for_cost": [row.name for row in table.best_for_cost],
        "rows": [_row(row) for row in table.rows],
    }


def _row(row: BaselineRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "what": row.what,
        "ensemble": row.ensemble,
        "times_cost": row.times_cost,
        "models": row.models,
        "seeds": list(row.seeds),
        "train_seconds": row.train_seconds,
        "val_accuracy": list(row.val_accuracy.values),
        "test_accuracy": list(row.test_accuracy.values),
        "verdict": None if row.verdict is None else row.verdict.to_dict(),
        "images_only": None if row.images_only is None else list(row.images_only),
        "disagreement": row.disagreement,
        "error_correlation": row.error_correlation,
        "growth": {
            part: {"forward": list(item.forward), "backward": list(item.backward)}
            for part, item in row.growth.items()
        },
        "inference": None if row.inference is None else asdict(row.inference),
    }
