"""Whether the quick path reaches what torch's own reaches: the same recipes, trained both ways.

The quick path is what a run uses on this machine (on a CPU channels-last and Winograd convolution),
the other is torch as it is: contiguous, its own convolutions. With ``--device cuda`` the quick path
is CUDA graphs, the other the same updates without them. Both begin with the same weights and
see the same batches; they differ in rounding alone, which training then makes larger. Only
validation is looked at: at the epoch that a run is judged by, and over all epochs, which wanders
less, so that the same seeds tell more. Run as ``python benchmarks/equivalence.py --folder FOLDER``
with CIFAR-100 at hand (``RUNGS_DATA``); what is trained stays in the folder, so that it goes on
where it was. The machine need not be idle. All of it takes many hours on two cores: ``--network
base --network final:3:9`` asks for a part, here 15 epochs of the base network and 3 of the final
one, that with 9 seeds.
"""

import math
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import timing

from rungs.data.loading import load as load_data
from rungs.foundation.environment import available_cores
from rungs.recipe import Recipe
from rungs.study import load
from rungs.training.fit import fit
from rungs.training.record import ExecutionRecord, candidates

COLUMNS = (
    *("network", "epochs", "accuracy of", "seeds"),
    *("quick, validation %", "torch's own, validation %"),
    *("difference, points", "low", "high", "within 1 point"),
)
BEST, ALL = "the best epoch", "all epochs, mean"
EPOCHS, SEEDS = 15, 3
WITHIN_POINTS = 1.0
LEVEL = 0.95


@dataclass(frozen=True)
class Network:
    """A rung of the study with the epochs and the seeds that it is trained with."""

    rung: str
    epochs: int = EPOCHS
    seeds: int = SEEDS

    def __str__(self) -> str:
        """As `network` reads it."""
        return f"{self.rung}:{self.epochs}:{self.seeds}"


def network(text: str) -> Network:
    """Of ``final``, ``final:3`` or, with the seeds, ``final:3:9``."""
    rung, *numbers = text.split(":")
    return Network(rung, *map(int, numbers))


@dataclass(frozen=True)
class Training:
    """One training of a rung by one path; ``number`` is that of the path in `paths`."""

    device: str
    study: str
    rung: str
    epochs: int
    seed: int
    number: int


def paths(device: str, threads: int) -> tuple[ExecutionRecord, ExecutionRecord]:
    """The quick path and torch's own."""
    every = candidates(device, threads)
    if device == "cuda":
        return replace(every[0], graphs="yes"), every[0]
    (own,) = (one for one in every if (one.layout, one.convolutions) == ("contiguous", "library"))
    return every[0], own


def shown(record: ExecutionRecord) -> str:
    """The parts of a path that differ."""
    return f"{record.layout}, {record.convolutions} convolutions, graphs: {record.graphs}"


def reached(asked: Training, folder: Path, data_dir: Path | None) -> dict[str, float]:
    """Validation accuracy in percent, at the epoch of the lowest validation loss and over all."""
    study = load(asked.study)
    recipe: Recipe = study.rung(asked.rung).recipe
    name = "-".join(map(str, (asked.rung, asked.epochs, asked.seed, asked.number)))
    name = name if asked.device == "cpu" else f"{asked.device}-{name}"
    (folder / name).mkdir(parents=True, exist_ok=True)
    done = fit(
        recipe,
        load_data(study.data, data_dir=data_dir).exploration.to(asked.device),
        seed=asked.seed,
        epochs=asked.epochs,
        record=paths(asked.device, 1)[asked.number],
        folder=folder / name,
    )
    assert done is not None  # nothing asks it to stop
    accuracies = [100 * epoch.val_accuracy for epoch in done.history]
    return {BEST: accuracies[done.best_epoch - 1], ALL: statistics.fmean(accuracies)}


def row(
    network: Network, measure: str, quick: Sequence[float], own: Sequence[float]
) -> dict[str, object]:
    """The mean difference over seeds with its interval: two one-sided tests at 5 % (TOST).

    Pairs share seed and batches, so each seed gives one difference (Schuirmann, 1987).
    """
    differences = [one - other for one, other in zip(quick, own, strict=True)]
    mean = statistics.fmean(differences)
    low = high = None
    inside = False
    if len(differences) > 1:
        from scipy.stats import t

        error = statistics.stdev(differences) / math.sqrt(len(differences))
        half = float(t.ppf(LEVEL, len(differences) - 1)) * error
        low, high = mean - half, mean + half
        inside = low > -WITHIN_POINTS and high < WITHIN_POINTS
    return {
        "network": network.rung,
        "epochs": network.epochs,
        "accuracy of": measure,
        "seeds": len(differences),
        "quick, validation %": statistics.fmean(quick),
        "torch's own, validation %": statistics.fmean(own),
        "difference, points": mean,
        "low": low,
        "high": high,
        "within 1 point": "yes" if inside else "not shown",
    }


def main() -> None:
    """Trains what the folder lacks, side by side, and compares."""
    parser = timing.options(__doc__)
    parser.add_argument(
        "--network",
        action="append",
        type=network,
        help="RUNG[:EPOCHS[:SEEDS]], as base or final:3:9; base and final if left out, "
        f"{EPOCHS} epochs and {SEEDS} seeds where none are said",
    )
    parser.add_argument("--folder", type=Path, default=Path("equivalence"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    study, networks = "cifar100", options.network or [Network("base"), Network("final")]
    if options.quick:
        study, networks = "quickstart", [Network("base", epochs=1, seeds=2)]
    # Each of them once, though a network may be named twice: they have a folder each.
    every = (
        Training(options.device, study, each.rung, each.epochs, seed, number)
        for each in networks
        for seed in range(each.seeds)
        for number in range(2)
    )
    wanted = list(dict.fromkeys(every))
    processes = available_cores() if options.device == "cpu" else 1
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        work = partial(reached, folder=options.folder, data_dir=options.data_dir)
        found = dict(zip(wanted, pool.map(work, wanted), strict=True))
    rows = [
        row(
            each,
            measure,
            *(
                [
                    figures[measure]
                    for one, figures in found.items()
                    if (one.rung, one.epochs, one.number) == (each.rung, each.epochs, number)
                    and one.seed < each.seeds
                ]
                for number in range(2)
            ),
        )
        for each in networks
        for measure in (BEST, ALL)
    ]
    facts = {
        "quick": shown(paths(options.device, 1)[0]),
        "interval": "90 %, over seeds; inside -1 ... 1: equivalent at 5 % (two one-sided tests)",
    }
    asked = " ".join(f"--network {each}" for each in networks)
    command = f"python benchmarks/equivalence.py {asked}"
    name = "equivalence" if options.device == "cpu" else "equivalence_cuda"
    command += "" if options.device == "cpu" else f" --device {options.device}"
    timing.write(name, command, COLUMNS, rows, facts=facts, quick=options.quick)


if __name__ == "__main__":
    main()
