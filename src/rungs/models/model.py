"""Trained models: taken from a store or an exported file, and asked about pictures."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from rungs.data.finding import Source, find_pictures
from rungs.data.pictures.decoding import Form, Pixels, Sight, careful, examine, examine_opened
from rungs.data.pictures.sights import oddity
from rungs.evidence.selection import SUFFIXES, Selection, parse_address, select, weights_file
from rungs.foundation.environment import version_of_rungs
from rungs.foundation.errors import DataError, RecipeError, StoreError, UsageError
from rungs.foundation.limits import MAX_PICTURE_BYTES
from rungs.foundation.notebook import fragment
from rungs.foundation.reading import read_whole
from rungs.foundation.wording import shown
from rungs.models.answers import Answer, Answers, most_probable
from rungs.models.card import Card
from rungs.models.classifier import Classifier
from rungs.network.building import build
from rungs.network.outputs import evaluation_batches, unrounded
from rungs.recipe.components import own_kinds
from rungs.statistics.calibration import temperature
from rungs.statistics.predictions import FloatArray, read_logits, softmax
from rungs.store import Store
from rungs.store.run_folder import check_file
from rungs.study.overrides import Overrides
from rungs.study.trained import load_trained
from rungs.training.checkpoint import load_weights
from rungs.training.record import resolve_device

# Pictures that are decoded and looked at together: enough for the processor, little memory.
_TOGETHER = 64
# Of files with a model.
SUFFIX = SUFFIXES["safetensors"]
_MOST_BYTES = 4_000_000_000


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model.

    Attributes:
        card: what it is and where it comes from.
        classifier: uint8 [N, C, H, W] -> probabilities [N, classes].
        device: where it is.
    """

    card: Card
    classifier: Classifier
    device: str

    def predict(self, *pictures: str | Path | bytes | Image.Image, top: int = 3) -> Answers:
        """What is on pictures.

        Args:
            pictures: paths of files or folders, patterns, the contents of picture files, or
                pictures that Pillow has opened or made.
            top: number of classes in each answer, 1 at least.

        Returns:
            An answer for each, also for those that cannot be read: see `Answer.error`.

        Raises:
            UsageError: fewer classes than one are wanted, or a picture is of another type.
        """
        if top < 1:
            raise UsageError(f"top is a number of classes, 1 at least, not {top}")
        found: list[Answer] = []
        for number, picture in enumerate(pictures, start=1):
            if isinstance(picture, bytes | Image.Image):
                found += answer(self, [(f"picture {number}", picture)], top)
            elif not isinstance(picture, str | os.PathLike):
                raise UsageError(
                    "a picture is a path, the content of a file or an image of Pillow, not a "
                    f"{type(picture).__name__}; several are predict(*pictures), and "
                    "`probabilities` takes arrays of pixels"
                )
            else:
                sources, problems = find_pictures([os.fspath(picture)])
                found += [Answer(name, error=problem) for name, problem in problems]
                found += answer(self, sources, top)
        return Answers(tuple(found))

    @torch.inference_mode()
    def probabilities(self, pixels: torch.Tensor | npt.NDArray[np.uint8]) -> FloatArray:
        """Calibrated probabilities, float32 [N, classes], of uint8 [N, C, H, W].

        However many there are, only some are on the device at a time.

        Raises:
            UsageError: the pixels are of another type or shape: what they are scaled by, and which
                axis is which, cannot be guessed.
        """
        given = torch.as_tensor(pixels)
        wanted = self.card.image_shape
        if given.dtype != torch.uint8 or given.dim() != 4 or tuple(given.shape[1:]) != wanted:
            kind = str(given.dtype).removeprefix("torch.")
            raise UsageError(
                f"pixels are uint8 [N, {', '.join(map(str, wanted))}], not {kind} "
                f"{list(given.shape)}"
            )
        with unrounded():
            parts = [
                self.classifier(part.to(self.device)).cpu().numpy()
                for part in evaluation_batches(given)
            ]
        found: FloatArray = np.concatenate(parts or [np.empty((0, len(self.card.class_names)))])
        return found.astype(np.float32, copy=False)

    def __str__(self) -> str:
        channels, height, width = self.card.image_shape
        seen = f"{channels} x {height} x {width} pixels into {len(self.card.class_names):,} classes"
        return f"{self.card}: {seen}, trained on {self.card.data}"

    def _repr_html_(self) -> str:
        card = self.card
        channels, height, width = card.image_shape
        rows = [
            ("trained on", card.data),
            ("pictures", f"{height}x{width} pixels, {channels} channels"),
            ("classes", f"{len(card.class_names):,}"),
            ("temperature", f"{card.temperature:.3f}"),
            ("runs" if card.runs else "run", ", ".join(card.runs or (card.run,))),
        ]
        return fragment(str(card), ("", ""), rows)


