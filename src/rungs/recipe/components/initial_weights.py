"""Initial weights: those from which training begins."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from rungs.foundation.errors import RecipeError
from rungs.foundation.values import Text, expected
from rungs.recipe.components.core import Component, component
from rungs.recipe.components.heads import ImageShape
from rungs.recipe.components.networks import Network, Timm

if TYPE_CHECKING:
    import torch

Weights = Mapping[str, "torch.Tensor"]


class InitialWeights(Component, seam=True):
    """Where the weights of a network come from before its first update."""

    @abstractmethod
    def weights(self, network: Network, image_shape: ImageShape) -> Weights | None:
        """Weights of a network that was trained before, by their names in it.

        Args:
            network: that is to start from them.
            image_shape: of the images: channels, height, width.

        Returns:
            None for those that the network was built with. Else all must fit; only the classifier
            and the first convolution may have another shape, and are then left out.
        """


@component
class FreshWeights(InitialWeights):
    """Drawn from the run's seed, by the network's own initialisation."""

    kind = "fresh"

    def weights(self, network: Network, image_shape: ImageShape) -> Weights | None:
        """Those that are there."""
        return None


@component
class PublishedWeights(InitialWeights):
    """The weights that timm publishes with a network, most of them trained on ImageNet."""

    kind = "published"

    def weights(self, network: Network, image_shape: ImageShape) -> Weights | None:
        """From the user's cache, or fetched.

        Raises:
            RecipeError: the network is none of timm's, or none are published.
            DataError: they are not here and cannot be fetched; says which file to put where.
        """
        from rungs.ops.zoo import published

        if not isinstance(network, Timm):
            raise RecipeError(
                f"weights are published for networks of kind 'timm', found '{network.kind}'"
            )
        return published(network.model, image_shape)


def _digest(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise expected("64 hex digits")
    return value


@component
class FileWeights(InitialWeights):
    """Weights of a file that the study names in ``weights``, known by its content.

    Attributes:
        name: of the file without its ending, for people.
        sha256: of its content, 64 hex digits.
    """

    kind = "file"

    name: Text = ""
    sha256: Annotated[str, AfterValidator(_digest)] = ""

    def __post_init__(self) -> None:
        if not self.sha256:
            raise ValueError("a file needs its sha256; the change 'pretrained' writes it")

    def weights(self, network: Network, image_shape: ImageShape) -> Weights | None:
        """From the copy in the user's cache.

        Raises:
            DataError: it is not there, or holds something else than weights.
        """
        from rungs.foundation.weight_files import kept_weights, weights_called
        from rungs.ops.weights import read_weights

        called = weights_called(self.name, self.sha256)
        return read_weights(kept_weights(self.name, self.sha256), called)
