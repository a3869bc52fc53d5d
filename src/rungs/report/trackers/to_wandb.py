"""Into runs of Weights & Biases that are kept offline, for ``wandb sync``.

A project is a study, a group is a rung at a budget, a seed is a run; the rung's aggregate is a run
of the job type *rung*. Nothing leaves the machine. A run that has changed is written anew under its
id.
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from rungs.foundation.files import read_json, write_json
from rungs.report.trackers.logged import REPORT, LoggedRun, LoggedStudy
from rungs.report.trackers.sent import CHANGED, NEW, SAME, Figures, Sent, folder_of

_MARK = "rungs.json"


def send(study: LoggedStudy, destination: str, figures: Figures) -> Sent:
    """Writes ``DESTINATION/wandb/offline-run-*`` for each run; ``rungs.json`` says of what."""
    root = folder_of(destination)
    mark = root / _MARK
    known: dict[str, dict[str, str]] = {}
    with contextlib.suppress(OSError, ValueError):
        known = read_json(mark)
    sent = Sent()
    report = LoggedRun(
        id=study.text_id,
        group=REPORT,
        name=REPORT,
        seed=None,
        parameters={},
        changes="",
        curves={},
        summary={},
        tags={"rungs.content": study.text_content},
    )
    for run in (*study.runs, report):
        before = known.get(run.id)
        there = before is not None and (root / "wandb" / before["folder"]).is_dir()
        if before is not None and there and before["content"] == run.content:
            sent += SAME if run is not report else Sent()
            continue
        pictures = figures() if run is report else {}
        text = study.text if run is report else ""
        folder = _written(root, study, run, text, pictures)
        if before is not None and there:
            shutil.rmtree(root / "wandb" / before["folder"])
        known[run.id] = {"content": run.content, "folder": folder}
        # After each run: killed in between, the next call writes what is missing.
        write_json(mark, known)
        sent += Sent() if run is report else CHANGED if before is not None else NEW
    return sent


def _written(
    root: Path, study: LoggedStudy, run: LoggedRun, text: str, pictures: Mapping[str, Path]
) -> str:
    """Writes one offline run; gives back its folder's name."""
    import wandb

    with _quiet():
        writing = wandb.init(
            mode="offline",
            dir=str(root),
            project=study.project,
            group=f"{run.group}, {study.budget}",
            job_type="rung" if run.seed is None else "seed",
            name=run.name,
            id=_allowed(run.id),
            notes=run.changes or None,
            config={**run.parameters, **run.tags},
            reinit="finish_previous",
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                save_code=False,
                x_disable_stats=True,
                x_disable_meta=True,
            ),
        )
        rows: dict[int, dict[str, float]] = {}
        for name, points in run.curves.items():
            for epoch, value in points:
                rows.setdefault(epoch, {})[name] = value
        for epoch, values in sorted(rows.items()):
            if len(run.seconds) >= epoch:
                values = {**values, "seconds": run.seconds[epoch - 1]}
            writing.log({"epoch": epoch, **values}, step=epoch)
        if pictures:
            writing.log({name: wandb.Image(str(path)) for name, path in pictures.items()})
        if text:
            writing.summary["report"] = text
        writing.summary.update({**run.summary, "state": run.state})
        folder = Path(writing.dir).parent.name
        writing.finish(exit_code=1 if run.state == "failed" else 0)
    return folder


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the library prints, asks or sends of itself."""
    names = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_MODE": "offline"}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _allowed(text: str) -> str:
    """An id of the signs and the length that the library takes."""
    plain = re.sub(r"[^\w\-]", "-", text)
    if plain == text and len(text) <= 64:
        return text
    return f"{plain[:50]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
