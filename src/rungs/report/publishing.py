"""Reports written to folders and kept in archives."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rungs.foundation.environment import version_of_rungs
from rungs.foundation.files import is_older, read_json
from rungs.foundation.wording import counted
from rungs.study.plan import slug

if TYPE_CHECKING:
    from rungs.report.figures.gallery import Gallery
    from rungs.report.figures.whole import ReportData
    from rungs.store import Store
    from rungs.study import Study
    from rungs.study.plan import Plan


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
        pictures: finds those for the page, such as
            `rungs.report.gather.gallery.gallery_from`; None for a page without.

    Returns:
        The folders that were written, the archive's last. It is left as it is where the test labels
        are sealed or not at hand; its report, where that is of more finished runs.
    """
    from rungs.report.show.rendering import write

    gallery = pictures(data) if pictures and folders else None
    for folder in folders:
        write(data, folder, gallery=gallery)
    # Compact predictions are made with the test labels: without them there is nothing to keep,
    # and figures that an archive has must not be replaced by none.
    if results is None or not data.test_labels:
        return folders
    from rungs.evidence.archives import keep
    from rungs.report.gather.quantities import claimed_runs

    # Those of other budgets too that claims show: who makes the report again needs them.
    keep(store, results, plan, claimed_runs(plan, store))
    report = in_archive(results, data.study, data.budget)
    if lessens(data, report):
        return folders
    # A place on this machine is nobody's business.
    named = results.name if results.is_absolute() else results.as_posix()
    write(replace(data, archive=named), report)
    return [*folders, report]


def in_archive(archive: Path, study: "Study", budget: str) -> Path:
    """The folder of a study's report in an archive.

    That of a study with overrides stands apart: the archive's own report is of the file's study.
    """
    return (archive / study.name if study.overrides else archive) / slug(budget)


def lessens(data: "ReportData", report: Path) -> bool:
    """Whether a report has nothing, or lacks what the one that is written in a folder has."""
    runs, claims = written_of(report)
    now = sum(len(item.seeds) for item in data.answering)
    return not now or runs > now or bool(claims & _without_figure(data))


def is_current(plan: "Plan", store: "Store", report: Path) -> bool:
    """Whether a written page shows what there is to show, told by the times of its sources.

    Args:
        plan: with every seed that is finished.
        store: where its runs are.
        report: folder of the page.
    """
    page = report / "report.html"
    try:
        version = read_json(report / "report.json")["environment"]["rungs"]
        if version != version_of_rungs() or not page.is_file():
            return False
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return not is_older(page, sources(plan, store))


def sources(plan: "Plan", store: "Store") -> "Iterator[Path]":
    """The files that the figures of a report hang on, as far as they are there.

    Args:
        plan: with every seed that is finished.
        store: where its runs are.
    """
    from rungs.report.gather.quantities import claimed_runs

    study = plan.study
    runs = {spec.key for spec in (*plan.runs, *claimed_runs(plan, store))}
    finished = [key for key in sorted(runs) if store.is_finished(key)]
    found = [store.run_folder(key) / "manifest.json" for key in finished]
    found += [store.root / "notes" / f"{key}.json" for key in sorted(runs)]
    found += [Path(study.source), *study.modules]
    found += (store.root / "rounds").glob(f"{study.name}-*.json")
    # What is open counts the recipes that other studies have shown of the same test images.
    found += (store.root / "seals").glob(f"*-{study.data.test_fingerprint}.json")
    found += (store.root / "audit").glob(f"{study.data.fingerprint}.json")
    found += (store.measures / "inference").glob("*.json")
    return (source for source in found if source.is_file())


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
        report = in_archive(results, data.study, data.budget)
        runs, claims = written_of(report)
        if not any(item.seeds for item in data.answering):
            return f"no report is written to {results}: none of its runs is finished"
        left = f"{report} is left as it is: it"
        if lost := claims & _without_figure(data):
            return (
                f"{left} has a figure for {counted(len(lost), 'claim')} whose runs are not here; "
                "delete it to have it written again"
            )
        return (
            f"{left} is of {runs} finished runs, more than these (`--seeds` asks for more); "
            "delete it to have it written again"
        )
    return f"nothing is written to {results}: what it keeps is made with the test labels; {why}"
