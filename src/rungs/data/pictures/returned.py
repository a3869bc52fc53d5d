"""What a function of the user's own returns, kept as a file of arrays.

CACHE/modules/NAME-HASH.npz    of the module's source, the function and the form of pictures
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray
from PIL import Image

from rungs.data import array_cache
from rungs.data.pictures.arrays import array_source
from rungs.data.pictures.decoding import Form, careful, examine_opened
from rungs.data.pictures.looks import name_of
from rungs.data.pictures.source import ARRAYS, part_named
from rungs.data.pictures_spec import FolderSpec
from rungs.foundation.errors import DISK_ERRORS, DataError
from rungs.foundation.files import write_atomically
from rungs.foundation.limits import MAX_DRAWN_BYTES, MAX_PICTURES
from rungs.foundation.wording import shown, what_happened
from rungs.recipe.own_modules import OwnModule

_EXPECTED = (
    "expected arrays by name, or images and labels, or a data set with a length and items of a "
    "picture and a label, or such for each part"
)

Arrays = dict[str, NDArray[Any]]


def arrays_of_function(
    name: str,
    module: OwnModule,
    function: Callable[..., object],
    spec: FolderSpec,
    say: Callable[[str], None],
    cache_dir: Path | None = None,
) -> Path:
    """The file of what a function returned when its module's source was as it is.

    Args:
        name: of the function, for people.
        module: that defines it.
        function: is called without arguments if there is no such file.
        spec: what pictures of a data set are brought to; arrays stay as they are.
        say: receives lines for the user.
        cache_dir: keeps the file; the user's cache if None.

    Raises:
        DataError: the function failed, or returned something else than pictures.
    """
    folder = (cache_dir or platformdirs.user_cache_path("rungs")) / "modules"
    form = Form(spec.size, spec.channels, spec.fit)
    key = name_of(module.path, [module.version, name, form.size, form.channels, form.fit])
    path = folder / f"{name.replace(':', '-')}-{key[:16]}{ARRAYS}"
    if path.is_file():
        return path
    say(f"calling {name} of {module.path}")
    with _told(name, module):
        # What it prints is not the answer of a command, which a program may read.
        with contextlib.redirect_stdout(sys.stderr):
            returned = function()
        arrays = _arrays(returned, name, form)
    for key, array in arrays.items():
        if array.dtype.hasobject:
            raise DataError(f"{name}: {key} holds Python objects; expected numbers or texts")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: array_cache.write(arrays, file))
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        array_source(path)
    except DataError as error:
        path.unlink()  # else it would be refused again when the function is another
        raise DataError(f"{name} returned what cannot be used: {error}") from error
    return path


@contextlib.contextmanager
def _told(name: str, module: OwnModule) -> Iterator[None]:
    """What goes wrong in the function, or in what it returned, is a ``DataError``."""
    try:
        yield
    except DataError:
        raise
    except (Exception, SystemExit) as error:
        raise DataError(f"{name} failed: {what_happened(error, module.path.name)}") from error


def _arrays(returned: object, name: str, form: Form) -> Arrays:
    if isinstance(returned, Mapping):
        parts = {part: value for part, value in returned.items() if not _is_array(value)}
        if not parts:
            return {str(key): _contiguous(value) for key, value in returned.items()}
        names = _names(returned.get("class_names"))
        parts.pop("class_names", None)
        found: Arrays = {}
        for part, value in parts.items():
            if part_named(str(part)) is None:
                raise DataError(
                    f"{name} returned a part {shown(part)}, expected train, validation or test"
                )
            for key, array in _of_one(value, f"{name}, {part}", form).items():
                found[key if key == "class_names" else f"{part}_{key}"] = array
        return {**found, **names}
    return _of_one(returned, name, form)


def _is_array(value: object) -> bool:
    """Also a tensor, or a list of numbers or texts."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return True
    return isinstance(value, list) and all(isinstance(one, (int, float, str)) for one in value)


def _contiguous(value: Any) -> NDArray[Any]:
    return np.ascontiguousarray(np.asarray(value))


def _names(value: Any) -> Arrays:
    """The names of classes, if there are some."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        return {}
    return {"class_names": np.array(value)} if len(value) else {}


def _of_one(value: Any, name: str, form: Form) -> Arrays:
    """The arrays of images and labels, or of a data set."""
    if isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_is_array, value)):
        return {"images": _contiguous(value[0]), "labels": _contiguous(value[1])}
    if not (hasattr(value, "__len__") and hasattr(value, "__getitem__")) or isinstance(value, str):
        raise DataError(f"{name} returned {type(value).__name__}; {_EXPECTED}")
    count = len(value)
    if not 0 < count <= MAX_PICTURES:
        raise DataError(f"{name} returned {count:,} pictures, expected 1 to {MAX_PICTURES:,}")
    shape = (count, form.channels, form.size, form.size)
    if (size := int(np.prod(shape, dtype=np.int64))) > MAX_DRAWN_BYTES:
        raise DataError(f"{name}: {size:,} bytes of pixels, more than {MAX_DRAWN_BYTES:,}")
    images = np.empty(shape, dtype=np.uint8)
    labels: list[Any] = []
    with careful():
        for number in range(count):
            place = f"{name}, item {number}"
            item = value[number]
            if not isinstance(item, (tuple, list)) or len(item) < 2:
                raise DataError(f"{place}: {type(item).__name__}; {_EXPECTED}")
            images[number] = _pixels(item[0], place, form)
            labels.append(_label(item[1], place))
    if len({type(label) for label in labels}) > 1:
        raise DataError(f"{name}: labels are numbers and texts; expected one of them")
    names = _names(getattr(value, "classes", None)) if isinstance(labels[0], int) else {}
    return {"images": images, "labels": np.array(labels), **names}


def _pixels(picture: Any, place: str, form: Form) -> NDArray[np.uint8]:
    """A picture of Pillow, or an array or tensor uint8, as uint8 [C, size, size]."""
    if not isinstance(picture, Image.Image):
        values = np.asarray(picture)
        if values.dtype != np.uint8 or values.ndim not in (2, 3):
            raise DataError(
                f"{place}: a picture is {values.dtype} {list(values.shape)}, expected one of "
                "Pillow or uint8 [H, W], [H, W, C] or [C, H, W]; leave out transforms such as "
                "ToTensor"
            )
        if values.ndim == 3 and values.shape[2] not in (1, 3):
            values = values.transpose(1, 2, 0)
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[:, :, 0]
        picture = Image.fromarray(np.ascontiguousarray(values))
    try:
        return examine_opened(picture, form)[0]
    except DataError as error:
        raise DataError(f"{place}: {error}") from error


def _label(label: Any, place: str) -> int | str:
    if isinstance(label, str):
        return label
    value = np.asarray(label)
    if value.shape not in ((), (1,)) or value.dtype.kind not in "iub":
        raise DataError(f"{place}: expected a whole number or a text as label, found {label!r}")
    return int(value.item())
