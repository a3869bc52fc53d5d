"""A study from its file or a dict: every mistake in one error."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rungs.data.kinds import FORMS, kind_of
from rungs.data.kinds.core import Resolved
from rungs.data.spec import DataForm
from rungs.foundation.errors import DataError, Mistake, OwnModuleError, RecipeError, StudyError
from rungs.foundation.weight_files import name_weights
from rungs.foundation.wording import LARGEST, listed, shown
from rungs.recipe import Recipe, value_at
from rungs.recipe.components import BatchNorm, Convolutional, is_recorded
from rungs.recipe.mistakes import findings
from rungs.recipe.own_modules import load_module
from rungs.study.fold import Folded, fold
from rungs.study.forms import RungForm, StudyForm
from rungs.study.lengths import check_budgets, ensembles, epochs_of
from rungs.study.model import Rung, Study
from rungs.study.names import (
    check_names,
    names_of_budgets,
    names_of_ensembles,
    names_of_rungs,
)
from rungs.study.overrides import Override, Overrides, name_with, overridden, title_with
from rungs.study.seeds import Adaptive
from rungs.study.toml_tables import plain_tables, read
from rungs.study.view import Refused, View

Say = Callable[[str], None]
# From what a study file says of its data, and the folder of paths, to what the study is about.
Resolve = Callable[[StudyForm, Path, Say], Resolved]


def _silent(_: str) -> None:
    pass


def _as_it_is_now(form: StudyForm, beside: Path, say: Say) -> Resolved:
    return kind_of(form.data).resolve(form.data, beside, say)


# What a study that stands in no file is called where its mistakes are told.
_DICT = "the study's dict"
# A study as it may be named: its file, a built-in study's name, or what a file would hold.
Source = str | Path | Mapping[str, Any]


def load(
    source: Source,
    say: Say = _silent,
    *,
    resolve: Resolve = _as_it_is_now,
    overrides: Overrides = (),
) -> Study:
    """The study in a file or a dict, or the built-in one of that name.

    Args:
        source: path of the file, the name, or a dict as the file would be read: paths in it count
            from the present folder, and commands that reports propose name it ``NAME.toml``.
        say: receives lines while pictures are read that were not read before.
        resolve: finds the data; that which is there now if left out.
        overrides: keys of the file that have another value; see `rungs.study.overrides`.

    Raises:
        StudyError: the file is missing, is not TOML, or has mistakes: all of them.
        UsageError: an override that is none.
        DataError: pictures that the study is about are missing or cannot be used.
    """
    if isinstance(source, Mapping):
        study = _read(plain_tables(source), _DICT, say, resolve, overrides)
        return replace(study, source=f"{study.own_name}.toml")
    return _read(read(source), str(source), say, resolve, overrides)


def _read(
    plain: Mapping[str, Any], source: str, say: Say, resolve: Resolve, overrides: Overrides
) -> Study:
    found = overridden(plain, source, overrides)
    try:
        return parse(found.plain, source, say, resolve=resolve, overrides=found.overrides)
    except StudyError as error:
        raise found.told(error) from error


def parse(
    plain: Mapping[str, Any],
    source: str,
    say: Say = _silent,
    *,
    resolve: Resolve = _as_it_is_now,
    overrides: Sequence[Override] = (),
) -> Study:
    """A study from a file's plain content; pictures count from the folder of ``source``.

    Args:
        plain: the content.
        source: of the file, for messages.
        say: receives lines while pictures are read.
        resolve: finds the data.
        overrides: in which the content differs from that of the file.

    Raises:
        StudyError: with every mistake.
        DataError: as `load`, once the file has no mistakes.
    """
    plain = _writable(plain)
    mistakes: list[Mistake] = []
    # First, since all else may name what they define.
    top_level: Mapping[str, Any] = plain if isinstance(plain, Mapping) else {}
    modules = _modules(top_level.get("modules"), Path(source).parent, mistakes)
    _weights(top_level.get("weights"), Path(source).parent, mistakes)
    refused = Refused.of(())
    if mistakes:  # what else is wrong cannot be told without them
        raise StudyError(source, mistakes)
    form = None
    try:
        form = StudyForm.model_validate(plain)
    except ValidationError as error:
        found = findings(error, StudyForm, plain)
        mistakes += found.mistakes
        refused = Refused.of([*(mistake.path for mistake in mistakes), *found.misspelt])
    top = View((), plain, refused)
    if not top.known:
        raise StudyError(source, mistakes)
    # What hangs together is checked on what keeps to the form, so that both come at once.
    data = _data(top, mistakes)
    names = names_of_rungs(top)
    check_names(top, names, names_of_ensembles(top), names_of_budgets(top), mistakes)
    check_budgets(top, names, mistakes)
    folded = fold(top, names, None if data is None else data.image_shape[1:], mistakes)
    recipes = {name: item.recipe for name, item in folded.items()}
    made = ensembles(top, recipes, mistakes)
    _check_assumptions(top, recipes, mistakes)
    _check_batches(top, recipes, mistakes)
    _check_recorded(top, recipes, mistakes)
    if form is None or mistakes:
        raise StudyError(source, sorted(mistakes, key=_position))
    own_name, named = form.name, name_with(form.name, overrides)
    titled = title_with(form.title or own_name, overrides)
    form = form.model_copy(update={"name": named, "title": titled})
    resolved = resolve(form, Path(source).parent, say)
    _check_folds(form, resolved, source)
    _check_looks(form, source)
    return Study(
        name=form.name,
        title=form.title,
        base=form.base,
        final=form.final,
        seeds=form.seeds if isinstance(form.seeds, int) else form.seeds.start,
        budget=form.budget,
        unseal=form.unseal,
        margin=form.margin,
        looks=form.looks,
        modules=modules,
        data=resolved.spec,
        budgets=epochs_of(form),
        rungs=tuple(_rung(rung, folded[rung.name]) for rung in form.rungs),
        ensembles=made,
        assumptions=form.assumptions,
        errata=form.errata,
        claims=form.claims,
        source=source,
        pictures=resolved.survey,
        form=form.data,
        adaptive=_adaptive(form),
        folds=form.folds,
        overrides=tuple(overrides),
        own_name=own_name,
    )


def _adaptive(form: StudyForm) -> Adaptive | None:
    seeds = form.seeds
    return None if isinstance(seeds, int) else Adaptive(seeds.start, seeds.most)


def _modules(paths: object, folder: Path, mistakes: list[Mistake]) -> tuple[Path, ...]:
    """Loads the user's own modules; what is no list of texts is left to the form to refuse."""
    loaded: dict[str, Path] = {}
    for number, path in enumerate(paths if isinstance(paths, list) else ()):
        if not isinstance(path, str):
            continue
        place = ("modules", number)
        try:
            module = load_module(folder / path)
        except OwnModuleError as error:
            mistakes.append(Mistake(place, str(error)))
            continue
        if module.name in loaded:
            mistakes.append(
                Mistake(place, f"another module is called {shown(module.name)} already")
            )
        loaded[module.name] = module.path
    return tuple(loaded.values())