def load_model(
    address: str,
    store: Store,
    *,
    seed: int | None = None,
    budget: str | None = None,
    epochs: int | None = None,
    device: str = "auto",
    say: Callable[[str], None] = lambda _: None,
    overrides: Overrides = (),
) -> Model:
    """A trained model, ready to be asked.

    Args:
        address: ``STUDY`` for its final rung, ``STUDY:RUNG``, ``STUDY:ENSEMBLE``, or the path of a
            file that ``rungs export --format safetensors`` wrote.
        store: where its runs are; a file needs none.
        seed: of the study; the first that is finished if None.
        budget: of its runs; the study's own if None.
        epochs: of its runs, instead of a budget.
        device: ``auto``, ``cpu`` or ``cuda``.
        say: receives a line that says which model was taken.
        overrides: with which the study was trained, as `rungs.study.load` takes them.

    Raises:
        UsageError: a file, which is one model, and a choice among several.
        RungsError: no such model; says what to do.
    """
    if address.lower().endswith(SUFFIX):
        chosen = {
            "seed": seed,
            "budget": budget,
            "epochs": epochs,
            "overrides": overrides or None,
        }
        given = [name for name, value in chosen.items() if value is not None]
        if given:
            raise UsageError(
                f"{address} is one exported model, so that {' and '.join(given)} can choose "
                "nothing: leave them out, or name the study instead of the file"
            )
        model = load_file(Path(address), device)
        say(str(model.card))
        return model
    study, name = parse_address(address)
    selection = select(
        load_trained(study, (store.root,), say, overrides=overrides),
        name,
        store,
        seed=seed,
        budget=budget,
        epochs=epochs,
    )
    say(str(selection))
    return load_selected(selection, store, device)


def load_selected(selection: Selection, store: Store, device: str) -> Model:
    """A model from a store.

    Args:
        selection: which.
        store: where its run is.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        RungsError: damaged files, or the labels that its temperature is fitted on are missing.
    """
    spec = selection.spec
    labels = store.labels(spec.data.fingerprint, "validation")
    if labels is None:
        raise StoreError(
            f"{store.root} has no labels of the validation images, on which probabilities are "
            f"calibrated; `rungs run {selection.study.typed}` takes them from the data"
        )
    card = Card(
        study=selection.study.name,
        name=selection.name,
        run=spec.key,
        seed=selection.seed,
        epochs=spec.epochs,
        members=tuple(name for _, name in selection.members),
        runs=tuple(runs) if len(runs := dict(selection.members)) > 1 else (),
        data=spec.data.name,
        class_names=labels.class_names,
        image_shape=spec.data.image_shape,
        fit=spec.data.fit,
        bits=spec.data.bits,
        ground=spec.data.ground,
        temperature=temperature(recorded_logits(selection, store), labels),
        recipe=spec.recipe,
        rungs=version_of_rungs(),
    )
    networks = _networks(card)
    try:
        for (key, name), network in zip(selection.members, networks, strict=True):
            path = weights_file(store, key, name)
            folder = store.run_folder(key)
            check_file(folder, path.relative_to(folder).as_posix())
            load_weights(network, path)
    except StoreError as error:
        # torch goes on for a page about every tensor.
        raise StoreError(
            f"{str(error).splitlines()[0]} `rungs store check` finds a damaged run; one that "
            "another version of Rungs trained has to be trained again, in another store"
        ) from error
    return _model(card, Classifier(networks, card.temperature), device)


def recorded_logits(selection: Selection, store: Store) -> FloatArray:
    """What its runs themselves answered on validation: logits [N, classes], up to a constant a row.

    Of several members, the logarithm of their mean probabilities.
    """
    members = [
        read_logits(store.run_folder(key) / "predictions" / f"{name}-validation.npy")
        for key, name in selection.members
    ]
    if len(members) == 1:
        return members[0]
    mean: FloatArray = np.mean([softmax(logits) for logits in members], axis=0)
    logs: FloatArray = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
    return logs


