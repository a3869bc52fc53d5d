"""A study's missing runs done, with something to look at meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rungs.data.pictures import MOST_LISTED, left_out_lines
from rungs.execution.display import choose, describe
from rungs.execution.engine import Finished, Lost
from rungs.execution.engines import LOCAL, check_engine, room_of
from rungs.execution.lagging import Lagging, now_and_then
from rungs.execution.room import machine_elsewhere
from rungs.execution.watching import OnEpoch, tell
from rungs.foundation import interrupts
from rungs.foundation.errors import RungsError
from rungs.foundation.wording import counted
from rungs.report.figures.runs import run_name
from rungs.store import Store
from rungs.store.results import RunSpec
from rungs.study.cautions import cautions, fault_lines, lost_ensembles, slow_precision
from rungs.study.costs import costs, faults
from rungs.study.estimate import Machine, duration, keep_speeds, rates, seconds_left
from rungs.study.jobs import jobs, missing, unrecorded
from rungs.study.plan import Plan
from rungs.study.sizes import check_sizes
from rungs.study.trained import lost_classes, note_data

# Seconds from which on an estimate is given before a study begins.
_WORTH_SAYING = 600


def train(
    wanted: Plan,
    opened: Store,
    *,
    device: str,
    workers: int | None,
    data_dir: Path | None,
    quiet: bool,
    as_json: bool,
    on_done: Callable[[], object],
    on_epoch: OnEpoch | None = None,
    engine: str = LOCAL,
    address: str | None = None,
    warned_before: bool = False,
) -> list[str]:
    """Does what a plan lacks and shows it as it happens.

    Args:
        wanted: the plan.
        opened: the store.
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: processes side by side; None to share the cores.
        data_dir: where the user has the data.
        quiet: show nothing.
        as_json: show events as JSON lines.
        on_done: called some seconds after a run was finished, from a thread of its own and never
            twice at a time; where it takes long, seldom. After the last one it may not be called.
        on_epoch: called with each epoch that ends, in this thread; training goes on meanwhile. What
            it raises ends the study as the user's stop would, and is raised here.
        engine: name of what does the runs, see `rungs.execution.engines`.
        address: where its cluster is; None for its usual place.
        warned_before: whether the study's warnings were given already, in a round before this.

    Returns:
        A line for each run that was lost.

    Raises:
        RungsError: there is no such engine, or its library is not installed.
        KeyboardInterrupt: the user stopped it; the same call goes on from the last finished epoch.
    """
    check_engine(engine, address)
    # torch: only where something is trained.
    from rungs.execution.choosing import choose_machine
    from rungs.execution.conduct import conduct, measure_answers

    study = wanted.study
    # A network that cannot be built is found now, not in the middle of the study.
    known_costs = costs(wanted.study, opened)
    faulty = faults(wanted.study, known_costs)  # the others are trained all the same
    check_sizes(wanted, opened, but=faulty)
    todo, elsewhere = missing(wanted, opened), unrecorded(wanted, opened)
    warned = cautions(wanted.study, opened, strict=True) if todo and not warned_before else ()
    trainings = [job.spec for job in jobs(wanted, opened)]
    machine: Machine | None = None

    before = {spec.key: opened.epochs_done(spec.key) for spec in trainings}

    @now_and_then
    def time_left(done: Mapping[str, float]) -> float | None:
        if machine is None:
            return None
        known = rates(wanted, opened, machine, known_costs)
        at = [(spec, done.get(spec.key, before[spec.key])) for spec in trainings]
        return seconds_left(at, known, machine.workers)

    if len(todo) + len(elsewhere) < len(wanted.runs):
        note_data(study, opened)  # in a store from before it was noted
    gone = lost_classes(study, opened) if todo else None
    lost: list[str] = []
    with choose(wanted, todo, time_left, quiet=quiet, as_json=as_json) as display:
        display.say(
            f"{wanted.study.title}: {counted(len(wanted.runs), 'run')}, "
            f"{len(wanted.runs) - len(todo) - len(elsewhere)} finished, {len(todo)} to do"
            + (f", {len(elsewhere)} to be recorded" if elsewhere else "")
        )
        for line in unrecorded_lines(elsewhere, wanted):
            display.say(line)
        for spec, reason in _failed(wanted, opened):
            display.failed_before(spec, reason)
        for line in (
            *wanted.left_out,
            *fault_lines(faulty, wanted),
            *warned,
            *lost_ensembles(wanted, opened),
        ):
            display.say(line)
        if todo and wanted.study.pictures is not None:
            for line in left_out_lines(wanted.study.pictures, MOST_LISTED):
                display.say(line)
        if gone:
            display.say(f"Warning: {gone}.")
        there = room_of(engine, address) if trainings else None
        machine = (
            choose_machine(
                wanted, opened, known_costs, device=device, workers=workers, say=display.say
            )
            if there is None
            else machine_elsewhere(
                f"{engine}'s nodes", there, len(trainings), device=device, workers=workers
            )
        )
        for line in slow_precision(wanted.study, machine.device) if todo else ():
            display.say(line)
        seconds = time_left({}) if todo else None
        if seconds is not None and seconds > _WORTH_SAYING:
            display.say(f"about {duration(seconds)} on {machine}")
        with Lagging(on_done) as following:
            for spec, event in conduct(
                wanted,
                opened,
                machine,
                data_dir=data_dir,
                engine=engine,
                address=address,
                say=display.say,
            ):
                interrupts.check()
                display.show(spec, event)
                tell(on_epoch, spec, event, wanted)
                if isinstance(event, Lost):
                    lost.append(describe(spec, event, wanted))
                if isinstance(event, Finished):
                    note_data(study, opened)
                    following.ask()
        measure_answers(wanted, opened, machine)
        keep_speeds(machine, rates(wanted, opened, machine, known_costs))
    return lost


def unrecorded_lines(elsewhere: Sequence[RunSpec], wanted: Plan) -> list[str]:
    """What to say of runs that are trained elsewhere: which are missing, and how they come here."""
    if not elsewhere:
        return []
    seeds = {
        item.rung.name: given
        for item in wanted.rungs
        if (given := [str(spec.seed) for spec in item.runs if spec in elsewhere])
    }
    found = "; ".join(
        f"{name}, seed{'s'[: len(given) > 1]} {', '.join(given)}" for name, given in seeds.items()
    )
    return [
        f"trained elsewhere, and not recorded yet: {found}. `rungs.record(...)` in the training "
        f"loop, or `rungs import {wanted.study.source} --from FILE...`, enters them."
    ]


def complain(lost: list[str]) -> None:
    """The error where runs could not be finished.

    Raises:
        RungsError: there are lost runs.
    """
    if lost:
        raise RungsError(
            "not all runs could be finished; the same command resumes them:\n  " + "\n  ".join(lost)
        )


def complain_of_failed(wanted: Plan, opened: Store, lost: list[str]) -> None:
    """The error where a plan's runs were lost, or are finished as failed, now or before.

    Raises:
        RungsError: there are such runs.
    """
    said = []
    try:
        complain(lost)
    except RungsError as error:
        said.append(str(error))
    failed = [f"{run_name(spec, wanted)}: {reason}" for spec, reason in _failed(wanted, opened)]
    if failed:
        said.append(
            f"{len(failed)} of {counted(len(wanted.runs), 'run')} failed; that is their result, "
            "and only another recipe has another:\n  " + "\n  ".join(failed)
        )
    if said:
        raise RungsError("\n".join(said))


def _failed(wanted: Plan, opened: Store) -> list[tuple[RunSpec, str]]:
    """The runs of a plan that are finished as failed, with the reasons."""
    reasons = {row["key"]: str(row["failed"]) for row in opened.index.rows() if row["failed"]}
    return [(spec, reasons[spec.key]) for spec in wanted.runs if spec.key in reasons]
