"""The sizes that images have on their way through a network, without building it."""

from rungs.errors import RecipeError
from rungs.recipe import Network


def feature_sizes(network: Network, image_size: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width in pixels after each layer.

    Args:
        network: its stem and blocks say what each layer leaves.
        image_size: height and width of the images.

    Raises:
        RecipeError: nothing would be left, or a block does not fit the network's padding.
    """
    sizes = []
    height, width = (network.stem.size(length) for length in image_size)
    for position in range(len(network.widths)):
        height, width = (network.block.size(length, network.padding) for length in (height, width))
        if min(height, width) < 1:
            raise RecipeError(
                f"layer {position + 1} of {len(network.widths)} would have no pixels left: "
                f"images of {image_size[0]}x{image_size[1]} are too small for this network"
            )
        sizes.append((height, width))
    return sizes
