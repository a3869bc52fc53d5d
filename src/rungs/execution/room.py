"""How much can be done at once elsewhere, and what a study is trained with there."""

from dataclasses import dataclass

from rungs.study.estimate import Machine


@dataclass(frozen=True)
class Room:
    """What an engine's cluster has.

    Attributes:
        cores: of all nodes; 0 where that is the cluster's own affair.
        cores_of_node: the most that one node has; 0 where nobody says.
        gpus: of all nodes; 0 for none, or where nobody says.
    """

    cores: int = 0
    cores_of_node: int = 0
    gpus: int = 0


# Where a cluster does not say how much it has.
_USUAL_WORKERS = 64


def machine_elsewhere(
    where: str, there: Room, runs: int, *, device: str, workers: int | None
) -> Machine:
    """What runs are done with by an engine whose nodes are elsewhere.

    A run has a GPU to itself; on CPUs, several side by side finish sooner than each on more cores.

    Args:
        where: names it.
        there: what it has.
        runs: that are to be done.
        device: ``auto``, ``cpu`` or ``cuda``.
        workers: runs side by side; None for as many as there is room for.
    """
    if device == "auto":
        device = "cuda" if there.gpus else "cpu"
    places = there.gpus if device == "cuda" else there.cores
    abreast = max(1, min(runs, workers or places or _USUAL_WORKERS))
    threads = 1
    if device == "cpu" and there.cores:
        threads = max(1, min(there.cores // abreast, there.cores_of_node))
    return Machine(device, where, abreast, threads, abreast if device == "cuda" else 1)
