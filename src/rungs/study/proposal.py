"""A first study for pictures of the user's own: image size, base and rungs that suit them."""

import json
import os
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from rungs.data.pictures import MOST_LISTED, Survey, resolve
from rungs.data.pictures.parquet import parquet_files
from rungs.data.pictures.resolving import find_source
from rungs.data.pictures.source import Source, printable
from rungs.data.pictures.tables import CSV_SUFFIXES, is_table_of_pictures
from rungs.data.spec import FolderSpec
from rungs.foundation.errors import ClassesError, DataError

# Pictures whose sizes are looked at.
_MOST_HEADERS = 400
# Sizes in pixels that pictures of other sizes are brought to; larger ones take long on a CPU.
_SIZES = (8, 16, 24, 32, 48, 64)
_LARGEST_KEPT = 96
_FEWEST_CLASSES = 2
# How many times as many pictures the largest class has as the smallest, from where that is said.
UNEVEN = 4
# Fewer training pictures than this are few, and too many epochs learn them by heart.
_FEW = 2_000
_UPDATES = 1_500  # of one training, as far as its epochs are neither very few nor very many
_FEWEST_EPOCHS, _MOST_EPOCHS = 5, 30


@dataclass(frozen=True)
class Proposal:
    """A study that runs as it is.

    Attributes:
        text: of its file.
        survey: what was found where the pictures are.
        left_out: classes that are not used, for want of pictures.
    """

    text: str
    survey: Survey
    left_out: tuple[str, ...]

    @property
    def few(self) -> bool:
        """Whether the pictures are so few that trained weights are a better start."""
        return self.survey.spec.train < _FEW


def propose(
    file: Path,
    data: Path,
    *,
    size: int | None = None,
    columns: Mapping[str, str | None] | None = None,
    say: Callable[[str], None] = lambda _: None,
    cache_dir: Path | None = None,
) -> Proposal:
    """A study for the pictures of a place.

    Args:
        file: where the study will be, from where it names the place.
        data: folder or table.
        size: height and width in pixels; chosen if None.
        columns: of a table, as `rungs.data.spec.FolderSpec` has them, such as ``label_column``.
        say: receives lines for the user.
        cache_dir: keeps the pictures that are read; the user's cache if None.

    Raises:
        DataError: no pictures, or too few for two classes.
    """
    named = FolderSpec(path=".", size=size or 32, **(columns or {}))
    place = _table_in(data.expanduser().absolute(), named)
    spec = named.model_copy(update={"path": _written(place, file)})
    source = find_source(place, spec)
    sides, grey = _headers(source)
    spec = spec.model_copy(
        update={
            "size": size or size_for(sides),
            "channels": 1 if grey else 3,
            "leave_out": _hopeless(source),
        }
    )
    spec, survey = _resolved(spec, len(source.labels), file.absolute().parent, say, cache_dir)
    return Proposal(_text(file.stem, spec, survey), survey, spec.leave_out)


def _resolved(
    spec: FolderSpec,
    classes: int,
    folder: Path,
    say: Callable[[str], None],
    cache_dir: Path | None,
) -> tuple[FolderSpec, Survey]:
    """The pictures without the classes that have too few of them, of so many classes.

    Raises:
        ClassesError: without them fewer than two would be left.
    """
    while True:
        try:
            return spec, resolve(spec, folder, say=say, cache_dir=cache_dir)
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


def _table_in(place: Path, spec: FolderSpec) -> Path:
    """The one table of pictures in a folder, or the place itself."""
    if not place.is_dir():
        return place
    every = [path for path in sorted(place.iterdir()) if path.suffix.casefold() in CSV_SUFFIXES]
    tables = [path for path in every if is_table_of_pictures(path, spec)]
    named = spec.picture_column or spec.label_column or spec.part_column
    if named and len(every) == 1 and not parquet_files(place):
        return every[0]  # that is meant, and says which of the columns it has not
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise DataError(f"{place}: which table of pictures is meant? Found {names}; name one")
    return tables[0] if tables else place


def _written(place: Path, file: Path) -> str:
    """A place as the study names it: from the study's folder where there is a way.

    Raises:
        DataError: it has letters that a study file cannot hold.
    """
    try:
        path = Path(os.path.relpath(place, file.absolute().parent)).as_posix()
    except ValueError:  # on another drive
        path = place.as_posix()
    if path != printable(path):
        raise DataError(
            f"{printable(path)}: has letters that a study file cannot hold, here as their escapes; "
            "rename it, or make a link to it"
        )
    return path


def _hopeless(source: Source) -> tuple[str, ...]:
    """Classes with fewer files than pictures are needed, before any is read.

    None where fewer than two would be left: then it is said what each of them lacks.
    """
    needed = 1 + len({"validation", "test"} - source.parts)
    found = tuple(label for label, count in source.labels.items() if count < needed)
    return found if len(source.labels) - len(found) >= _FEWEST_CLASSES else ()


def _headers(source: Source) -> tuple[list[int], bool]:
    """The shorter sides of some pictures in pixels, and whether none of these has colours."""
    from rungs.data.pictures.decoding import careful, header

    step = max(1, sum(source.labels.values()) // _MOST_HEADERS)
    sides, grey = [], []
    with careful():
        for number, candidate in enumerate(source.candidates()):
            if number % step:
                continue
            try:
                found = header(candidate.read())
            except DataError:
                continue
            sides.append(min(found.width, found.height))
            grey.append(found.grey)
    return sides, bool(grey) and all(grey)


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
    first = 16 if train < _FEW else 32
    batch_size = 32 if train < _FEW else 64 if train < 5 * _FEW else 128
    updates = max(1, train // batch_size)  # of one epoch
    epochs = min(max(round(_UPDATES / updates), _FEWEST_EPOCHS), _MOST_EPOCHS)
    return Base(tuple(min(first << n, 256) for n in range(stages)), batch_size, epochs)


def _text(name: str, spec: FolderSpec, survey: Survey) -> str:
    """The study file."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["toml"] = _toml
    text = (resources.files("rungs.study") / "builtin" / "own.toml.j2").read_text(encoding="utf-8")
    found = survey.spec
    return environment.from_string(text).render(
        name=name,
        spec={**spec.model_dump(), "title": found.title},
        pictures=sum(found.sizes.values()),
        classes=found.classes,
        cut=[part for part in ("validation", "test") if part not in survey.parts],
        base=base_for(found.train, found.size),
        train=found.train,
        few=found.train < _FEW,
        uneven=times if (times := unevenness(survey.pictures.values())) >= UNEVEN else None,
        grey=found.channels == 1,
    )


def unevenness(counts: Collection[int]) -> int:
    """How many times as many pictures the largest class has as the smallest, rounded down."""
    return max(counts) // max(1, min(counts))


def _toml(text: str) -> str:
    """A text as TOML writes it, which for printable text is as JSON does."""
    return json.dumps(text, ensure_ascii=False)
