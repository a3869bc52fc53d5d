"""On which data a study was trained, and its labels: so that what was trained answers for itself.

    STORE/trained/ID.json, ARCHIVE/trained/ID.json    specs of the data, the latest last
    STORE/data/FINGERPRINT/, ARCHIVE/data/FINGERPRINT/    labels, see `rungs.store`

ID is a hash of the study's name and of what its file says of its data: where the user's own
pictures are, and how they are used. What was found there, and what is there now, may be something
else.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from rungs.data.kinds import FORMS, SPECS
from rungs.data.spec import DataForm, DataSpec, fingerprint
from rungs.foundation.errors import StoreError
from rungs.foundation.files import read_json, write_json
from rungs.store import PARTS, Store

_FOLDER = "trained"
# Of a file with labels: those of ten million images.
_MOST_BYTES = 100_000_000


def trained_on(places: Iterable[Path], study: str, form: DataForm) -> tuple[DataSpec, ...]:
    """The data that a study was trained on, the latest last.

    Args:
        places: stores and archives, those that count most last.
        study: its name.
        form: what its file says of its data.

    Raises:
        StoreError: a file is damaged.
    """
    found: dict[str, DataSpec] = {}
    for place in places:
        for spec in _read(_path(place, study, form)):
            found.pop(spec.fingerprint, None)
            found[spec.fingerprint] = spec
    return tuple(found.values())


def keep_trained_on(
    place: Path, study: str, form: DataForm, spec: DataSpec, *, latest: bool = True
) -> None:
    """Notes in a store or an archive that a study was trained on some data.

    Nothing is noted where the study's file says it all, so that it cannot be other data one day.

    Args:
        place: store or archive.
        study: its name.
        form: as its file has it.
        spec: what was found and trained on.
        latest: whether that was after all that is known; else before, unless it is known already.
    """
    known = trained_on((place,), study, form)
    others = [one for one in known if one != spec]
    specs = [*others, spec] if latest else [spec, *others]
    if form != spec and (known[-1:] != (spec,) if latest else spec not in known):
        path = _path(place, study, form)
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = [SPECS.dump_python(one, mode="json") for one in specs]
        write_json(path, {"study": study, "data": plain})


def copy_labels(source: Path, target: Path, spec: DataSpec) -> None:
    """Copies the labels of some data between a store and an archive, where only the first has them.

    Raises:
        StoreError: they are damaged, or not such of this data: an archive may come from anybody.
    """
    here, there = Store(source), Store(target)
    if there.has_labels(spec.fingerprint) or not here.has_labels(spec.fingerprint):
        return
    folder = source / "data" / spec.fingerprint
    for path in (folder / "classes.json", *(folder / f"{part}.npy" for part in PARTS)):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise StoreError(f"{path} is not a file of labels: archives of Rungs hold no such file")
    for part in PARTS:
        labels = here.labels(spec.fingerprint, part)
        assert labels is not None
        found = labels.labels
        whole = found.shape == (spec.sizes[part],) and found.dtype.kind == "i"
        if not (
            whole
            and len(labels.class_names) == spec.classes
            and found.min() >= 0
            and found.max() < spec.classes
        ):
            raise StoreError(f"{folder / part}.npy: these are no labels of {spec.name}")
        there.write_labels(spec.fingerprint, part, labels)


def _path(place: Path, study: str, form: DataForm) -> Path:
    # Not the form itself, which may say where the user's files are.
    plain = FORMS.dump_python(form, mode="json")
    return place / _FOLDER / f"{fingerprint([study, plain])}.json"


def _read(path: Path) -> tuple[DataSpec, ...]:
    try:
        return tuple(SPECS.validate_python(plain) for plain in read_json(path)["data"])
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, TypeError, KeyError, RecursionError, ValidationError) as error:
        raise StoreError(f"{path} is damaged: {error!r}") from error
