"""Teachers: rungs whose answers other rungs learn from, named in a study file.

A modification with a parameter of type `rungs.foundation.values.RungName` is written with a rung's
name. A recipe holds no names: what it is given is the key of that rung's recipe.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rungs.foundation.errors import RecipeError
from rungs.recipe import Difference, Recipe, diff, recipe_key
from rungs.recipe.components import Convolutional, FullResolution
from rungs.recipe.differences import TEACHER
from rungs.recipe.modifications import find
from rungs.study.model import Rung, Step, Study


def rungs_named(step: Step) -> dict[str, str]:
    """Parameter -> name of another rung, as a study has a change."""
    name, values = step
    return {
        parameter: str(values[parameter]) for parameter in find(name).rungs if parameter in values
    }


def by_key(step: Step, recipes: Mapping[str, Recipe]) -> Step:
    """A change with the keys of recipes in the place of the rungs' names.

    Args:
        step: as a study has it.
        recipes: of the rungs that it names, at least.
    """
    name, values = step
    keys = {at: recipe_key(recipes[rung]) for at, rung in rungs_named(step).items()}
    return name, {**values, **keys}


def teacher_of(recipe: Recipe, candidates: Iterable[tuple[str, Recipe]]) -> str | None:
    """The rung that teaches a recipe: the first of the candidates that it can be.

    Two rungs may have one recipe and differ in their length, so that the recipe alone does not say.
    """
    wanted = recipe.teaching.teacher
    if not wanted:
        return None
    return next((name for name, other in candidates if recipe_key(other) == wanted), None)


def teachers_below(study: Study, rung: Rung) -> list[tuple[str, Recipe]]:
    """The teachers of a rung and of those that it stands on, its own first, with their recipes."""
    found = []
    here: Rung | None = rung
    while here is not None:
        if here.teacher is not None:
            found.append((here.teacher, study.rung(here.teacher).recipe))
        here = None if here.after is None else study.rung(here.after)
    return found


def changes(
    before: tuple[Recipe, str | None], after: tuple[Recipe, str | None]
) -> tuple[Difference, ...]:
    """What changed from one recipe to another, field by field, teachers by their titles.

    Args:
        before: a recipe, and its teacher's title; None without one.
        after: the same of the other.
    """
    return tuple(
        replace(item, before=before[1], after=after[1]) if item.place == TEACHER else item
        for item in diff(before[0], after[0])
    )


def changes_between(
    study: Study, parent: Rung, recipe: Recipe, teacher: str | None
) -> tuple[Difference, ...]:
    """The same of a rung of a study, and what is to stand on it with a teacher of this name."""
    titles = [
        None if name is None else study.rung(name).title for name in (parent.teacher, teacher)
    ]
    return changes((parent.recipe, titles[0]), (recipe, titles[1]))


def too_small_for(
    teacher: Recipe, learner: Recipe, image_size: tuple[int, int] | None
) -> str | None:
    """Why a teacher cannot answer to the images that another recipe trains on; None if it can.

    Args:
        teacher: recipe of the teacher.
        learner: recipe of what it is to teach.
        image_size: height and width of the images, if known.
    """
    network, resolution = teacher.network, learner.resolution
    if isinstance(resolution, FullResolution):
        return None
    if not network.any_size:
        needs = (
            f"its head '{network.head.kind}' is for one size"
            if isinstance(network, Convolutional)
            else f"its network '{network.kind}' does not say that it takes any"
        )
        return (
            "the images that it would answer to change their size (resolution "
            f"'{resolution.kind}'), and {needs}"
        )
    if image_size is not None and isinstance(network, Convolutional):
        try:
            network.sizes((resolution.smallest(image_size[0]), resolution.smallest(image_size[1])))
        except RecipeError as error:
            return str(error)
    return None
