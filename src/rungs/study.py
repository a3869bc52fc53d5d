"""A study: the question as a TOML file, checked whole before anything is done.

`load` reads a file or a built-in study; every mistake of the file arrives in one `StudyError`,
each with its place such as ``rungs[3].apply[0].rates``.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rungs.dataspec import DataSpec
from rungs.errors import Mistake, ParameterError, RecipeError, StudyError
from rungs.modifications import apply, catalogue
from rungs.modifications.registry import did_you_mean
from rungs.recipe import (
    CosineCycles,
    Count,
    Difference,
    Positive,
    Recipe,
    diff,
    recipe_from_dict,
    replace,
)
from rungs.schedules import snapshot_epochs

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]


# --- the file's form -----------------------------------------------------------------------------


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Reported(_Form):
    """What the study's source reports for a rung, shown beside ours."""

    test_accuracy: Fraction | None = None
    parameters: int | None = None
    epochs: Count | None = None
    notes: str = ""


class Assumption(_Form):
    """A reading of what the source leaves open: a field of a rung's recipe, and why it is so."""

    field: str
    text: str
    rung: str | None = None


class Erratum(_Form):
    """Something that the study's source says and that is not so; shown, not copied."""

    said: str
    found: str


class Quantity(_Form):
    """A measured number: see `rungs.claims` for the measures.

    ``images`` is that of a ``part``, ensemble measures of an ``ensemble``, all others of a
    ``rung``: exactly that one is named.
    """

    measure: Literal[
        "images",
        "learning_rate",
        "parameters",
        "test_accuracy",
        "val_accuracy",
        "val_loss",
        "best_epoch",
        "tested_epoch",
        "gap",
        "roughness",
        "late_gain",
        "best_class_accuracy",
        "worst_class_accuracy",
        "ensemble_test_accuracy",
        "ensemble_gain",
    ]
    rung: str | None = None
    part: Literal["train", "validation", "test"] | None = None
    ensemble: str | None = None

    @model_validator(mode="after")
    def _names_what_is_measured(self) -> "Quantity":
        # Without its subject a claim could never be held against anything, and nobody would know.
        if self.measure == "images":
            needed = "part"
        else:
            needed = "ensemble" if self.measure.startswith("ensemble_") else "rung"
        if getattr(self, needed) is None:
            raise ValueError(f"'{needed}' is needed for measure '{self.measure}', but missing")
        for other in ("rung", "part", "ensemble"):
            if other != needed and getattr(self, other) is not None:
                raise ValueError(f"measure '{self.measure}' has no '{other}'")
        return self


class Claim(_Form):
    """A statement that a run can confirm or refute.

    ``quantity`` stands in ``relation`` to ``value``, or to the quantity ``than`` plus ``value``.
    ``about`` holds within ``tolerance`` either way, ``equal`` exactly, ``measured`` whenever there
    is a figure.
    """

    text: str
    quantity: Quantity
    relation: Literal["above", "below", "about", "equal", "measured"]
    value: float = 0.0
    than: Quantity | None = None
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    budget: str | None = None
    reported: str = ""


class RungForm(_Form):
    """One rung as the file has it."""

    name: Name
    title: str = ""
    after: str | None = None
    keep: bool = True
    apply: tuple[str | dict[str, Any], ...] = ()
    reported: Reported = Reported()


class EnsembleForm(_Form):
    """A snapshot ensemble on a rung's recipe: ``cycles`` snapshots from one run."""

    name: Name
    rung: str
    cycles: Annotated[int, Field(ge=2)] = 5
    alpha0: Positive


