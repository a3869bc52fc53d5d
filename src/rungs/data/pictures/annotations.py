"""A file of text that says the class of each picture in a folder, as Tiny-ImageNet has."""

from pathlib import Path

from rungs.foundation.errors import DataError
from rungs.foundation.limits import MAX_TABLE_BYTES
from rungs.foundation.reading import read_whole


def labels_in(path: Path) -> dict[str, str]:
    """The class of each picture by the name of its file.

    A line holds a file's name and its class, and what else it likes, such as a box, with tabs
    between them; other lines say nothing.

    Raises:
        DataError: the file cannot be read, is too large or no text, or gives a picture two classes.
    """
    try:
        text = bytes(read_whole(path, MAX_TABLE_BYTES)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: this is not text in UTF-8: {error.reason}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, label = [*(cell.strip() for cell in line.split("\t")), ""][:2]
        if name and label and found.setdefault(name, label) != label:
            raise DataError(
                f"{path}: line {number}: {name} is of class {label}, was of {found[name]} before"
            )
    return found
