"""Into event files of TensorBoard: a folder for each run, and for each rung's mean.

The horizontal axis *relative* is the time of training: events bear the seconds that were trained
until then, not the moment of logging. ``add_hparams`` is not used: it makes a run of its own with a
time stamp, and loses fields of later runs. Parameters stand under *text*.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rungs.foundation.files import read_json, write_json
from rungs.report.trackers.logged import REPORT, LoggedRun, LoggedStudy
from rungs.report.trackers.sent import CHANGED, NEW, SAME, Figures, Sent, folder_of

_MARK = "rungs.json"


def send(study: LoggedStudy, destination: str, figures: Figures) -> Sent:
    """Writes ``DESTINATION/STUDY/BUDGET/RUNG/`` with a folder for the mean and for each seed."""
    root = folder_of(destination) / _named(study.project) / _named(study.budget)
    sent = Sent()
    for run in study.runs:
        folder = root / _named(run.group) / ("mean" if run.seed is None else _named(_seed(run)))
        sent += _written(folder, run.content, lambda writer, run=run: _write(writer, run))
    _written(root / REPORT, study.text_content, lambda writer: _report(writer, study, figures))
    return sent


def _seed(run: LoggedRun) -> str:
    return run.name.removeprefix(f"{run.group}, ").replace(", ", " ").replace(" ", "-")


def _named(text: str) -> str:
    return quote(text, safe=" +=@")


def _written(folder: Path, content: str, write: Any) -> Sent:
    """Writes a run's events anew if they are not of this content."""
    before = None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        before = read_json(folder / _MARK)["content"]
    if before == content:
        return SAME
    known = folder.exists()
    if known:
        # The mark goes first: killed in between, the next call writes all anew.
        (folder / _MARK).unlink(missing_ok=True)
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
    with _writer(folder) as writer:
        write(writer)
    write_json(folder / _MARK, {"content": content})
    return CHANGED if known else NEW


@contextlib.contextmanager
def _writer(folder: Path) -> Iterator[Any]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))
    try:
        yield writer
    finally:
        writer.close()


def _write(writer: Any, run: LoggedRun) -> None:
    for name, points in run.curves.items():
        for epoch, value in points:
            at = run.seconds[epoch - 1] if len(run.seconds) >= epoch else float(epoch)
            writer.add_scalar(name, value, global_step=epoch, walltime=at)
    last = max((epoch for points in run.curves.values() for epoch, _ in points), default=0)
    end = run.seconds[-1] if run.seconds else float(last)
    for name, value in run.summary.items():
        writer.add_scalar(name, value, global_step=last, walltime=end)
    writer.add_text("parameters", _table(run.parameters), global_step=last, walltime=end)
    about = {"name": run.name, "state": run.state, "changes": run.changes, **run.tags}
    writer.add_text("about", _table(about), global_step=last, walltime=end)


def _report(writer: Any, study: LoggedStudy, figures: Figures) -> None:
    import numpy as np
    from PIL import Image

    writer.add_text("report", study.text, global_step=0, walltime=0.0)
    for name, path in figures().items():
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        writer.add_image(name, pixels, global_step=0, walltime=0.0, dataformats="HWC")


def _table(values: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in values.items() if value != "")
    return f"| | |\n|---|---|\n{rows}"