class StudyForm(_Form):
    """The whole file."""

    name: Name
    title: str = ""
    base: str
    final: str
    seeds: Count = 1
    budget: str = "equal"
    data: DataSpec
    budgets: dict[str, Count | dict[str, Count]]
    recipe: dict[str, Any] = {}
    rungs: Annotated[tuple[RungForm, ...], Field(min_length=1)]
    ensembles: tuple[EnsembleForm, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    errata: tuple[Erratum, ...] = ()
    claims: tuple[Claim, ...] = ()


# --- the study -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rung:
    """A rung with its recipe folded: its parent's, changed by its modifications in order.

    Attributes:
        name: unique in the study.
        title: for people.
        after: the parent rung; None for a root.
        kept: whether later rungs may stand on it as part of the trunk; False if only tried.
        changes: the modifications as calls, e.g. ``dropout(rates=(0.1, 0.2))``.
        recipe: what is trained.
        difference: what changed against the parent, field by field; empty for a root.
        reported: what the study's source says.
    """

    name: str
    title: str
    after: str | None
    kept: bool
    changes: tuple[str, ...]
    recipe: Recipe
    difference: tuple[Difference, ...]
    reported: Reported


@dataclass(frozen=True)
class Ensemble:
    """A snapshot ensemble: one run of a rung's recipe with cyclic cosine learning rate."""

    name: str
    rung: str
    cycles: int
    recipe: Recipe


@dataclass(frozen=True)
class Study:
    """A study whose every rung can be trained."""

    name: str
    title: str
    base: str
    final: str
    seeds: int
    budget: str
    data: DataSpec
    budgets: Mapping[str, Mapping[str, int]]  # budget -> rung -> epochs
    rungs: tuple[Rung, ...]
    ensembles: tuple[Ensemble, ...]
    assumptions: tuple[Assumption, ...]
    errata: tuple[Erratum, ...]
    claims: tuple[Claim, ...]
    source: str

    def rung(self, name: str) -> Rung:
        """The rung of that name, which exists."""
        return next(rung for rung in self.rungs if rung.name == name)

    def epochs(self, rung: str, budget: str) -> int:
        """Epochs of a rung in a budget."""
        return self.budgets[budget][rung]


def builtin_names() -> tuple[str, ...]:
    """Names of the studies that come with the program."""
    folder = resources.files("rungs") / "studies"
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in folder.iterdir()
            if entry.name.endswith(".toml")
        )
    )


def load(source: str | Path) -> Study:
    """The study in a file, or the built-in one of that name.

    Raises:
        StudyError: the file is missing, is not TOML, or has mistakes: all of them.
    """
    text, shown = _read(source)
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(shown, [Mistake("", f"this is not TOML: {error}")]) from error
    return parse(plain, shown)


def _read(source: str | Path) -> tuple[str, str]:
    path = Path(source)
    if isinstance(source, str) and source in builtin_names() and not path.exists():
        text = (resources.files("rungs") / "studies" / f"{source}.toml").read_text("utf-8")
        return text, source
    try:
        return path.read_text(encoding="utf-8"), str(source)
    except FileNotFoundError:
        known = ", ".join(builtin_names())
        message = f"there is no such file, and the built-in studies are {known}"
        raise StudyError(str(source), [Mistake("", message)]) from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise StudyError(str(source), [Mistake("", f"cannot be read: {error}")]) from error


def parse(plain: Mapping[str, Any], source: str) -> Study:
    """A study from a file's plain content.

    Raises:
        StudyError: with every mistake.
    """
    try:
        form = StudyForm.model_validate(plain)
    except ValidationError as error:
        raise StudyError(source, _mistakes(error, plain)) from error
    mistakes: list[Mistake] = []
    rungs = _fold(form, mistakes)
    known = [rung.name for rung in form.rungs]
    for place, name in _references(form):
        if name not in known:
            mistakes.append(Mistake(place, f"there is no rung '{name}'{did_you_mean(name, known)}"))
    budgets = _budgets(form, known, mistakes)
    ensembles = _ensembles(form, rungs, budgets, mistakes)
    _check_assumptions(form, rungs, mistakes)
    if mistakes:
        raise StudyError(source, mistakes)
    return Study(
        name=form.name,
        title=form.title or form.name,
        base=form.base,
        final=form.final,
        seeds=form.seeds,
        budget=form.budget,
        data=form.data,
        budgets=budgets,
        rungs=tuple(rungs[name] for name in known),
        ensembles=tuple(ensembles),
        assumptions=form.assumptions,
        errata=form.errata,
        claims=form.claims,
        source=source,
    )


def _place(location: Sequence[int | str]) -> str:
    place = ""
    for part in location:
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += f".{part}" if place else part
    return place


