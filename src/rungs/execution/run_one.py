"""One run from its spec to its finished folder in the store."""

import json
from collections.abc import Callable
from dataclasses import replace

import filelock
import torch

from rungs.data.images import DataSet
from rungs.errors import StoreError, TrainingError
from rungs.files import read_json, write_json, write_text
from rungs.prediction import predict
from rungs.predictions import Labels, write_array
from rungs.results import Epoch, RunSpec
from rungs.store import Store
from rungs.training import checkpoint
from rungs.training.epoch import fresh_model
from rungs.training.fit import Fitted, fit, weight_files
from rungs.training.record import ExecutionRecord, choose_record

_ORPHAN_SECONDS = 20


def keep_labels(store: Store, data: DataSet) -> None:
    """Keeps the data set's labels in the store, each part in a file of its own."""
    for part, labels in (
        ("validation", data.exploration.validation.labels),
        ("test", data.test.labels),
    ):
        if store.labels(data.fingerprint, part) is None:
            store.write_labels(
                data.fingerprint,
                part,
                Labels(labels.numpy(), data.class_names, data.groups, data.group_names),
            )


def run_one(
    store: Store,
    spec: RunSpec,
    data: DataSet,
    *,
    device: str,
    threads: int,
    on_start: Callable[[int], None] = lambda _: None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_step: Callable[[float], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Does a run, or goes on with it, and completes its folder.

    Args:
        store: where it is kept.
        spec: what to do.
        data: the data set that ``spec`` names.
        device: ``cpu`` or ``cuda``.
        threads: of torch's operators, unless the run began with another number.
        on_start: called with the number of epochs that were done before.
        on_epoch: called after each epoch.
        on_step: called after each update with the epochs that are done, a fraction.
        should_stop: asked after each epoch.

    Returns:
        Whether the run is finished (also as failed); False if it was asked to stop.

    Raises:
        StoreError: another process is at this run.
    """
    folder = store.work_folder(spec.key)
    lock = filelock.FileLock(store.root / "work" / f"{spec.key}.lock")
    try:
        # An orphan of a killed conductor ends itself, but not at once.
        lock.acquire(timeout=_ORPHAN_SECONDS)
    except filelock.Timeout as error:
        raise StoreError(f"another process is doing run {spec.key} in {store.root}") from error
    try:
        if store.is_finished(spec.key):
            return True
        if (folder / "run.json").exists():  # ended between its last result and its completion
            _finish(store, spec)
            return True
        record, exact = _record(store, spec, choose_record(device, threads))
        progress = checkpoint.load(folder)
        # The checkpoint is the truth; the file of epochs follows it.
        history = () if progress is None else progress.history
        epochs_file = folder / "epochs.jsonl"
        write_text(epochs_file, "".join(_line(entry) for entry in history))
        on_start(len(history))

        def note(entry: Epoch) -> None:
            with epochs_file.open("a", encoding="utf-8") as file:
                file.write(_line(entry))
            on_epoch(entry)

        failed = None
        best_epoch = snapshots = 0
        try:
            fitted = fit(
                spec.recipe,
                data.exploration.to(record.device),
                seed=spec.seed,
                epochs=spec.epochs,
                record=record,
                folder=folder,
                on_epoch=note,
                on_step=on_step,
                should_stop=should_stop,
            )
            if fitted is None:
                return False
            _predict_all(store, spec, data, fitted, record)
            best_epoch, snapshots = fitted.best_epoch, len(fitted.weights) - 1
        except TrainingError as error:
            failed = str(error)
        write_json(
            folder / "run.json",
            {
                "format": 1,
                "spec": spec.to_dict(),
                "best_epoch": best_epoch,
                "snapshots": snapshots,
                "execution": record.to_dict(),
                "exact": exact,
                "failed": failed,
            },
        )
        _finish(store, spec)
        return True
    finally:
        lock.release()


def _finish(store: Store, spec: RunSpec) -> None:
    """Completes the folder of a run whose results are all written; may be done in parts."""
    folder = store.work_folder(spec.key)
    plain = read_json(folder / "run.json")
    (folder / "weights").mkdir(exist_ok=True)
    if plain["failed"] is None:
        for name, path in weight_files(folder, plain["best_epoch"], plain["snapshots"]).items():
            if path.exists():
                path.replace(folder / "weights" / f"{name}.safetensors")
    checkpoint.remove(folder)
    store.complete(spec.key)


def _line(entry: Epoch) -> str:
    return json.dumps(entry.to_dict()) + "\n"


def _record(store: Store, spec: RunSpec, wanted: ExecutionRecord) -> tuple[ExecutionRecord, bool]:
    """The record that the run began with, or ``wanted``, and whether it can be honoured whole."""
    folder = store.work_folder(spec.key)
    path = folder / "execution.json"
    try:
        began = ExecutionRecord(**read_json(path))
    except (FileNotFoundError, ValueError, TypeError):  # none, damaged, or of another version
        write_json(path, wanted.to_dict())
        return wanted, checkpoint.load(folder) is None
    # Device, processor and torch are what they are here; all else can be had anywhere.
    possible = replace(began, device=wanted.device, processor=wanted.processor, torch=wanted.torch)
    return possible, possible == began


def _predict_all(
    store: Store, spec: RunSpec, data: DataSet, fitted: Fitted, record: ExecutionRecord
) -> None:
    """Keeps the predictions of the best epoch and of each snapshot."""
    folder = store.work_folder(spec.key)
    (folder / "predictions").mkdir(exist_ok=True)
    parts = {
        "validation": data.exploration.validation.pixels.to(record.device),
        "test": data.test.pixels.to(record.device),
    }
    model = fresh_model(spec.recipe, data.exploration, spec.seed, record)
    for name, weights in fitted.weights.items():
        checkpoint.load_weights(model, weights)
        for part, pixels in parts.items():
            logits = predict(
                model, pixels, memory_format=record.memory_format, precision=spec.recipe.precision
            )
            write_array(
                folder / "predictions" / f"{name}-{part}.npy",
                logits.to("cpu", torch.float32).numpy(),
            )
