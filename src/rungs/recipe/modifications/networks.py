"""Changes of the network as a whole, and of the weights that it starts from."""

from rungs.foundation.errors import RecipeError, UnchangedError
from rungs.foundation.values import Text
from rungs.foundation.weight_files import named_weights
from rungs.recipe import Recipe, replace
from rungs.recipe.components import Convolutional, FileWeights, Network, PublishedWeights, Timm
from rungs.recipe.modifications.registry import modification


def described(recipe: Recipe) -> Convolutional:
    """The network of a recipe that describes it part by part.

    Raises:
        RecipeError: it is of another kind, which no change of its parts can reach.
    """
    if not isinstance(recipe.network, Convolutional):
        raise RecipeError(
            "changes a part of the network, which needs one that the recipe describes part by "
            f"part: expected kind 'convolutional', found '{recipe.network.kind}'"
        )
    return recipe.network


@modification(
    family="architecture",
    source="Wightman, PyTorch Image Models, 2019, for those of kind timm",
    to=Timm(model="test_resnet"),
)
def network(recipe: Recipe, *, to: Network) -> Recipe:
    """Swaps the whole network, also for one of your own or of timm's."""
    if to == recipe.network:
        raise UnchangedError(f"the network is this '{to.kind}' already")
    return replace(recipe, network=to)


@modification(
    family="architecture",
    source="He et al., Deep Residual Learning, CVPR 2016, section 4.2: networks for CIFAR-10",
    needs=("network",),
)
def small_stem(recipe: Recipe) -> Recipe:
    """Makes the stem of a network of timm's one for small images: 3x3, stride 1, no max pooling."""
    if not isinstance(recipe.network, Timm):
        raise RecipeError(
            "small_stem changes the stem of a network of kind 'timm', found "
            f"'{recipe.network.kind}'; a described one has the change 'stem'"
        )
    return replace(recipe, network=replace(recipe.network, stem="small"))


@modification(
    family="optimisation",
    source="Yosinski et al., How Transferable Are Features in Deep Neural Networks?, NeurIPS 2014",
    weights="example",
)
def pretrained(recipe: Recipe, *, weights: Text = "published") -> Recipe:
    """Starts from trained weights: those that timm publishes, or of a file that the study names."""
    if weights != "published":
        file = named_weights(weights)
        return replace(recipe, start=FileWeights(name=file.name, sha256=file.sha256))
    if not isinstance(recipe.network, Timm):
        raise RecipeError(
            "weights are published for networks of kind 'timm', found "
            f"'{recipe.network.kind}'; name a file of weights: pretrained(weights=...)"
        )
    return replace(recipe, start=PublishedWeights())


@modification(
    family="optimisation",
    source="Donahue et al., DeCAF, ICML 2014",
    needs=("pretrained",),
)
def frozen(recipe: Recipe) -> Recipe:
    """Trains the classifier alone on the pretrained features, which stay fixed: a linear probe."""
    return replace(recipe, trained="head")


@modification(
    family="optimisation",
    source="Girshick et al., Rich Feature Hierarchies (R-CNN), CVPR 2014",
    needs=("pretrained", "frozen"),
)
def fine_tuned(recipe: Recipe) -> Recipe:
    """Trains all weights again, after `frozen` had left all but the classifier alone."""
    return replace(recipe, trained="all")