def _mistakes(error: ValidationError, plain: object, prefix: str = "") -> list[Mistake]:
    """Pydantic's mistakes with paths as the file has them, the tags of unions left out."""
    found: dict[tuple[str, str], Mistake] = {}
    for detail in error.errors(include_url=False):
        location: list[int | str] = []
        here: Any = plain
        for position, part in enumerate(detail["loc"]):
            last = position == len(detail["loc"]) - 1
            inside = (isinstance(here, Mapping) and part in here) or (
                isinstance(here, list) and isinstance(part, int) and part < len(here)
            )
            if inside:
                here = here[part]
                location.append(part)
            elif last and detail["type"] == "missing":
                location.append(part)
        place = _place(location)
        if prefix:
            place = f"{prefix}.{place}" if place else prefix
        message = _explain(detail, here)
        found.setdefault((place, message), Mistake(place, message))
    return list(found.values())


def _explain(detail: Any, value: object) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "is needed, but missing"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if isinstance(value, Mapping | list):
        return message
    return f"{message}, found {value!r}"


def _references(form: StudyForm) -> list[tuple[str, str]]:
    """Every place that names a rung, but ``after``, with the name."""
    named = [("base", form.base), ("final", form.final)]
    named += [(f"ensembles[{i}].rung", item.rung) for i, item in enumerate(form.ensembles)]
    named += [
        (f"assumptions[{i}].rung", item.rung)
        for i, item in enumerate(form.assumptions)
        if item.rung is not None
    ]
    for i, claim in enumerate(form.claims):
        for place, quantity in (("quantity", claim.quantity), ("than", claim.than)):
            if quantity is not None and quantity.rung is not None:
                named.append((f"claims[{i}].{place}.rung", quantity.rung))
    return named


def _fold(form: StudyForm, mistakes: list[Mistake]) -> dict[str, Rung]:
    """Each rung's recipe from its parent's; rungs stand after their parents in the file."""
    try:
        root = recipe_from_dict(form.recipe)
    except ValidationError as error:
        mistakes += _mistakes(error, form.recipe, "recipe")
        root = Recipe()
    folded: dict[str, Rung] = {}
    names = [rung.name for rung in form.rungs]
    for position, rung in enumerate(form.rungs):
        place = f"rungs[{position}]"
        if rung.name in names[:position]:
            mistakes.append(Mistake(f"{place}.name", f"a second rung is called '{rung.name}'"))
            continue
        parent = root
        if rung.after is not None:
            if rung.after not in names:
                hint = did_you_mean(rung.after, names)
                mistakes.append(Mistake(f"{place}.after", f"there is no rung '{rung.after}'{hint}"))
            elif rung.after not in names[:position]:
                mistakes.append(
                    Mistake(f"{place}.after", f"'{rung.after}' must stand before '{rung.name}'")
                )
            elif rung.after in folded:
                parent = folded[rung.after].recipe
        recipe, changes = _apply(rung, parent, place, mistakes)
        difference = () if rung.after is None else diff(parent, recipe)
        if rung.after is not None and not rung.apply:
            mistakes.append(Mistake(place, f"rung '{rung.name}' changes nothing: apply is empty"))
        folded[rung.name] = Rung(
            rung.name,
            rung.title or rung.name,
            rung.after,
            rung.keep,
            tuple(changes),
            recipe,
            difference,
            rung.reported,
        )
    return folded


def _apply(
    rung: RungForm, recipe: Recipe, place: str, mistakes: list[Mistake]
) -> tuple[Recipe, list[str]]:
    changes = []
    known = [entry.name for entry in catalogue()]
    for position, step in enumerate(rung.apply):
        here = f"{place}.apply[{position}]"
        values = {} if isinstance(step, str) else dict(step)
        name = step if isinstance(step, str) else values.pop("name", None)
        if not isinstance(name, str):
            mistakes.append(Mistake(here, "'name' of the modification is needed, but missing"))
            continue
        if name not in known:
            hint = did_you_mean(name, known)
            mistakes.append(Mistake(here, f"there is no modification '{name}'{hint}"))
            continue
        shown = ", ".join(f"{key}={_call_value(value)}" for key, value in values.items())
        changes.append(f"{name}({shown})")
        try:
            recipe = apply(recipe, name, values)
        except ParameterError as error:
            mistakes += [
                Mistake(_place([here, *_numbers(item.place)]), item.message)
                for item in error.mistakes
            ]
        except RecipeError as error:
            mistakes.append(Mistake(here, str(error)))
    return recipe, changes


