"""Into MLflow: a database beside its artefacts, or a server.

An experiment is a study at a budget; a rung's aggregate is a parent run, its seeds are its
children. Runs are found again by a tag. A run without the tag *rungs.content* was not written to
the end; it is made anew, and so is one that has changed: histories of MLflow can only grow.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rungs.foundation.errors import RungsError
from rungs.report.trackers.logged import REPORT, LoggedRun, LoggedStudy
from rungs.report.trackers.sent import CHANGED, NEW, SAME, Figures, Sent, folder_of

_ID, _CONTENT, _PARENT = "rungs.id", "rungs.content", "mlflow.parentRunId"
# What the service takes in one call, and the longest parameter.
_METRICS, _PARAMETERS, _LONGEST = 1000, 100, 6000
_STATES = {"finished": "FINISHED", "failed": "FAILED", "running": "RUNNING"}
_PAGE = 1000


def send(study: LoggedStudy, destination: str, figures: Figures) -> Sent:
    """Brings an experiment ``STUDY, BUDGET`` up to date.

    Args:
        study: what is logged.
        destination: a folder, of which ``mlflow.db`` is the database and ``artifacts`` has the
            files; or the address of a server or a database.
        figures: for the report's run.

    Raises:
        RungsError: the server does not answer, or refuses.
    """
    with _client(destination) as (client, artifacts):
        experiment = _experiment(client, f"{study.project}, {study.budget}", artifacts)
        known = _known(client, experiment)
        sent, parents = Sent(), dict[str, str]()
        for run in study.runs:
            parent = None if run.seed is None else parents.get(run.group)
            run_id, came = _brought(client, experiment, known.get(run.id), run, parent)
            sent += came
            if run.seed is None:
                parents[run.group] = run_id
        _report(client, experiment, known, study, figures)
        return sent


@contextlib.contextmanager
def _client(destination: str) -> Iterator[tuple[Any, str | None]]:
    """The service, and where files of a new experiment lie if it is not its own affair."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    # It says how it makes its tables, which nobody asked.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    address, artifacts = destination, None
    if "://" not in destination:
        folder = folder_of(destination).resolve()
        address, artifacts = f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()
    try:
        yield MlflowClient(tracking_uri=address), artifacts
    except MlflowException as error:
        first = str(error).splitlines()[0]
        raise RungsError(f"{destination}: MLflow does not take the study: {first}") from error


def _experiment(client: Any, name: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=artifacts))
    return str(found.experiment_id)


def _known(client: Any, experiment: str) -> dict[str, Any]:
    """Our id -> the run of it."""
    runs: dict[str, Any] = {}
    token = None
    while True:
        page = client.search_runs([experiment], max_results=_PAGE, page_token=token)
        runs |= {run.data.tags[_ID]: run for run in page if _ID in run.data.tags}
        token = page.token
        if not token:
            return runs


def _brought(
    client: Any, experiment: str, known: Any, run: LoggedRun, parent: str | None
) -> tuple[str, Sent]:
    """The run's id there, and what came of it."""
    if known is not None and known.data.tags.get(_CONTENT) == run.content:
        run_id = str(known.info.run_id)
        if parent is not None and known.data.tags.get(_PARENT) != parent:
            client.set_tag(run_id, _PARENT, parent)
        return run_id, SAME
    if known is not None:
        client.delete_run(known.info.run_id)
    tags = {**run.tags, _ID: run.id, "rungs.changes": run.changes}
    if parent is not None:
        tags[_PARENT] = parent
    made = client.create_run(experiment, start_time=0, tags=tags, run_name=run.name)
    run_id = str(made.info.run_id)
    _fill(client, run_id, run)
    client.set_tag(run_id, _CONTENT, run.content)
    end = round(1000 * run.seconds[-1]) if run.seconds else 0
    if run.state == "running":
        client.update_run(run_id, status=_STATES[run.state])
    else:
        client.set_terminated(run_id, status=_STATES[run.state], end_time=end)
    return run_id, NEW if known is None else CHANGED


def _fill(client: Any, run_id: str, run: LoggedRun) -> None:
    from mlflow.entities import Metric, Param

    def at(epoch: int) -> int:
        """Milliseconds of training until then: logged twice is the same."""
        return round(1000 * run.seconds[epoch - 1]) if 0 < epoch <= len(run.seconds) else 0

    last = max((epoch for points in run.curves.values() for epoch, _ in points), default=0)
    metrics = [
        Metric(name, value, at(epoch), epoch)
        for name, points in run.curves.items()
        for epoch, value in points
    ]
    metrics += [Metric(name, value, at(last), last) for name, value in run.summary.items()]
    parameters = [
        Param(_allowed(name), str(value)[:_LONGEST]) for name, value in run.parameters.items()
    ]
    for chunk in _chunks(metrics, _METRICS):
        client.log_batch(run_id, metrics=chunk)
    for chunk in _chunks(parameters, _PARAMETERS):
        client.log_batch(run_id, params=chunk)


def _report(
    client: Any,
    experiment: str,
    known: Mapping[str, Any],
    study: LoggedStudy,
    figures: Figures,
) -> None:
    """A run of its own holds the report and its plots as files."""
    before = known.get(study.text_id)
    if before is not None and before.data.tags.get(_CONTENT) == study.text_content:
        return
    if before is not None:
        client.delete_run(before.info.run_id)
    made = client.create_run(experiment, start_time=0, tags={_ID: study.text_id}, run_name=REPORT)
    run_id = made.info.run_id
    client.log_text(run_id, study.text, "report.md")
    for path in figures().values():
        client.log_artifact(run_id, str(path), "figures")
    client.set_tag(run_id, _CONTENT, study.text_content)
    client.set_terminated(run_id, end_time=0)


def _allowed(name: str) -> str:
    """A parameter's name of the signs that MLflow takes."""
    return re.sub(r"[^\w\-. /:]", "", re.sub(r"\[(\w+)\]", r".\1", name))


def _chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