def _weights(paths: object, folder: Path, mistakes: list[Mistake]) -> None:
    """Makes files of weights known; what is no list of texts is left to the form to refuse."""
    for number, path in enumerate(paths if isinstance(paths, list) else ()):
        if not isinstance(path, str):
            continue
        try:
            name_weights(folder / path)
        except DataError as error:
            mistakes.append(Mistake(("weights", number), str(error)))


def _writable(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without whole numbers that cannot be written out: the nearest that can stand there.

    The validating library stumbles over them where it means to name what it found. Without
    recursion, since a file may be nested as deep as its reader allows.
    """
    whole: list[Any] = [plain]
    waiting: list[tuple[Any, Any]] = [(whole, 0)]
    while waiting:
        holder, place = waiting.pop()
        value = holder[place]
        if isinstance(value, Mapping):
            holder[place] = dict(value)
            waiting += [(holder[place], key) for key in value]
        elif isinstance(value, list):
            holder[place] = list(value)
            waiting += [(holder[place], number) for number in range(len(value))]
        elif isinstance(value, int) and abs(value) > LARGEST:
            holder[place] = LARGEST if value > 0 else -LARGEST
    copied: dict[str, Any] = whole[0]
    return copied


def _rung(form: RungForm, folded: Folded) -> Rung:
    return Rung(
        name=form.name,
        title=form.title or form.name,
        after=form.after,
        kept=form.keep,
        steps=folded.steps,
        changes=folded.changes,
        recipe=folded.recipe,
        difference=folded.difference,
        reported=form.reported,
        teacher=folded.teacher,
    )


def _position(mistake: Mistake) -> tuple[int, int]:
    """Sorts mistakes as a study file is written, those of one rung or claim together."""
    key, *rest = mistake.path or ("",)
    order = [*StudyForm.model_fields]
    first = order.index(key) if isinstance(key, str) and key in order else -1
    return first, rest[0] if rest and isinstance(rest[0], int) else -1


def _data(top: View, mistakes: list[Mistake]) -> DataForm | None:
    view = top.get("data")
    if view is None or not view.sound:
        return None
    data = FORMS.validate_python(view.plain)
    mistakes += kind_of(data).mistakes(data)
    return data


def _check_looks(form: StudyForm, source: str) -> None:
    """Refuses several looks where rungs have no common number of seeds, or nothing is sealed."""
    if not form.looks:
        return
    if not isinstance(form.seeds, int):
        problem = (
            "several looks at the test set need as many seeds of every rung; expected a number of "
            "seeds, or seeds where they decide without looks"
        )
    elif form.folds is not None:
        problem = "with folds the test set judges nothing; expected either alone"
    else:
        return
    raise StudyError(source, [Mistake(("looks",), problem)])


def _check_folds(form: StudyForm, resolved: Resolved, source: str) -> None:
    """Refuses folds where the pictures are too few for them, and what folds have no answer to."""
    if form.folds is None:
        return
    mistakes = []
    sizes, classes = resolved.spec.sizes, resolved.spec.classes
    images = sizes["train"] + sizes["validation"]
    if images < form.folds * classes:
        mistakes.append(
            Mistake(
                ("folds",),
                f"{images:,} pictures of {classes:,} classes outside the test part are too few for "
                f"{form.folds} folds, each of which holds out a picture of every class; expected "
                f"{form.folds * classes:,} pictures at least, or fewer folds",
            )
        )
    if not isinstance(form.seeds, int):
        mistakes.append(
            Mistake(
                ("seeds",),
                f"with folds = {form.folds} seeds cannot go where they decide: the images that "
                "would be looked at after each round are those that judge; expected a number",
            )
        )
    if form.ensembles:
        mistakes.append(
            Mistake(
                ("ensembles",),
                f"with folds = {form.folds} no ensemble is judged; expected either alone",
            )
        )
    if mistakes:
        raise StudyError(source, mistakes)


def _check_assumptions(top: View, recipes: Mapping[str, Recipe], mistakes: list[Mistake]) -> None:
    for item in top.items("assumptions"):
        if not item.known:
            continue
        rung = item.text("rung") if item.has("rung") else top.text("base")
        field = item.text("field")
        if rung is None or rung not in recipes or field is None:
            continue
        if is_recorded(recipes[rung]):
            message = f"rung {shown(rung)} is trained elsewhere: there is no recipe of it here"
            mistakes.append(Mistake((*item.path, "field"), message))
            continue
        try:
            value_at(recipes[rung], field)
        except RecipeError as error:
            message = f"in rung {shown(rung)}, {error}"
            mistakes.append(Mistake((*item.path, "field"), message))


def _check_batches(top: View, recipes: Mapping[str, Recipe], mistakes: list[Mistake]) -> None:
    """A single image has no variance to be normalised by: no such rung can be trained."""
    for item in top.items("rungs"):
        name = item.text("name") if item.known else None
        recipe = None if name is None else recipes.get(name)
        if recipe is None or not _normalises_one(recipe):
            continue
        before = recipes.get(item.text("after") or "")
        if before is not None and _normalises_one(before):
            continue  # which is told there
        path = (*item.path, "apply") if item.get("apply") else ("recipe", "batch_size")
        mistake = Mistake(
            path,
            f"batches of 1 image in rung {shown(name)}, whose network is normalised by batch; "
            "expected a batch_size of 2 at least, or another normalisation, such as 'group_norm'",
        )
        if mistake not in mistakes:
            mistakes.append(mistake)


def _check_recorded(top: View, recipes: Mapping[str, Recipe], mistakes: list[Mistake]) -> None:
    """Refuses what a rung that is trained elsewhere has no part in."""
    recorded = {name for name, recipe in recipes.items() if is_recorded(recipe)}
    if not recorded:
        return
    if top.has("folds"):
        message = (
            f"{listed(sorted(recorded))}: what is trained elsewhere is recorded without folds; "
            "expected either alone"
        )
        mistakes.append(Mistake(("folds",), message))
    for item in top.items("ensembles"):
        rung = item.text("rung") if item.known else None
        if rung in recorded:
            message = f"{shown(rung)} is trained elsewhere; expected a rung that is trained here"
            mistakes.append(Mistake((*item.path, "rung"), message))


def _normalises_one(recipe: Recipe) -> bool:
    network = recipe.network
    normalised = isinstance(network, Convolutional) and isinstance(network.normalisation, BatchNorm)
    return normalised and recipe.batch_size == 1
