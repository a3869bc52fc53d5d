"""Which GPUs a study is trained on, and which of them a worker sees."""

import os

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def gpus(device: str) -> tuple[str, ...]:
    """Names, as ``CUDA_VISIBLE_DEVICES`` has them, of the GPUs like the first; none for a CPU.

    A GPU of another model would train at another rate and with other last bits than the record of
    a run says.
    """
    if device != "cuda":
        return ()
    import torch  # only where there is one: a node that hands an order on does without

    there = range(torch.cuda.device_count())
    names = [name.strip() for name in os.environ.get(_VISIBLE, "").split(",") if name.strip()]
    models = [torch.cuda.get_device_name(number) for number in there]
    return tuple(
        names[number] if names else str(number) for number in there if models[number] == models[0]
    )


def shared_out(names: tuple[str, ...], workers: int) -> tuple[str | None, ...]:
    """The GPU of each worker, in turn; None for all of a machine without."""
    return tuple(names[number % len(names)] if names else None for number in range(workers))


def seeing(gpu: str | None) -> dict[str, str]:
    """The environment variable with which a process sees one GPU alone; none to see all."""
    return {} if gpu is None else {_VISIBLE: gpu}
