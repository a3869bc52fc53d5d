"""One run from its spec to its finished folder in the store."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from rungs.data.images import DataSet
from rungs.evidence.labels import keep_labels as keep_labels
from rungs.evidence.metrics import best_epoch
from rungs.execution.continuing import (
    BEGINNING,
    Beginning,
    adopt,
    begin,
    give_up_graphs,
    hand_on,
    hold,
)
from rungs.execution.teaching import teacher_for
from rungs.foundation.errors import CaptureError, TrainingError
from rungs.foundation.files import copy_file, write_json, write_text
from rungs.network.building import build
from rungs.network.outputs import predict
from rungs.statistics.predictions import write_array
from rungs.store import Store
from rungs.store.results import Epoch, RunSpec
from rungs.study.jobs import Job
from rungs.training import checkpoint
from rungs.training.fit import fit, weight_files
from rungs.training.record import Setting, place


def run_one(
    store: Store,
    job: Job,
    data: DataSet,
    *,
    setting: Setting,
    workers: int | None = None,
    on_start: Callable[[int, Beginning], None] = lambda *_: None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    on_step: Callable[[float], None] = lambda _: None,
    on_read_off: Callable[[RunSpec, str | None], None] = lambda *_: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Does a run, or goes on with it, and completes its folder and those of the runs in it.

    Args:
        store: where it is kept.
        job: what to do.
        data: the data set that the job's spec names.
        setting: how to compute.
        workers: runs that are trained side by side on this machine, this one included; None where
            nobody knows.
        on_start: called with the number of epochs that were done before, and how the run began.
        on_epoch: called after each epoch.
        on_step: called after each update with the epochs that are done, a fraction.
        on_read_off: called with each shorter run whose folder was completed on the way, and why it
            failed, or None.
        should_stop: asked after each epoch.

    Returns:
        Whether the run is finished (also as failed); False if it was asked to stop.

    Raises:
        StoreError: another process is at this run, or what it learns from is not there.
        CaptureError: CUDA graphs that its record promises cannot be captured. Done again, in a
            fresh process, the run goes on without them.
    """
    spec = job.spec
    with hold(store, spec.key):
        if store.is_finished(spec.key):
            return True
        folder = store.work_folder(spec.key)
        if not (folder / "run.json").exists():
            adopt(store, job)
            beginning = begin(store, spec, setting.record, workers)
            ceiling = setting.ceiling_of(beginning.record)
            training = _Training(store, job, data, beginning, ceiling, on_read_off)
            if not training.go(on_start, on_epoch, on_step, should_stop):
                return False
        # From here on also where a run was killed between its last result and its completion.
        hand_on(store, job)
        checkpoint.remove(folder)
        store.complete(spec.key)
        return True


