"""The rungs' recipes, each from its parent's, changed by its modifications in order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rungs.foundation.errors import Mistake, ParameterError, RecipeError, UnchangedError
from rungs.foundation.wording import nearest, shown
from rungs.recipe import Difference, Recipe, recipe_from_dict, recipe_key
from rungs.recipe.calls import parse_change
from rungs.recipe.components import Convolutional, NoTeaching, Recorded, is_recorded
from rungs.recipe.modifications import apply, find
from rungs.study.model import Step
from rungs.study.names import Names, name_of
from rungs.study.teachers import by_key, changes, rungs_named, teacher_of, too_small_for
from rungs.study.view import View


@dataclass(frozen=True)
class Folded:
    """What came of a rung.

    Attributes:
        steps: the modifications; where they name other rungs, with the keys of these's recipes.
        changes: the same as calls, e.g. ``dropout(rates=[0.1, 0.2])``.
        recipe: what is trained.
        difference: what changed against the parent, field by field; empty for a root.
        teacher: name of the rung that teaches it; None without.
    """

    steps: tuple[Step, ...]
    changes: tuple[str, ...]
    recipe: Recipe
    difference: tuple[Difference, ...]
    teacher: str | None = None


@dataclass(frozen=True)
class _Ladder:
    """What stands before a rung in its file.

    Attributes:
        names: of all rungs, also of those after it.
        after: name of each rung of the file -> that of the one that it stands on.
        titles: name -> title, of all rungs.
        folded: those before it that are right.
        passed: names of all that stand before it.
        image_size: height and width of the images, if known.
    """

    names: Names
    after: Mapping[str | None, str | None]
    titles: Mapping[str | None, str]
    folded: dict[str, Folded]
    passed: set[str | None]
    image_size: tuple[int, int] | None

    def title(self, name: str | None) -> str | None:
        return None if name is None else self.titles[name]

    def stands_on(self, name: str | None, other: str) -> bool:
        """Whether a rung stands on another, by way of others or not."""
        way = {name}
        while (name := self.after.get(name)) is not None and name not in way:
            way.add(name)
        return other in way


def fold(
    top: View, names: Names, image_size: tuple[int, int] | None, mistakes: list[Mistake]
) -> dict[str, Folded]:
    """The rungs by name, without those whose recipe hangs on a mistake.

    Parameters of modifications are checked in any case; what needs the recipe, such as whether a
    step changes anything, only where the recipe is known.

    Args:
        top: the file.
        names: of its rungs.
        image_size: height and width of the images, if known.
        mistakes: where what is found is added.
    """
    root = _root(top, mistakes)
    rungs = [rung for rung in top.items("rungs") if rung.known]
    circling = _check_circles(rungs, mistakes)
    ladder = _Ladder(
        names,
        {name_of(rung): rung.text("after") for rung in reversed(rungs)},  # of two, the first
        {name_of(rung): rung.text("title") or str(name_of(rung)) for rung in reversed(rungs)},
        {},
        set(),
        image_size,
    )
    start = None if root is None else Folded((), (), root, ())
    for rung in rungs:
        name = name_of(rung)
        if _says_recorded(rung):
            _check_recorded(rung, None if name in circling else name, ladder, mistakes)
            if name is not None and name not in ladder.passed:
                ladder.folded[name] = _recorded(top, rung, name)
            ladder.passed.add(name)
            continue
        parent = start
        if rung.has("after"):
            after = None if name in circling else _after(rung, names, ladder.passed, mistakes)
            parent = ladder.folded.get(after or "")
            if parent is not None and is_recorded(parent.recipe):
                message = (
                    f"{shown(after)} is trained elsewhere, so that nothing is known that "
                    f"{shown(name)} could change; expected a rung that is trained here, or "
                    f"recorded = true for {shown(name)} too"
                )
                mistakes.append(Mistake((*rung.path, "after"), message))
                parent = None
        result = _changed(rung, parent, ladder, mistakes)
        if result is not None and name is not None and name not in ladder.passed:
            ladder.folded[name] = result
            _check_twins(rung, name, ladder, mistakes)
        ladder.passed.add(name)
    return ladder.folded


def _says_recorded(rung: View) -> bool:
    """Whether a rung of the file is trained elsewhere."""
    recorded = rung.get("recorded")
    return recorded is not None and recorded.plain is True


def _check_recorded(
    rung: View,
    name: str | None,
    ladder: _Ladder,
    mistakes: list[Mistake],
) -> None:
    """What a rung that is trained elsewhere may stand on, and that it applies nothing."""
    if rung.has("after") and name is not None:
        _after(rung, ladder.names, ladder.passed, mistakes)
    if rung.has("apply"):
        message = (
            "a rung that is recorded is trained elsewhere, where nothing can be applied; leave it "
            "out, and say in 'title' what changes"
        )
        mistakes.append(Mistake((*rung.path, "apply"), message))


def _recorded(top: View, rung: View, name: str) -> Folded:
    recipe = Recipe(network=Recorded(study=(name_of(top) or "")[:100], rung=name[:100]))
    title = rung.text("title")
    return Folded((), (f"recorded: {title}" if title else "recorded",), recipe, ())


def _root(top: View, mistakes: list[Mistake]) -> Recipe | None:
    """The recipe on which roots stand, if the file has it right."""
    if not top.has("recipe"):
        return Recipe()
    table = top.get("recipe")
    recipe = recipe_from_dict(table.plain) if table is not None and table.sound else None
    if recipe is not None and not isinstance(recipe.teaching, NoTeaching):
        message = (
            f"a teacher is another rung, which a recipe cannot name; leave this out, and write "
            f"{shown('distil(from = RUNG)')} into the apply of the rung that learns"
        )
        mistakes.append(Mistake(("recipe", "teaching"), message))
        return None
    return recipe


def _check_circles(rungs: list[View], mistakes: list[Mistake]) -> set[str | None]:
    """Names of rungs that stand, by way of others, on themselves."""
    after = {name_of(rung): rung.text("after") for rung in reversed(rungs)}  # of two, the first
    circling: set[str | None] = set()
    for rung in rungs:
        name = name_of(rung)
        way = [name]
        while (following := after.get(way[-1])) is not None and following not in way:
            way.append(following)
        if following is None or following != name or name in circling:
            continue
        circling.update(way)
        shape = " after ".join(shown(each) for each in [*way, name])
        mistakes.append(Mistake((*rung.path, "after"), f"rungs stand in a circle: {shape}"))
    return circling


def _after(
    rung: View, names: Names, passed: set[str | None], mistakes: list[Mistake]
) -> str | None:
    """The parent, if it stands before its child."""
    after = rung.text("after")
    if after is None or after in passed:
        return after
    problem = names.problem(after)
    if after in names.known:
        problem = f"{shown(after)} must stand before {shown(name_of(rung))}"
    if problem:
        mistakes.append(Mistake((*rung.path, "after"), problem))
    return None


def _changed(
    rung: View,
    parent: Folded | None,
    ladder: _Ladder,
    mistakes: list[Mistake],
) -> Folded | None:
    before = len(mistakes)
    if rung.has("after") and (
        not rung.has("apply") or ((steps := rung.get("apply")) is not None and not steps.plain)
    ):
        message = f"rung {shown(name_of(rung))} changes nothing: apply is empty"
        mistakes.append(Mistake(rung.path, message))
    known = None if rung.has("apply") and rung.get("apply") is None else parent
    recipe, applied = _apply(rung, None if known is None else known.recipe, ladder, mistakes)
    if recipe is None or parent is None:
        return None
    teacher = _teacher(rung, recipe, parent, applied, ladder, mistakes)
    difference: tuple[Difference, ...] = ()
    if rung.has("after"):
        difference = changes(
            (parent.recipe, ladder.title(parent.teacher)), (recipe, ladder.title(teacher))
        )
    if rung.has("after") and not difference and len(mistakes) == before:
        message = f"rung {shown(name_of(rung))} changes nothing: its changes cancel out"
        mistakes.append(Mistake(rung.path, message))
    if ladder.image_size is not None and isinstance(recipe.network, Convolutional):
        try:
            smallest = [recipe.resolution.smallest(length) for length in ladder.image_size]
            recipe.network.sizes((smallest[0], smallest[1]))
        except RecipeError as error:
            mistakes.append(Mistake(rung.path, str(error)))
            return None
    recipes = {name: item.recipe for name, item in ladder.folded.items()}
    made = tuple(by_key(step, recipes) for step in applied)
    return Folded(made, tuple(_shown_call(*step) for step in applied), recipe, difference, teacher)


def _teacher(
    rung: View,
    recipe: Recipe,
    parent: Folded,
    applied: tuple[Step, ...],
    ladder: _Ladder,
    mistakes: list[Mistake],
) -> str | None:
    """The rung that teaches one, if one does that can."""
    if not recipe.teaching.teacher:
        return None
    # Of several that a rung names, the last one counts; none is that of its parent.
    named = [name for step in reversed(applied) for name in rungs_named(step).values()]
    named += [] if parent.teacher is None else [parent.teacher]
    teacher = teacher_of(recipe, ((name, ladder.folded[name].recipe) for name in named))
    path = (*rung.path, "apply")
    if teacher is None:  # a modification of the user's own gave a key that no rung has
        message = f"rung {shown(name_of(rung))} learns from what is no rung that it names"
        mistakes.append(Mistake(path, message))
        return None
    taught_by = ladder.folded[teacher].recipe
    why = too_small_for(taught_by, recipe, ladder.image_size)
    if is_recorded(taught_by):
        why = "it is trained elsewhere, so that its weights are not here"
    if why is not None:
        message = f"{shown(teacher)} cannot teach {shown(name_of(rung))}: {why}"
        mistakes.append(Mistake(path, message))
    return teacher


def _check_twins(rung: View, name: str, ladder: _Ladder, mistakes: list[Mistake]) -> None:
    """That two rungs of one recipe have one teacher: by their recipes they could not be told."""
    made = ladder.folded[name]
    if made.teacher is None:
        return
    for other, item in ladder.folded.items():
        if item.teacher != made.teacher and recipe_key(item.recipe) == recipe_key(made.recipe):
            message = (
                f"{shown(name)} and {shown(other)} have one recipe, and so have their teachers, "
                f"{shown(made.teacher)} and {shown(item.teacher)}, which differ in their length "
                "alone; expected one teacher for both"
            )
            mistakes.append(Mistake((*rung.path, "apply"), message))


def _apply(
    rung: View, recipe: Recipe | None, ladder: _Ladder, mistakes: list[Mistake]
) -> tuple[Recipe | None, tuple[Step, ...]]:
    """The recipe after all steps, or None from the first that is wrong; the steps."""
    calls: list[Step] = []
    recipes = {name: item.recipe for name, item in ladder.folded.items()}
    for step in rung.items("apply"):
        call = _call(step, mistakes)
        if call is not None:
            problems = [*_rungs_named(step, call, name_of(rung), ladder)]
            mistakes += problems
            if problems or any(name not in recipes for name in rungs_named(call).values()):
                recipe = None  # and what is wrong with that rung is said there
        if call is None:
            recipe = None
            continue
        if call in calls:
            message = f"the same change as apply[{calls.index(call)}]"
            mistakes.append(Mistake(step.path, message))
            continue
        calls.append(call)
        if recipe is None:
            continue
        try:
            recipe = apply(recipe, *by_key(call, recipes))
        except UnchangedError as error:
            mistakes.append(Mistake(step.path, str(error)))
        except RecipeError as error:
            mistakes.append(Mistake(step.path, str(error)))
            recipe = None
    return recipe, tuple(calls)


def _rungs_named(step: View, call: Step, learner: str | None, ladder: _Ladder) -> Iterator[Mistake]:
    """What is wrong with the other rungs that a change names, each of which stands before."""
    for parameter, name in rungs_named(call).items():
        problem = ladder.names.problem(name)
        if name == learner:
            problem = f"{shown(name)} is the rung itself; expected another that it learns from"
        elif name in ladder.names.known and name not in ladder.passed:
            problem = f"{shown(name)} must stand before {shown(learner)}, which learns from it"
            if learner is not None and ladder.stands_on(name, learner):
                problem = (
                    f"{shown(name)} stands on {shown(learner)} itself; expected a rung that is "
                    "there without it"
                )
        if problem:
            at = () if isinstance(step.plain, str) else (parameter,)
            yield Mistake((*step.path, *at), problem)


def _call(step: View, mistakes: list[Mistake]) -> tuple[str, dict[str, Any]] | None:
    """A step's modification and parameters, if these are right by themselves."""
    if not step.known:
        return None
    values: dict[str, Any] = {} if isinstance(step.plain, str) else dict(step.plain)
    name = step.plain if isinstance(step.plain, str) else values.pop("name", None)
    path = step.path if isinstance(step.plain, str) else (*step.path, "name")
    if name is None:
        near = nearest("name", tuple(values))
        if near is not None:
            mistakes.append(Mistake((*step.path, near), "unknown key; did you mean 'name'?"))
        else:
            message = "is needed, but missing; expected a modification's name"
            mistakes.append(Mistake(path, message))
        return None
    if not isinstance(name, str):
        message = f"expected a modification's name, found {shown(name)}"
        mistakes.append(Mistake(path, message))
        return None
    try:
        if isinstance(step.plain, str):
            name, values = parse_change(name)
        entry = find(name)
        entry.parse(values)
    except ParameterError as error:
        mistakes += [Mistake((*step.path, *item.path), item.message) for item in error.mistakes]
        return None
    except RecipeError as error:
        mistakes.append(Mistake(path, _as_text(step.plain, name) or str(error)))
        return None
    return entry.name, entry.in_our_words(values)


def _as_text(step: object, name: str) -> str | None:
    """How a call is written that stands as the name in a table; None of another name."""
    try:
        if isinstance(step, str) or not parse_change(name)[1]:
            return None
    except RecipeError:
        return None
    return f"a table's name is no call; write {shown(name)} without the table"


def _shown_call(name: str, values: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={_shown_value(value)}' for key, value in values.items())})"


def _shown_value(value: Any) -> str:
    if isinstance(value, Mapping):
        rest = ", ".join(f"{key}={item}" for key, item in value.items() if key != "kind")
        kind = value.get("kind", "")
        return f"{kind}({rest})" if rest else str(kind)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
