"""A study as it was trained: a store or an archive answers, whatever became of the data."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rungs.data.kinds import kind_of, on
from rungs.data.kinds.core import Resolved
from rungs.data.spec import DataSpec
from rungs.foundation.errors import DataError
from rungs.foundation.wording import counted, listed
from rungs.store import Store
from rungs.store.trained_on import keep_trained_on, trained_on
from rungs.study.forms import StudyForm
from rungs.study.model import Study
from rungs.study.overrides import Overrides
from rungs.study.parsing import Say, Source, load
from rungs.study.plan import Plan

# Names of runs that are looked for at other lengths: a large study is not held up by a note.
_MOST_LOOKED_AT = 1000


def load_trained(
    source: Source,
    places: Sequence[Path],
    say: Say = lambda _: None,
    *,
    overrides: Overrides = (),
) -> Study:
    """The study in a file or dict, on the data that there are answers for.

    That is the data as it is now if anything was trained on it, or if nothing was trained at all;
    else what was trained on last, which is said.

    Args:
        source: as `rungs.study.load`.
        places: the store, and archives, that are asked.
        say: receives lines.
        overrides: as `rungs.study.load`.

    Raises:
        StudyError: as `rungs.study.load`.
        DataError: the data is not there or cannot be used, and nothing was trained.
    """

    def resolve(form: StudyForm, beside: Path, say: Say) -> Resolved:
        known = trained_on(places, form.name, form.data)
        try:
            found = kind_of(form.data).resolve(form.data, beside, say)
        except DataError as error:
            if not known:
                raise
            say(f"{error}. What follows is about those trained on: {_described(known[-1])}")
            return Resolved(known[-1])
        if not known or found.spec in known:
            return found
        say(
            f"{found.spec.name}: the pictures have changed ({_described(found.spec)}), and "
            "nothing is trained on them yet. What follows is about those before: "
            f"{_described(known[-1])}"
        )
        return Resolved(known[-1])

    return load(source, say, resolve=resolve, overrides=overrides)


def note_data(study: Study, store: Store) -> None:
    """Notes that something of a study is trained on its data, so that `load_trained` finds it."""
    if study.form is not None:
        keep_trained_on(store.root, study.name, study.form, study.data)


def on_other_data(wanted: Plan, store: Store) -> list[str]:
    """A line for all data on which a study was trained and which is not what is there now."""
    study = wanted.study
    if study.form is None:
        return []
    known = trained_on((store.root,), study.name, study.form)
    then = (
        "reports and models are of those that are there now"
        if study.data in known
        else "reports and models are of the latest of them until something is trained on those "
        f"that are there now ({_described(study.data)})"
    )
    lines = []
    for spec in (one for one in known if one != study.data):
        done = sum(
            store.is_finished(replace(run, data=on(run.data, spec)).key) for run in wanted.runs
        )
        if done:
            found = counted(done, "finished run")
            lines.append(f"{found} on other pictures ({_described(spec)}); {then}.")
    return lines


def at_other_lengths(wanted: Plan, store: Store) -> list[str]:
    """A line where rungs that are not finished as planned are finished with other epochs."""
    rows = store.index.rows()
    keys = {str(row["key"]) for row in rows if row["failed"] is None}
    data = {spec.fingerprint for spec in wanted.study.splits}
    lengths = sorted({int(row["epochs"]) for row in rows if row["data"] in data})
    if len(lengths) * len(wanted.rungs) > _MOST_LOOKED_AT:
        return []
    found: dict[str, list[str]] = {}  # epochs -> rungs
    for item in wanted.rungs:
        if any(run.key in keys for run in item.runs):
            continue
        for length in lengths:
            if item.runs[0].lasting(length).key in keys:
                found.setdefault(counted(length, "epoch"), []).append(item.rung.name)
    return [
        f"{listed(names)}: finished with {epochs}, not {wanted.budget_with_epochs}; `--budget` or "
        "`--epochs` says which runs are meant."
        for epochs, names in found.items()
    ]


def lost_classes(study: Study, store: Store) -> str | None:
    """What to say of classes that a study was trained on and that have no pictures any more.

    None where there are none, or something was trained on the pictures that are there now.
    """
    if study.form is None or study.pictures is None:
        return None
    known = trained_on((store.root,), study.name, study.form)
    labels = (
        store.labels(known[-1].fingerprint, "validation")
        if known and study.data not in known
        else None
    )
    there = study.pictures.pictures
    gone = [] if labels is None else [name for name in labels.class_names if name not in there]
    if not gone:
        return None
    have, them = ("has", "it") if len(gone) == 1 else ("have", "them")
    return (
        f"{listed(gone)} {have} no pictures any more, but had some when the study was trained "
        f"({_described(known[-1])}); what is trained now does not know of {them}"
    )


def _described(spec: DataSpec) -> str:
    sizes = ", ".join(f"{count:,} {part}" for part, count in spec.sizes.items())
    return f"{sizes}; {spec.fingerprint}"