def load_file(path: Path, device: str) -> Model:
    """A model that ``rungs export --format safetensors`` wrote; the file may come from anybody.

    Raises:
        DataError: missing, damaged, or written by something else.
    """
    content = bytes(read_whole(path, _MOST_BYTES))
    try:
        return load_content(content, device)
    except (DataError, RecipeError) as error:
        raise DataError(f"{path}: this model cannot be loaded: {error}") from error


def load_content(content: bytes, device: str) -> Model:
    """A model from the content of its safetensors file.

    Raises:
        DataError: damaged, or written by something else.
        RecipeError: its network cannot be built.
    """
    try:
        state = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise DataError("this is no safetensors file, or a damaged one") from error
    # The library keeps the metadata of its header, which is sound by now, to itself.
    length = int.from_bytes(content[:8], "little")
    card = Card.from_metadata(json.loads(content[8 : 8 + length]).get("__metadata__", {}))
    # On the meta device nothing is allocated: what a card claims may be of any size. A user's own
    # parts may not go there, and are trusted as their module is.
    if not own_kinds(card.recipe.network):
        with torch.device("meta"):
            _check_state(Classifier(_networks(card), card.temperature), state)
    classifier = Classifier(_networks(card), card.temperature)
    _check_state(classifier, state)
    classifier.load_state_dict(state, strict=False)
    return _model(card, classifier, device)


def _check_state(classifier: Classifier, state: Mapping[str, torch.Tensor]) -> None:
    """Makes sure that all weights of a classifier are there.

    Raises:
        DataError: one is missing or another.
    """
    for name, tensor in classifier.state_dict().items():
        if name not in state or (state[name].dtype, state[name].shape) != (
            tensor.dtype,
            tensor.shape,
        ):
            raise DataError(f"its weights are not those of its recipe: {shown(name)}")


def _networks(card: Card) -> list[nn.Module]:
    with torch.random.fork_rng(devices=[]):
        return [
            build(card.recipe.network, card.image_shape, len(card.class_names), card.recipe.scaling)
            for _ in card.members
        ]


def _model(card: Card, classifier: Classifier, device: str) -> Model:
    device = resolve_device(device)
    return Model(card, classifier.to(device).eval(), device)


# Answers to pictures that were read, with their pixels, uint8 [N, C, H, W], and probabilities.
Look = Callable[[Sequence[Answer], npt.NDArray[np.uint8], FloatArray], None]


def answer(
    model: Model, pictures: Iterable[Source], count: int, look: Look | None = None
) -> Iterator[Answer]:
    """What a model says of pictures, in their order; a broken one does not stop the others.

    Args:
        model: the model.
        pictures: each with the name that its answer has; read some at a time.
        count: of classes in each answer; all if there are fewer.
        look: called with what was read of some pictures, before their answers are given.
    """
    channels, size, _ = model.card.image_shape
    form = Form(size, channels, model.card.fit, model.card.bits, model.card.ground)
    rest = iter(pictures)
    while some := list(islice(rest, _TOGETHER)):
        read, sights, errors = _read(some, form)
        found: FloatArray = np.empty((0, 0))
        pixels = np.stack([*read.values()]) if read else np.empty((0, 0, 0, 0), np.uint8)
        if read:
            found = model.probabilities(torch.from_numpy(pixels))
        given = {
            place: Answer(
                some[place][0],
                most_probable(row, model.card.class_names, count),
                warning=oddity(sights[place], form.bits),
            )
            for place, row in zip(read, found, strict=True)
        }
        if look is not None and given:
            look([*given.values()], pixels, found)
        for place, (name, _) in enumerate(some):
            yield Answer(name, error=errors[place]) if place in errors else given[place]


def _read(
    pictures: Sequence[Source], form: Form
) -> tuple[dict[int, Pixels], dict[int, Sight], dict[int, str]]:
    """Of pictures by their positions: pixels, what was seen on the way, why there are none."""
    read: dict[int, Pixels] = {}
    sights: dict[int, Sight] = {}
    errors: dict[int, str] = {}
    with careful():
        for place, (name, source) in enumerate(pictures):
            try:
                if isinstance(source, Image.Image):
                    read[place], sights[place] = examine_opened(source, form)
                    continue
                content = (
                    read_whole(source, MAX_PICTURE_BYTES) if isinstance(source, Path) else source
                )
                read[place], sights[place] = examine(content, form)
            except DataError as error:
                errors[place] = str(error).removeprefix(f"{name}: ")
    return read, sights, errors
