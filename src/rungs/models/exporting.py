"""Exported models: one file with preprocessing, temperature and card, checked before it is kept.

Every format takes ``pixels``, uint8 [N, C, H, W] with values 0 to 255 and any N, and gives
``probabilities``, float32 [N, classes], calibrated. Scaling is inside; decoding and resizing a
picture's file is not (`rungs.data.pictures.decoding.decode` does both).
"""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from rungs.data.loading import load
from rungs.evidence.selection import SUFFIXES, Selection
from rungs.foundation.errors import DataError, RungsError
from rungs.foundation.extras import require
from rungs.foundation.files import write_atomically
from rungs.models.model import Model, load_content, recorded_logits
from rungs.recipe.components import is_ours
from rungs.statistics.predictions import FloatArray, softmax
from rungs.store import Store
from rungs.training.checkpoint import packed

# Probabilities may differ from the original's by rounding, which sums over layers.
_ROUNDING: Final = 1e-4
# Logits that are had back from float32 probabilities are rounded by so much times the temperature.
_FLOAT32: Final = 4 * float(np.finfo(np.float32).eps)
# From what the run itself answered, maybe in bfloat16 or on a GPU: models are used in float32.
_MACHINE: Final = 0.05

# With which a file is checked.
PICTURES: Final = 256
_CARD_FILE = "rungs.json"

Answers = Callable[[torch.Tensor], FloatArray]


@dataclass(frozen=True)
class Format:
    """A format of exported models.

    Attributes:
        suffix: of its files.
        write: the content of a model's file.
        read: what such a file answers, by other means than the original where there are some:
            uint8 [N, C, H, W] -> probabilities [N, classes].
    """

    suffix: str
    write: Callable[[Model], bytes]
    read: Callable[[bytes], Answers]


@dataclass(frozen=True)
class Exported:
    """A file that was written and checked.

    Differences are the largest of probabilities, calibrated or not.

    Attributes:
        path: the file.
        pictures: number that it was checked with.
        difference: from the original model.
        from_run: from what the run answered when it ended; None where its pictures are not at hand
            any more, and the file was checked with noise.
    """

    path: Path
    pictures: int
    difference: float
    from_run: float | None


