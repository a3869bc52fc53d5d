"""Reports gathered from a store, written to folders and kept in archives."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rungs.foundation.errors import DataError
from rungs.foundation.files import read_json
from rungs.foundation.wording import counted
from rungs.study.plan import slug

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rungs.report.data import ReportData
    from rungs.report.gather.gallery import Gallery
    from rungs.store import Store
    from rungs.store.results import RunSpec
    from rungs.study.plan import Plan


def gather(plan: "Plan", store: "Store", *, with_test: bool) -> "ReportData":
    """The report of a plan, as of now; test figures only where the study's seal is broken."""
    from rungs.evidence.seal import read_seal, reveal, times_revealed
    from rungs.foundation.environment import environment
    from rungs.report.gather.gathering import build
    from rungs.study.costs import costs, layer_tables

    study = plan.study
    seal = read_seal(store.root, study)
    if seal is not None and with_test:
        # Those of ensembles too: their schedule makes them recipes of their own.
        tested = (
            run.recipe
            for run in (*plan.runs, *_claimed(plan))
            if store.is_finished(run.key) and store.result(run.key).failed is None
        )
        seal = reveal(store, study, seal, tested)
    return build(
        plan,
        store,
        with_test=with_test,
        environment=environment(),
        costs=costs(study, store),
        layers=layer_tables(study, store),
        sealed=seal is None,
        hindsight=None if seal is None else seal.hindsight(study),
        revealed=times_revealed(store, study),
    )


def _claimed(shown: "Plan") -> "list[RunSpec]":
    """The runs of other budgets whose test figures a report shows, since claims ask for them."""
    from rungs.report.gather.quantities import ON_TEST
    from rungs.study.plan import plan

    names: dict[str, set[str]] = {}
    for claim in shown.study.claims:
        for item in (claim.quantity, claim.than):
            name = None if item is None else item.rung or item.ensemble
            if claim.budget is None or claim.budget == shown.budget or name is None:
                continue
            if item is not None and item.measure in ON_TEST:
                names.setdefault(claim.budget, set()).add(name)
    return [
        run
        for budget, only in names.items()
        for run in plan(
            shown.study, budget=budget, seeds=shown.seeds, only=tuple(sorted(only))
        ).runs
    ]


def take(archive: Path, store: "Store", plan: "Plan") -> None:
    """Takes an archive's runs into the store, and a broken seal and the data's audit with them."""
    from rungs.data.audit.findings import copy_audit
    from rungs.evidence.seal import take_seal
    from rungs.store.archive import import_runs
    from rungs.store.inference_costs import copy_inference
    from rungs.store.mixtures import import_mixtures
    from rungs.store.trained_on import copy_labels, keep_trained_on, trained_on

    study = plan.study
    if study.form is not None:
        for spec in trained_on((archive,), study.name, study.form):
            keep_trained_on(store.root, study.name, study.form, spec)
    copy_labels(archive, store.root, study.data)
    import_runs(store, archive)
    import_mixtures(store, archive)
    copy_inference(archive, store.measures)
    copy_audit(archive, store.root, plan.study.data.fingerprint)
    take_seal(store, archive, plan.study)