def _call_value(value: Any) -> str:
    if isinstance(value, Mapping):
        rest = ", ".join(f"{key}={item}" for key, item in value.items() if key != "kind")
        kind = value.get("kind", "")
        return f"{kind}({rest})" if rest else str(kind)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _numbers(place: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in place.split(".") if part]


def _budgets(
    form: StudyForm, rungs: list[str], mistakes: list[Mistake]
) -> dict[str, dict[str, int]]:
    budgets: dict[str, dict[str, int]] = {}
    for name, value in form.budgets.items():
        if isinstance(value, int):
            budgets[name] = dict.fromkeys(rungs, value)
            continue
        for rung in rungs:
            if rung not in value:
                mistakes.append(Mistake(f"budgets.{name}", f"no epochs for rung '{rung}'"))
        for rung in value:
            if rung not in rungs:
                hint = did_you_mean(rung, rungs)
                mistakes.append(
                    Mistake(f"budgets.{name}.{rung}", f"there is no rung '{rung}'{hint}")
                )
        budgets[name] = dict(value)
    if form.budget not in budgets:
        hint = did_you_mean(form.budget, list(budgets))
        mistakes.append(Mistake("budget", f"there is no budget '{form.budget}'{hint}"))
    for i, claim in enumerate(form.claims):
        if claim.budget is not None and claim.budget not in budgets:
            hint = did_you_mean(claim.budget, list(budgets))
            mistakes.append(
                Mistake(f"claims[{i}].budget", f"there is no budget '{claim.budget}'{hint}")
            )
    return budgets


def _ensembles(
    form: StudyForm,
    rungs: Mapping[str, Rung],
    budgets: Mapping[str, Mapping[str, int]],
    mistakes: list[Mistake],
) -> list[Ensemble]:
    ensembles = []
    for position, item in enumerate(form.ensembles):
        place = f"ensembles[{position}]"
        if item.rung not in rungs:
            continue
        parent = rungs[item.rung].recipe
        recipe = replace(
            parent,
            optimiser=replace(parent.optimiser, learning_rate=item.alpha0),
            schedule=CosineCycles(cycles=item.cycles),
        )
        for name, budget in budgets.items():
            try:
                snapshot_epochs(recipe, budget.get(item.rung, item.cycles))
            except RecipeError as error:
                mistakes.append(Mistake(f"{place}.cycles", f"in budget '{name}': {error}"))
        ensembles.append(Ensemble(item.name, item.rung, item.cycles, recipe))
    names = [item.name for item in form.ensembles]
    for i, claim in enumerate(form.claims):
        for place, quantity in (("quantity", claim.quantity), ("than", claim.than)):
            wanted = None if quantity is None else quantity.ensemble
            if wanted is not None and wanted not in names:
                hint = did_you_mean(wanted, names)
                mistakes.append(
                    Mistake(f"claims[{i}].{place}.ensemble", f"there is no '{wanted}'{hint}")
                )
    return ensembles


def value_at(recipe: Recipe, place: str) -> Any:
    """The value of a recipe's field by its path, such as ``transforms[0].rotation``.

    Raises:
        KeyError: there is no such field.
    """
    here: Any = recipe
    for part in place.replace("[", ".[").split("."):
        try:
            here = here[int(part[1:-1])] if part.startswith("[") else getattr(here, part)
        except (AttributeError, IndexError, ValueError, TypeError) as error:
            raise KeyError(place) from error
    return here


def _check_assumptions(form: StudyForm, rungs: Mapping[str, Rung], mistakes: list[Mistake]) -> None:
    for position, item in enumerate(form.assumptions):
        rung = rungs.get(item.rung or form.base)
        if rung is None:
            continue
        try:
            value_at(rung.recipe, item.field)
        except KeyError:
            mistakes.append(
                Mistake(
                    f"assumptions[{position}].field",
                    f"the recipe of rung '{rung.name}' has no field '{item.field}'",
                )
            )
