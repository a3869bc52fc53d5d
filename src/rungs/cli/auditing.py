"""The command that looks through a data set."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rungs.cli.options import (
    DataOption,
    OverrideOption,
    StoreOption,
    answering,
    load_study,
    page_width,
)
from rungs.store import DEFAULT_STORE

# Seconds between two lines about progress where there is no terminal.
_LINE_SECONDS = 15

DataArgument = Annotated[
    str,
    typer.Argument(metavar="DATA", help="A study file, or a built-in study's name: its data."),
]

ArchiveOption = Annotated[
    Path | None,
    typer.Option("--archive", help="Archive of results: its audit is used, or this one is added."),
]


@answering
def audit(
    study: DataArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that was found.")] = False,
    no_label_errors: Annotated[
        bool, typer.Option("--no-label-errors", help="Look for duplicates and class balance only.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Repeat the audit even if there is an earlier one.")
    ] = False,
    overrides: OverrideOption = None,
    data_dir: DataOption = None,
    store: StoreOption = DEFAULT_STORE,
    archive: ArchiveOption = None,
) -> None:
    """Audit a study's data: duplicates, probable label errors, class balance. Takes minutes."""
    from rungs.data.audit.findings import copy_audit, read_audit, write_audit
    from rungs.data.pictures import names_of
    from rungs.foundation.files import write_text
    from rungs.report.show.markdown import to_markdown
    from rungs.report.show.tables.audit import audit_sections
    from rungs.report.show.text import to_text
    from rungs.store import open_store

    asked = load_study(study, overrides)
    spec = asked.data
    root = open_store(store).root
    if archive is not None:
        copy_audit(archive, root, spec.fingerprint)
    names = None if asked.pictures is None else names_of(asked.pictures)
    found = None if again else read_audit(root, spec.fingerprint)
    if found is None or (found.label_errors is None and not no_label_errors):
        # torch takes a second to import: only where there is something to do.
        from rungs.data.audit.auditing import audit as look_through
        from rungs.data.loading import load

        data = load(spec, data_dir=data_dir, progress=_say)
        _say(_announcement(sum(data.sizes.values()), found is None, not no_label_errors))
        try:
            with _progress() as progress:
                found = look_through(
                    data, label_errors=not no_label_errors, known=found, progress=progress
                )
        except KeyboardInterrupt:
            _say("stopped; nothing of it was kept")
            raise typer.Exit(130) from None
    if asked.pictures is not None and names is not None:
        left_out = tuple(f"{name}: {why}" for name, why in asked.pictures.left_out)
        found = replace(found, unreadable=left_out).with_pictures(names)
    sections = audit_sections(found)
    for folder in [root] if archive is None else [root, archive]:
        path = write_audit(folder, found)
        write_text(path.with_suffix(".md"), to_markdown(sections))
        _say(f"written: {path} and {path.with_suffix('.md').name}")
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
    else:
        typer.echo(to_text(sections, width=page_width()), nl=False)


def _say(line: str) -> None:
    """A line that is no part of the answer."""
    typer.echo(line, err=True)


def _announcement(images: int, duplicates: bool, labels: bool) -> str:
    steps = []
    if duplicates:
        pairs = images * (images - 1) // 2
        steps.append(f"duplicates among {images:,} pictures, which are {pairs:,} pairs")
    if labels:
        steps.append("probable label errors (--no-label-errors leaves them out)")
    return f"looking for {' and '.join(steps)}; the time left is shown on the way"


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Shows on stderr what is done: a bar in a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        tasks = {}

        def show(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=share)

        yield show


def _lines() -> Callable[[str, float], None]:
    from rungs.study.estimate import duration

    began: dict[str, float] = {}
    said: dict[str, float] = {}

    def show(what: str, share: float) -> None:
        now = time.monotonic()
        if what not in began:
            began[what] = said[what] = now
            _say(what)
        elif share > 0 and now - said[what] >= _LINE_SECONDS:
            said[what] = now
            left = (now - began[what]) * (1 - share) / share
            _say(f"{what}: {share:.0%}, about {duration(left)} left")

    return show