def export(
    model: Model, form: str, path: Path, pixels: torch.Tensor, recorded: FloatArray | None
) -> Exported:
    """Writes a model, and checks what was written before it gets its name.

    Args:
        model: on the CPU.
        form: a key of `FORMATS`.
        path: of the file; one that is there is replaced.
        pixels: pictures to check with, uint8 [N, C, H, W].
        recorded: what the run answered for them, logits [N, classes]; None for pictures that it
            did not see.

    Raises:
        RungsError: a library is missing, or the written model answers differently; then no file
            is left.
    """
    format_ = FORMATS[form]
    original = model.probabilities(pixels)
    temperature = model.card.temperature
    from_run = None
    if recorded is not None:
        from_run = max(_differences(original, softmax(recorded / temperature), temperature))
    if from_run is not None and from_run > _MACHINE:
        raise RungsError(
            f"{model.card}: its weights do not answer as the run did (probabilities differ by up "
            f"to {from_run:.2g}); was it trained by another version of Rungs?"
        )
    with _quiet():
        content = _written(format_, form, model)
        answers = format_.read(content)
        # One picture alone too: a batch of any size must do. There may be no other.
        found = np.concatenate([answers(part) for part in (pixels[:1], pixels[1:]) if len(part)])
    calibrated, before = _differences(original, found, temperature)
    difference = max(calibrated, before)
    if not (calibrated <= _ROUNDING and before <= _ROUNDING + _FLOAT32 * temperature):
        raise RungsError(
            f"{path} was not written: the {form} model's probabilities differ from the original's "
            f"by up to {difference:.2g}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: file.write(content))
    return Exported(path, len(pixels), difference, from_run)


def _written(format_: Format, form: str, model: Model) -> bytes:
    """The content of a model's file.

    Raises:
        RungsError: the exporter cannot follow a network that is not ours.
    """
    network = model.card.recipe.network
    if is_ours(network):
        return format_.write(model)
    try:
        return format_.write(model)
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        raise RungsError(
            f"network '{network.kind}' cannot be written as {form}, whose exporter must be able to "
            f"follow all that it does: {type(error).__name__}: {lines[0][:300]}; "
            "--format safetensors asks for nothing"
        ) from error


def check_libraries(form: str) -> None:
    """Makes sure that what a format needs is installed.

    Raises:
        RungsError: it is not; names the command that installs it.
    """
    if form == "onnx":
        require("onnx", "ONNX", "`--format safetensors` needs nothing more")


def pictures_to_check(
    selection: Selection, store: Store, data_dir: Path | None
) -> tuple[torch.Tensor, FloatArray | None]:
    """Pictures of the validation set, and the logits that the run itself answered for them.

    Where the data is not at hand any more, noise, of which the run said nothing: a model is told
    from its copy by it as well.

    Args:
        selection: the model.
        store: where its run is.
        data_dir: where the user has the data.
    """
    try:
        data = load(selection.spec.data, data_dir=data_dir, allow_download=False)
    except DataError:
        chance = torch.Generator().manual_seed(0)
        shape = (PICTURES, *selection.spec.data.image_shape)
        return torch.randint(0, 256, shape, generator=chance, dtype=torch.uint8), None
    pixels = data.exploration.validation.pixels[:PICTURES]
    return pixels, recorded_logits(selection, store)[:PICTURES]


def _differences(one: FloatArray, other: FloatArray, temperature: float) -> tuple[float, float]:
    """The largest of two models' probabilities, calibrated and as they were before that.

    A temperature far above 1 makes all probabilities alike, whatever a model answers.
    """
    least = np.finfo(np.float32).tiny
    before = [
        softmax(temperature * np.log(np.maximum(item, least)).astype(np.float64))
        for item in (one, other)
    ]
    return float(np.abs(one - other).max()), float(np.abs(before[0] - before[1]).max())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporters have to say about themselves."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


# --- the formats ---------------------------------------------------------------------------------


def _program(model: Model) -> torch.export.ExportedProgram:
    # Two pictures: of one, the exporter would take the batch to be always one.
    example = torch.zeros(2, *model.card.image_shape, dtype=torch.uint8)
    batch = torch.export.Dim("batch")
    program = torch.export.export(model.classifier, (example,), dynamic_shapes=({0: batch},))
    for node in program.graph.nodes:  # whose paths are nobody's business
        node.meta.pop("stack_trace", None)
    return program


def _write_torch_export(model: Model) -> bytes:
    extra = {_CARD_FILE: json.dumps(model.card.to_metadata(), ensure_ascii=False)}
    buffer = io.BytesIO()
    torch.export.save(_program(model), buffer, extra_files=extra)
    return buffer.getvalue()


def _read_torch_export(content: bytes) -> Answers:
    module = torch.export.load(io.BytesIO(content)).module()

    def answers(pixels: torch.Tensor) -> FloatArray:
        with torch.inference_mode():
            found: FloatArray = module(pixels).numpy()
        return found

    return answers


def _write_onnx(model: Model) -> bytes:
    program = torch.onnx.export(
        _program(model),
        dynamo=True,
        verbose=False,
        input_names=["pixels"],
        output_names=["probabilities"],
    )
    assert program is not None
    graph = program.model.graph
    shape = graph.inputs[0].shape
    assert shape is not None
    program.rename_axes({str(shape[0]): "batch"})
    program.model.metadata_props.update(model.card.to_metadata())
    for node in graph:  # each says where in whose files it comes from
        node.metadata_props.clear()
    content: bytes = program.model_proto.SerializeToString()
    return content


def _read_onnx(content: bytes) -> Answers:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def answers(pixels: torch.Tensor) -> FloatArray:
        found: FloatArray = session.run(["probabilities"], {"pixels": pixels.numpy()})[0]
        return found

    return answers


def _write_safetensors(model: Model) -> bytes:
    return packed(model.classifier.state_dict(), model.card.to_metadata())


def _read_safetensors(content: bytes) -> Answers:
    return load_content(content, "cpu").probabilities


FORMATS: Final = {
    "onnx": Format(SUFFIXES["onnx"], _write_onnx, _read_onnx),
    "safetensors": Format(SUFFIXES["safetensors"], _write_safetensors, _read_safetensors),
    "torch-export": Format(SUFFIXES["torch-export"], _write_torch_export, _read_torch_export),
}