@dataclass(frozen=True)
class _Training:
    """What all steps of one run need."""

    store: Store
    job: Job
    data: DataSet
    beginning: Beginning
    ceiling: float | None
    on_read_off: Callable[[RunSpec, str | None], None]

    @property
    def folder(self) -> Path:
        return self.store.work_folder(self.job.spec.key)

    def go(
        self,
        on_start: Callable[[int, Beginning], None],
        on_epoch: Callable[[Epoch], None],
        on_step: Callable[[float], None],
        should_stop: Callable[[], bool],
    ) -> bool:
        """Trains to the end and writes all results; False if it was asked to stop."""
        spec, record = self.job.spec, self.beginning.record
        progress = checkpoint.load(self.folder)
        # The checkpoint is the truth; the file of epochs follows it.
        history = [] if progress is None else list(progress.history)
        epochs_file = self.folder / "epochs.jsonl"
        write_text(epochs_file, _lines(history))
        anew = progress is None and checkpoint.is_there(self.folder)
        on_start(len(history), replace(self.beginning, anew=anew))
        self._read_off(history)

        def note(entry: Epoch) -> None:
            with epochs_file.open("a", encoding="utf-8") as file:
                file.write(_lines([entry]))
            history.append(entry)
            on_epoch(entry)
            self._read_off(history)

        try:
            fitted = fit(
                spec.recipe,
                self.data.exploration.to(record.device),
                seed=spec.seed,
                epochs=spec.epochs,
                kept_epochs=spec.kept_epochs,
                record=record,
                folder=self.folder,
                last=spec.data.held_out,
                teacher=teacher_for(self.store, self.job, record, len(self.data.class_names)),
                on_epoch=note,
                on_step=on_step,
                should_stop=should_stop,
            )
        except CaptureError as error:
            give_up_graphs(self.store, spec.key, str(error))
            raise
        except TrainingError as error:
            for run in self.job.contained:  # those that were not finished before fail alike
                self._complete(run, history, str(error))
            self._write(spec, history, {}, str(error))
            return True
        if fitted is not None:
            self._write(spec, fitted.history, fitted.weights)
        return fitted is not None

    def _read_off(self, history: Sequence[Epoch]) -> None:
        """Completes the runs that end where the training stands."""
        for run in self.job.contained:
            if run.epochs == len(history):
                self._complete(run, history)

    def _complete(self, run: RunSpec, history: Sequence[Epoch], failed: str | None = None) -> None:
        """Completes a shorter run's folder from the state of this training."""
        with hold(self.store, run.key):
            if self.store.is_finished(run.key):
                return
            folder = self.store.work_folder(run.key)
            shutil.rmtree(folder)  # what it had by itself is not further
            folder.mkdir()
            copy_file(self.folder / BEGINNING, folder / BEGINNING)
            write_text(folder / "epochs.jsonl", _lines(history))
            weights = {} if failed else weight_files(self.folder, _answering(run, history), 0)
            self._write(run, history, weights, failed)
            self.store.complete(run.key)
        self.on_read_off(run, failed)

    def _write(
        self,
        run: RunSpec,
        history: Sequence[Epoch],
        weights: dict[str, Path],
        failed: str | None = None,
    ) -> None:
        """Writes what came of a run into its work folder; ``run.json`` last."""
        folder = self.store.work_folder(run.key)
        (folder / "weights").mkdir(exist_ok=True)
        self._predict(folder, weights)
        for name, path in weights.items():
            copy_file(path, folder / "weights" / f"{name}.safetensors")
        write_json(
            folder / "run.json",
            {
                "format": 1,
                "spec": run.to_dict(),
                "best_epoch": _answering(run, history) if weights else 0,
                "snapshots": max(0, len(weights) - 1),
                "execution": self.beginning.record.to_dict(),
                "ceiling": self.ceiling,
                "workers": self.beginning.workers,
                "exact": self.beginning.exact,
                "failed": failed,
                "read_off": None if run == self.job.spec else self.job.spec.key,
                "extends": self.beginning.extends,
            },
        )

    def _predict(self, folder: Path, weights: dict[str, Path]) -> None:
        """Keeps the predictions of the best epoch and of each snapshot."""
        record, spec = self.beginning.record, self.job.spec
        (folder / "predictions").mkdir(exist_ok=True)
        parts = {
            "validation": self.data.exploration.validation.pixels.to(record.device),
            "test": self.data.test.pixels.to(record.device),
        }
        shape, classes = spec.data.image_shape, len(self.data.class_names)
        model = place(build(spec.recipe.network, shape, classes, spec.recipe.scaling), record)
        for name, path in weights.items():
            checkpoint.load_weights(model, path)
            for part, pixels in parts.items():
                logits = predict(
                    model,
                    pixels,
                    memory_format=record.memory_format,
                    precision=spec.recipe.precision,
                )
                write_array(
                    folder / "predictions" / f"{name}-{part}.npy",
                    logits.to("cpu", torch.float32).numpy(),
                )


def _answering(run: RunSpec, history: Sequence[Epoch]) -> int:
    """The epoch that answers: where validation is evidence it has no say, and the last one does."""
    return len(history) if run.data.held_out else best_epoch(history)


def _lines(history: Sequence[Epoch]) -> str:
    return "".join(json.dumps(entry.to_dict()) + "\n" for entry in history)
