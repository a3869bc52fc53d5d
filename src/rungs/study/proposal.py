"""A first study for pictures of the user's own: image size, base and rungs that suit them."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import jinja2

from rungs.data.kinds import KINDS
from rungs.data.kinds.core import Named
from rungs.data.pictures import MOST_LISTED, UNEVEN, Survey, resolve, unevenness
from rungs.data.pictures.folders import folder_source
from rungs.data.pictures.parquet import parquet_files
from rungs.data.pictures.resolving import find_source
from rungs.data.pictures.source import Source, in_order, printable, written
from rungs.data.pictures.tables import (
    TABLE_SUFFIXES,
    NothingNamedError,
    is_table_of_pictures,
    part_tables,
)
from rungs.data.pictures_spec import FolderSpec, Layout
from rungs.data.published_spec import PublishedSpec
from rungs.data.spec import Ground, Spec
from rungs.foundation.errors import ClassesError, DataError
from rungs.foundation.limits import MAX_SIDE
from rungs.foundation.wording import counted, listed

_MOST_BITS = FolderSpec.model_fields["bits"].default
# Pictures whose sizes are looked at.
_MOST_HEADERS = 400
# Sizes in pixels that pictures of other sizes are brought to; larger ones take long on a CPU.
_SIZES = (8, 16, 24, 32, 48, 64)
_LARGEST_KEPT = 96
_FEWEST_CLASSES = 2
# Fewer training pictures than this are few, and too many epochs learn them by heart.
_FEW = 2_000
# Fewer test pictures than this tell a recipe from another only where 7 points or more are between
# them (0.05 over three comparisons, power 0.8, of every fifth picture the answers differ): then all
# pictures outside the test part speak instead, in folds, if each class has some for every fold.
_FEW_TO_JUDGE_BY, _FOLDS, _OF_A_FOLD = 450, 5, 2
# Of each epoch where pictures are few, as long as batches are no smaller.
_LEAST_UPDATES, _LEAST_BATCH = 2, 2
# Side in pixels of the last map: a dense head takes all of it.
_LARGEST_MAP = 8
_UPDATES = 1_500  # of one training, as far as its epochs are neither very few nor very many
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 30


@dataclass(frozen=True)
class Proposal:
    """A study that runs as it is.

    Attributes:
        text: of its file.
        survey: what was found where the pictures are; None of a published set.
        left_out: classes that are not used, for want of pictures.
    """

    text: str
    survey: Survey | None
    left_out: tuple[str, ...] = ()

    @property
    def folds(self) -> int | None:
        """In how many folds the pictures are proposed to be dealt; None for a validation part."""
        return None if self.survey is None else _folds(self.survey)

    @property
    def few(self) -> bool:
        """Whether the pictures are so few that trained weights are a better start."""
        return self.survey is not None and self.survey.spec.train < _FEW


def propose(
    file: Path,
    data: Path,
    *,
    size: int | None = None,
    columns: Mapping[str, str | None] | None = None,
    layout: Layout | None = None,
    say: Callable[[str], None] = lambda _: None,
    cache_dir: Path | None = None,
) -> Proposal:
    """A study for the pictures of a place.

    Args:
        file: where the study will be, from where it names the place.
        data: folder or table; or what a kind of data knows (`rungs.data.kinds.core.Kind.named`),
            such as ``hub:ylecun/mnist``; or the name of a published set.
        size: height and width in pixels; chosen if None.
        columns: of a table, as `rungs.data.pictures_spec.FolderSpec` has them, such as
            ``label_column``.
        layout: of folders, as `rungs.data.pictures_spec.FolderSpec` has it; seen from their
            names if None.
        say: receives lines for the user.
        cache_dir: keeps the pictures that are read; the user's cache if None.

    Raises:
        DataError: no pictures, or too few for two classes.
    """
    folder = file.absolute().parent
    if not data.exists():
        known = next((kind.form for kind in KINDS if _is_published(kind.form, str(data))), None)
        if known is not None:
            return Proposal(_text_of_published(file.stem, known()), None)
    looking = FolderSpec(path=".", size=size or 32, layout=layout, **(columns or {}))
    form, named = _named(data, folder, looking, size, say)
    ours = form is not FolderSpec
    path = named.keys["path"] if "path" in named.keys else str(named.place)
    spec = looking.model_copy(update={"path": path})
    source = find_source(named.place, spec)
    looked = _look(source)
    spec = spec.model_copy(
        update={
            "size": size or size_for(looked.sides),
            "channels": 1 if looked.grey else 3,
            "bits": looked.bits,
            "ground": looked.ground,
            "leave_out": _hopeless(source),
            "class_order": "counted" if ours else _order(source),
        }
    )
    spec, survey = _resolved(spec, len(source.labels), folder, say, cache_dir, named.title)
    about = {
        **spec.model_dump(),
        "kind": _name_of(form),
        "which": named.keys,
        "modules": named.modules,
        # Of other kinds the order of classes is always that of counting, and not said.
        "class_order": "text" if ours else spec.class_order,
    }
    return Proposal(_text(file.stem, about, survey), survey, spec.leave_out)


def _named(
    data: Path,
    folder: Path,
    looking: FolderSpec,
    size: int | None,
    say: Callable[[str], None],
) -> tuple[type[Spec], Named]:
    """Which kind of data a text stands for, by its form, and the pictures.

    Raises:
        DataError: they cannot be had, or not in the way that is asked for.
    """
    for kind in KINDS:
        named = kind.named(str(data), folder, size, say)
        if named is None:
            continue
        for key in ("layout", "picture_column", "label_column", "part_column"):
            if getattr(looking, key) is not None and key not in kind.form.model_fields:
                raise DataError(f"{data}: {key.replace('_', ' ')} is of folders and tables")
        return kind.form, named
    place = _table_in(data.expanduser().absolute(), looking)
    title = printable(place.name) or "pictures"
    return FolderSpec, Named({"path": written(place, folder)}, place, title)


def _name_of(form: type[Spec]) -> str:
    name: str = form.model_fields["kind"].default
    return name


def _is_published(form: type[Spec], text: str) -> bool:
    """Whether a form is that of a published set which is named so."""
    return issubclass(form, PublishedSpec) and _name_of(form) == text.replace("-", "_").casefold()


def _resolved(
    spec: FolderSpec,
    classes: int,
    folder: Path,
    say: Callable[[str], None],
    cache_dir: Path | None,
    title: str,
) -> tuple[FolderSpec, Survey]:
    """The pictures without the classes that have too few of them, of so many classes.

    Raises:
        ClassesError: without them fewer than two would be left.
    """
    from rungs.data.pictures.decoding import bits_of

    while True:
        try:
            survey = resolve(spec, folder, say=say, cache_dir=cache_dir, title=title)
        except ClassesError as error:
            if classes - len(spec.leave_out) - len(error.problems) < _FEWEST_CLASSES:
                raise
            # Only now that broken and double pictures are known.
            problems = [f"  {label}: {problem}" for label, problem in error.problems.items()]
            if len(problems) > MOST_LISTED:
                problems[MOST_LISTED:] = [f"  and {len(problems) - MOST_LISTED:,} more"]
            say(
                "\n".join(
                    ["too few pictures, so they are left out and all is read again:", *problems]
                )
            )
            spec = spec.model_copy(update={"leave_out": (*spec.leave_out, *error.problems)})
            continue
        bits = _MOST_BITS if survey.largest is None else bits_of(survey.largest)
        if bits == spec.bits:
            return spec, survey
        say(f"of the 16 bits of grey pictures {bits} are used, so all is read again")
        spec = spec.model_copy(update={"bits": bits})


def _table_in(place: Path, spec: FolderSpec) -> Path:
    """The one table of pictures in a folder, or the place itself.

    Raises:
        DataError: several tables are there, or one beside class folders, of which it does not name
            all pictures: it cannot be told what is meant.
    """
    if not place.is_dir() or spec.layout is not None:
        return place
    every = [path for path in sorted(place.iterdir()) if path.suffix.casefold() in TABLE_SUFFIXES]
    tables = [path for path in every if is_table_of_pictures(path, spec)]
    named = spec.picture_column or spec.label_column or spec.part_column
    if named and len(every) == 1 and not parquet_files(place):
        return every[0]  # that is meant, and says which of the columns it has not
    if not tables or parquet_files(place):
        return place
    folders = None if named else _class_folders(place)
    if folders is None and part_tables(place, spec):
        return place
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise DataError(f"{place}: which table of pictures is meant? Found {names}; name one")
    if folders is not None:
        try:
            table = find_source(tables[0], spec)
        except NothingNamedError:
            return place
        inside, rows = sum(folders.labels.values()), sum(table.labels.values())
        if rows < inside:
            raise DataError(
                f"{place}: are the labels the folders ({listed(folders.labels)}), or those that "
                f"{tables[0].name} gives to {rows:,} of {counted(inside, 'picture')} "
                f"({listed(table.labels)})? `--layout class` reads the folders, "
                f"--data {tables[0]} the table"
            )
    return tables[0]


def _class_folders(place: Path) -> Source | None:
    """The class folders of a place; None if there are not two."""
    try:
        source = folder_source(place)
    except DataError:
        return None
    return source if len(source.labels) >= _FEWEST_CLASSES else None


def _hopeless(source: Source) -> tuple[str, ...]:
    """Classes with fewer files than pictures are needed, before any is read.

    None where fewer than two would be left: then it is said what each of them lacks.
    """
    needed = 1 + len({"validation", "test"} - source.parts)
    found = tuple(label for label, count in source.labels.items() if count < needed)
    return found if len(source.labels) - len(found) >= _FEWEST_CLASSES else ()


def _order(source: Source) -> Literal["text", "counted"]:
    """As people count, where that is another order than that of text."""
    counted_up = in_order(source.labels, "counted") != in_order(source.labels, "text")
    return "counted" if counted_up else "text"


@dataclass(frozen=True)
class _Looked:
    """What some of the pictures say.

    Attributes:
        sides: their shorter sides in pixels.
        grey: whether none of them has colours.
        bits: of each value of those with more than 8, and on what ground there is something to be
            seen on those that are transparent; see `rungs.data.spec.FolderSpec`.
        ground: the latter.
    """

    sides: tuple[int, ...]
    grey: bool
    bits: int
    ground: Ground


def _look(source: Source) -> _Looked:
    from rungs.data.pictures.decoding import THROUGH, Form, bits_of, careful, examine, header

    small = Form(_SIZES[0], 3, "stretch")
    step = max(1, sum(source.labels.values()) // _MOST_HEADERS)
    sides: list[int] = []
    grey: list[bool] = []
    seen_through, largest = 0, 0
    with careful():
        for number, candidate in enumerate(source.candidates()):
            # The largest value is that of the whole set, so that none is cut off.
            if number % step and not largest:
                continue
            try:
                data = candidate.read()
                found = header(data)
                if found.odd:
                    _, sight = examine(data, small)
                    largest = max(largest, sight.largest or 0)
                    if sight.cause == THROUGH:
                        on_black = examine(data, replace(small, ground="black"))[1]
                        seen_through += not on_black.one_colour
            except DataError:
                continue
            sides.append(min(found.width, found.height))
            grey.append(found.grey)
    return _Looked(
        sides=tuple(sides),
        grey=bool(grey) and all(grey),
        bits=bits_of(largest) if largest else _MOST_BITS,
        ground="black" if 2 * seen_through > len(sides) else "white",
    )


def size_for(sides: Sequence[int]) -> int:
    """The size to bring pictures to: their own if it is small, or else one that trains quickly."""
    if not sides:
        return _SIZES[-1]
    usual = int(statistics.median(sides))
    if min(sides) == max(sides) and _SIZES[0] <= usual <= _LARGEST_KEPT:
        return usual
    return max((size for size in _SIZES if size <= usual), default=_SIZES[0])


# --- the base and its rungs ----------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """Network and length of training that suit the number of pictures and their size.

    Attributes:
        widths: of the stages, each of which halves the picture, to about 4 pixels.
        batch_size: images of one update.
        epochs: of every rung.
    """

    widths: tuple[int, ...]
    batch_size: int
    epochs: int


def base_for(train: int, size: int) -> Base:
    """The base for so many training pictures of ``size`` x ``size`` pixels."""
    stages = next((n for n in (2, 3, 4) if size >> n <= 6), 5)
    while size >> stages > _LARGEST_MAP:
        stages += 1
    first = 16 if train < _FEW else 32
    batch_size = 32 if train < _FEW else 64 if train < 5 * _FEW else 128
    while batch_size > _LEAST_BATCH and _LEAST_UPDATES * batch_size > train:
        batch_size //= 2
    updates = max(1, train // batch_size)  # of one epoch
    epochs = min(max(round(_UPDATES / updates), _FEWEST_EPOCHS), _MOST_EPOCHS)
    return Base(tuple(min(first << n, 256) for n in range(stages)), batch_size, epochs)


def _folds(survey: Survey) -> int | None:
    """Folds where test pictures are few and every class has enough outside of them."""
    outside = [train + validation for train, validation, _ in survey.counts.values()]
    enough = min(outside, default=0) >= _FOLDS * _OF_A_FOLD
    return _FOLDS if enough and survey.spec.test < _FEW_TO_JUDGE_BY else None


def _text(name: str, about: Mapping[str, Any], survey: Survey) -> str:
    """The study file; ``about`` is what it says of its data."""
    found = survey.spec
    return _rendered(
        name=name,
        own=True,
        spec={**about, "title": found.title},
        pictures=sum(found.sizes.values()),
        classes=found.classes,
        cut=[part for part in ("validation", "test") if part not in survey.parts],
        base=base_for(found.train, found.size),
        folds=_folds(survey),
        judged=found.train + found.validation,
        train=found.train,
        few=found.train < _FEW,
        uneven=times if (times := unevenness(survey.pictures.values())) >= UNEVEN else None,
        grey=found.channels == 1,
    )


def _text_of_published(name: str, form: PublishedSpec) -> str:
    """The study file for a published set."""
    sizes = form.sizes
    keys = {part: [list(one) for one in getattr(form, part)] for part in ("train", "validation")}
    return _rendered(
        name=name,
        own=False,
        spec={"title": form.title, "kind": form.kind, "which": keys, "modules": ()},
        pictures=sum(sizes.values()),
        classes=form.classes,
        base=base_for(sizes["train"], form.image_shape[1]),
        folds=None,
        train=sizes["train"],
        few=False,
        uneven=None,
        grey=form.image_shape[0] == 1,
    )


def _rendered(**values: Any) -> str:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["toml"] = _toml
    text = (resources.files("rungs.study") / "builtin" / "own.toml.j2").read_text(encoding="utf-8")
    return environment.from_string(text).render(values, largest_size=MAX_SIDE)


def _toml(value: object) -> str:
    """A text or a list as TOML writes it, which for printable text is as JSON does."""
    return json.dumps(value, ensure_ascii=False)