def publish(
    data: "ReportData",
    store: "Store",
    folders: list[Path],
    results: Path | None,
    *,
    plan: "Plan",
    pictures: "Callable[[ReportData], Gallery | None] | None" = None,
) -> list[Path]:
    """Writes a report to the folders, and brings the archive up to date.

    Args:
        data: the report.
        store: where the runs are.
        folders: for the report.
        results: an archive, whose page never has pictures; None for no archive.
        plan: its runs, and what its ensembles answer, belong into the archive.
        pictures: finds those for the page, such as `gallery_from`; None for a page without.

    Returns:
        The folders that were written, the archive's last. It is left as it is where the test labels
        are sealed or not at hand; its report, where that is of more finished runs.
    """
    from rungs.report.show.forms import write

    gallery = pictures(data) if pictures and folders else None
    for folder in folders:
        write(data, folder, gallery=gallery)
    # Compact predictions are made with the test labels: without them there is nothing to keep,
    # and figures that an archive has must not be replaced by none.
    if results is None or not data.test_labels:
        return folders
    from rungs.data.audit.findings import copy_audit
    from rungs.evidence.baselines import mixtures_of
    from rungs.evidence.seal import export_seal
    from rungs.store.archive import export_runs
    from rungs.store.inference_costs import copy_inference
    from rungs.store.mixtures import export_mixtures
    from rungs.store.trained_on import copy_labels, keep_trained_on

    # Those of other budgets too that claims show: who makes the report again needs them.
    export_runs(store, [spec.key for spec in (*plan.runs, *_claimed(plan))], results)
    export_mixtures(store, mixtures_of(plan), results)
    copy_inference(store.measures, results)
    copy_audit(store.root, results, data.study.data.fingerprint)
    copy_labels(store.root, results, data.study.data)
    if data.study.form is not None:
        keep_trained_on(results, data.study.name, data.study.form, data.study.data)
    export_seal(store, results, data.study)
    report = results / slug(data.budget)
    if _fewer(data, report):
        return folders
    # A place on this machine is nobody's business.
    named = results.name if results.is_absolute() else results.as_posix()
    write(replace(data, archive=named), report)
    return [*folders, report]


def _fewer(data: "ReportData", report: Path) -> bool:
    """Whether a report has nothing, or lacks what a written one has."""
    runs, claims = written_of(report)
    now = sum(len(item.seeds) for item in data.answering)
    return not now or runs > now or bool(claims & _without_figure(data))


def _without_figure(data: "ReportData") -> frozenset[str]:
    return frozenset(claim.text for claim in data.claims if claim.measured is None)


def written_of(report: Path) -> tuple[int, frozenset[str]]:
    """What a written report is of: seeds of rungs and ensembles, and claims that have a figure."""
    try:
        found = read_json(report / "report.json")
        runs = sum(len(item["seeds"]) for item in (*found["rungs"], *found["ensembles"]))
        claims = (str(item["text"]) for item in found["claims"] if item["measured"] is not None)
        return runs, frozenset(claims)
    except (OSError, ValueError, TypeError, KeyError):
        return 0, frozenset()


def unwritten(data: "ReportData", results: Path) -> str:
    """Why `publish` left an archive as it is, for the user."""
    why = "the test labels are not at hand"
    if data.sealed:
        why = "the test set is sealed, and `rungs unseal` opens it"
    elif not data.with_test:
        why = "--no-test leaves them unread"
    elif data.test_labels:
        report = results / slug(data.budget)
        runs, claims = written_of(report)
        if not any(item.seeds for item in data.answering):
            return f"no report is written to {results}: none of its runs is finished"
        left = f"{report} is left as it is: it"
        if lost := claims & _without_figure(data):
            return (
                f"{left} has a figure for {counted(len(lost), 'claim')} whose runs are not here; "
                "delete it to have it written anew"
            )
        return (
            f"{left} is of {runs} finished runs, more than these (`--seeds` asks for more); "
            "delete it to have it written anew"
        )
    return f"nothing is written to {results}: what it keeps is made with the test labels; {why}"


def gallery_from(store: "Store", data_dir: Path | None) -> "Callable[[ReportData], Gallery | None]":
    """Finds a page's pictures in the data set; none where the data is not at hand."""

    def find(data: "ReportData") -> "Gallery | None":
        import torch

        from rungs.data.loading import load
        from rungs.report.gather.gallery import gallery

        def pixels(part: str, positions: "npt.NDArray[np.intp]") -> "npt.NDArray[np.uint8]":
            loaded = load(data.study.data, data_dir=data_dir, allow_download=False)
            images = loaded.test if part == "test" else loaded.exploration.validation
            return images.subset(torch.from_numpy(positions)).pixels[:].numpy()

        try:
            return gallery(data, data.chosen, store, pixels)
        except DataError:
            return None

    return find
