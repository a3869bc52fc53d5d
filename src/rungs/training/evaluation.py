"""The model that is evaluated, kept and exported: how it comes from the one that is trained.

Two things may stand between the two, and both are told here alone: an average of weights
(`rungs.recipe.components.Average`), and batch normalisation's statistics, which are taken anew from
training images where the recipe says so (`rungs.recipe.components.Statistics`) or the average has
none that suit its weights. They are taken on a copy: training, its checkpoints and its average go
on as if nobody had looked.
"""

import copy
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from rungs.data.images import ImageSet
from rungs.data.mapped import MappedPixels
from rungs.data.scaling import scale
from rungs.foundation.errors import TrainingError
from rungs.network.outputs import arithmetic, predict
from rungs.ops.sending import sent
from rungs.recipe import Recipe
from rungs.recipe.components import Averaging, RenewedStatistics
from rungs.training.chance import derive
from rungs.training.record import ExecutionRecord

# By which averages of a user's own say that they lack statistics now, as all once did.
_OLD_WORD = "stale_statistics"


class Evaluated:
    """The model to evaluate, made anew from the trained one whenever it is asked to."""

    def __init__(
        self,
        recipe: Recipe,
        images: ImageSet,
        seed: int,
        record: ExecutionRecord,
        model: nn.Module,
        averaging: Averaging,
    ) -> None:
        """Before the first update; until it is made, it is the trained one.

        Args:
            recipe: what is trained.
            images: for training, on the record's device.
            seed: of the run; it chooses among the images.
            record: how to compute.
            model: the one that is trained.
            averaging: the weight average beside it.

        Raises:
            TrainingError: statistics are to be renewed of a network that keeps none.
        """
        self._recipe, self._images, self._record = recipe, images, record
        self._trained, self._averaging = model, averaging
        self.model = model
        # Made now: in training, a network of a user's own may take up what cannot be copied.
        self._copy = copy.deepcopy(model).requires_grad_(False) if self._may_renew() else None
        wanted = recipe.statistics.taken_from(len(images))
        self._chosen: torch.Tensor | None = None
        if wanted:
            if not _normalisations(model):
                raise TrainingError(
                    f"statistics '{recipe.statistics.kind}' needs batch normalisation, and this "
                    "network has none that keeps statistics; leave 'statistics' out"
                )
            self._chosen = _drawn(images, wanted, seed)

    def renew(self) -> bool:
        """Makes it from the state that training has reached; whether images were looked at."""
        self.model = self._averaging.model()
        size = self._recipe.batch_size
        if self._copy is None:
            return False
        if self._chosen is not None:
            parts = _chosen(self._images, self._chosen, size)
        elif self._is_without_statistics():
            parts = _in_order(self._images, size)
        else:
            return False
        self._copy.load_state_dict(self.model.state_dict())  # all that is kept of a network
        # Those that the recipe asks for are of what evaluation sees; an average's, of training.
        self.model = self._copy.train(self._chosen is None)
        renew_statistics(self.model, parts, self._recipe.precision, self._record)
        return True

    def _may_renew(self) -> bool:
        """Whether statistics may ever be taken anew."""
        recipe = self._recipe
        if recipe.trained == "head":  # those of a frozen network are no average's, and stay
            return False
        renews = recipe.statistics.taken_from(len(self._images)) > 0
        return renews or recipe.average.needs_statistics or hasattr(self._averaging, _OLD_WORD)

    def _is_without_statistics(self) -> bool:
        """Whether the average has weights of its own now, but no statistics that suit them."""
        said: object = getattr(self._averaging, _OLD_WORD, None)
        if isinstance(said, bool):
            return said
        return self._recipe.average.needs_statistics and self.model is not self._trained


def _in_order(images: ImageSet, batch_size: int) -> Iterator[torch.Tensor]:
    """The pixels of all images, a batch at a time; a rest of a single one is left out."""
    for start in range(0, len(images), batch_size):
        part = images.pixels[start : start + batch_size]
        if start and len(part) == 1:  # it has no variance
            return
        yield part


def _drawn(images: ImageSet, wanted: int, seed: int) -> torch.Tensor:
    """Indices of so many images, int64 on the host: a function of the run's seed."""
    chance = torch.Generator().manual_seed(derive(seed, "statistics"))
    return torch.randperm(len(images), generator=chance)[:wanted]


def _chosen(images: ImageSet, chosen: torch.Tensor, batch_size: int) -> Iterator[torch.Tensor]:
    """The same of the images at indices int64 [M], on the host."""
    for number, part in enumerate(torch.split(chosen, batch_size)):
        if number and len(part) == 1:
            return
        # Those in a file are found by the host.
        mapped = isinstance(images.pixels, MappedPixels)
        yield images.pixels[part if mapped else sent(part, images.pixels.device)]


def _normalisations(model: nn.Module) -> list[_BatchNorm]:
    """Those that keep statistics."""
    return [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]


def settle(
    model: nn.Module, recipe: Recipe, images: ImageSet, *, seed: int, record: ExecutionRecord
) -> None:
    """Gives a model that is trained no further the statistics that `RenewedStatistics` takes.

    For trainings so short that moving statistics are still those of the first weights. Those of a
    frozen network stay.

    Args:
        model: its statistics are changed, and it is put into evaluation mode.
        recipe: by which it was trained; its own `statistics` are not asked.
        images: for training, on the record's device.
        seed: of the run; it chooses among the images.
        record: how to compute.
    """
    if recipe.trained == "head":
        return
    drawn = _drawn(images, RenewedStatistics().taken_from(len(images)), seed)
    parts = _chosen(images, drawn, recipe.batch_size)
    renew_statistics(model.eval(), parts, recipe.precision, record)


@torch.no_grad()
def renew_statistics(
    model: nn.Module, batches: Iterable[torch.Tensor], precision: str, record: ExecutionRecord
) -> None:
    """Takes the moving statistics of batch normalisation anew.

    They are means over batches as in training, each counting by its images. All else in the model
    stays in the mode that it is in, of training or evaluation.

    Args:
        model: its statistics are changed.
        batches: uint8 [N, C, H, W] on its device.
        precision: of the recipe.
        record: how to compute.
    """
    norms = _normalisations(model)
    if not norms:
        return
    kept = [(module.momentum, module.training) for module in norms]
    for module in norms:
        module.reset_running_stats()
        module.train()
    seen = 0
    with arithmetic(precision, record.device):
        for part in batches:
            seen += len(part)
            for module in norms:
                # The mean so far; None would read it off the device, and count batches alike.
                module.momentum = len(part) / seen
            model(scale(part).contiguous(memory_format=record.memory_format))
    for module, (momentum, training) in zip(norms, kept, strict=True):
        module.momentum = momentum
        module.train(training)


def evaluate(
    model: nn.Module, images: ImageSet, record: ExecutionRecord, precision: str
) -> tuple[float, float]:
    """Mean cross-entropy (nats, without smoothing) and accuracy (fraction) in evaluation mode."""
    logits = predict(model, images.pixels, memory_format=record.memory_format, precision=precision)
    loss = F.cross_entropy(logits.double(), images.labels)
    return float(loss), float((logits.argmax(dim=1) == images.labels).double().mean())


def losses_of_each(
    model: nn.Module, images: ImageSet, record: ExecutionRecord, precision: str
) -> torch.Tensor:
    """Cross-entropy of each image as in `evaluate`, float64 [N] on the images' device."""
    logits = predict(model, images.pixels, memory_format=record.memory_format, precision=precision)
    return F.cross_entropy(logits.double(), images.labels, reduction="none")
