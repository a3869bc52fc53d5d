"""The sizes that images have on their way through a network, without building it."""

from rungs.errors import RecipeError
from rungs.recipe import Network


def feature_sizes(network: Network, image_size: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width in pixels after each layer.

    Args:
        network: its padding and depth say what each layer leaves before it is halved.
        image_size: height and width of the images.

    Raises:
        RecipeError: nothing would be left, or the shortcut would not fit.
    """
    shrink = 0 if network.padding == "same" else 2 * network.block.depth
    if network.block.residual and shrink:
        raise RecipeError("residual needs padding 'same': the shortcut keeps the image's size")
    sizes = []
    height, width = image_size
    for position in range(len(network.widths)):
        height, width = (height - shrink) // 2, (width - shrink) // 2
        if min(height, width) < 1:
            raise RecipeError(
                f"layer {position + 1} of {len(network.widths)} would have no pixels left: "
                f"images of {image_size[0]}x{image_size[1]} are too small for this network"
            )
        sizes.append((height, width))
    return sizes
