"""What a function of the user's own returns: called once, kept, and refused in a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rungs.data.images import DataSet
from rungs.data.loading import load
from rungs.data.pictures.cache import pictures_folder, pixels_file
from rungs.data.pictures_spec import PicturesSpec
from rungs.foundation.errors import DataError, StudyError
from rungs.study import Study, parse

HEAD = """
from pathlib import Path
import numpy as np
import torch
from PIL import Image

LABELS = np.arange(40) % 2
GREY = np.random.default_rng(0).integers(0, 90, (40, 12, 12), dtype=np.uint8)
GREY[LABELS == 1] += 120
COLOUR = np.stack([GREY, GREY // 2, GREY // 3], axis=-1)

class Pairs:
    classes = ["dark", "bright"]

    def __init__(self, pictures, labels):
        self.pictures, self.labels = pictures, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.pictures[index], self.labels[index]

def dataset():
    with Path(__file__).with_name("calls").open("a") as calls:
        calls.write("x")
    print("reading")
    return """


def study(folder: Path, returns: str, **keys: Any) -> Study:
    (folder / "mine.py").write_text(HEAD + returns + "\n")
    plain: dict[str, Any] = {
        "name": "own",
        "base": "base",
        "final": "base",
        "modules": ["mine.py"],
        "data": {"kind": "module", "module": "mine:dataset", "size": 12, **keys},
        "budgets": {"equal": 1},
        "rungs": [{"name": "base"}],
    }
    return parse(plain, str(folder / "own.toml"))


def read(folder: Path, returns: str, **keys: Any) -> DataSet:
    return load(study(folder, returns, **keys).data, allow_download=False)


def pixels(data: DataSet) -> set[bytes]:
    parts = (data.exploration.train, data.exploration.validation, data.test)
    return {one.tobytes() for part in parts for one in part.pixels[:].numpy()}


def colour() -> set[bytes]:
    labels = np.arange(40) % 2
    grey = np.random.default_rng(0).integers(0, 90, (40, 12, 12), dtype=np.uint8)
    grey[labels == 1] += 120
    return {one.tobytes() for one in np.stack([grey, grey // 2, grey // 3], axis=1)}


@pytest.mark.parametrize(
    "returns",
    [
        "COLOUR, LABELS",
        "[torch.from_numpy(COLOUR), torch.from_numpy(LABELS)]",
        "{'images': COLOUR.transpose(0, 3, 1, 2), 'labels': LABELS}",
        "Pairs([Image.fromarray(one) for one in COLOUR], LABELS.tolist())",
        "Pairs(COLOUR, LABELS)",
        "Pairs(torch.from_numpy(COLOUR).permute(0, 3, 1, 2), torch.from_numpy(LABELS))",
        "Pairs(COLOUR, ['dark' if label == 0 else 'bright' for label in LABELS])",
    ],
)
def test_pictures_come_out_as_they_went_in(returns: str, tmp_path: Path) -> None:
    data = read(tmp_path, returns)
    assert pixels(data) == colour()
    assert sum(data.sizes.values()) == 40
    bright = data.class_names.index("bright" if "Pairs" in returns else "1")
    assert all(
        (image.float().mean() > 60) == (label == bright)
        for image, label in zip(data.test.pixels[:], data.test.labels.tolist(), strict=True)
    )


@pytest.mark.parametrize(
    "returns",
    [
        "{'train': (COLOUR[:30], LABELS[:30]), 'test': (COLOUR[30:], LABELS[30:])}",
        "{'train': Pairs(COLOUR[:30], LABELS[:30]), 'test': Pairs(COLOUR[30:], LABELS[30:])}",
        "{'x_train': COLOUR[:30], 'y_train': LABELS[:30], 'x_test': COLOUR[30:], "
        "'y_test': LABELS[30:], 'class_names': ['dark', 'bright']}",
    ],
)
def test_parts_are_kept_apart(returns: str, tmp_path: Path) -> None:
    data = read(tmp_path, returns)
    assert data.sizes["test"] == 10
    assert pixels(data) == colour()


def test_pictures_of_several_sizes_are_brought_to_one(tmp_path: Path) -> None:
    data = read(tmp_path, "Pairs([one[: 6 + n % 5] for n, one in enumerate(GREY)], LABELS)")
    assert data.test.pixels.shape[1:] == (3, 12, 12)
    assert read(tmp_path, "Pairs(GREY, LABELS)", channels=1).test.pixels.shape[1:] == (1, 12, 12)


def test_it_is_called_once_until_its_source_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = tmp_path / "calls"
    first = study(tmp_path, "COLOUR, LABELS")
    assert study(tmp_path, "COLOUR, LABELS") == first
    assert calls.read_text() == "x"
    assert capsys.readouterr().out == ""  # what it prints goes to stderr
    same = study(tmp_path, "COLOUR, LABELS  # another way to the same pictures")
    assert calls.read_text() == "xx"
    assert same.data.fingerprint == first.data.fingerprint
    assert study(tmp_path, "COLOUR[1:], LABELS[1:]").data.fingerprint != first.data.fingerprint
    assert same.pictures is not None
    assert (same.pictures.kind, same.data.name) == ("what mine:dataset returned", "mine:dataset")


def test_what_is_kept_is_read_without_the_module(tmp_path: Path) -> None:
    """As by workers: only the cache is looked into."""
    spec = study(tmp_path, "COLOUR, LABELS").data
    (tmp_path / "mine.py").unlink()
    assert pixels(load(spec, allow_download=False)) == colour()


def test_pixels_that_are_damaged_are_made_again_without_the_function(tmp_path: Path) -> None:
    spec = study(tmp_path, "COLOUR, LABELS").data
    assert isinstance(spec, PicturesSpec)
    path = pixels_file(pictures_folder(None), spec.content)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    (tmp_path / "mine.py").unlink()
    said: list[str] = []
    assert pixels(load(spec, progress=said.append)) == colour()
    assert "what was kept of these pictures is damaged" in said[0]


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        ("None", "mine:dataset returned NoneType; expected arrays by name"),
        ("'text'", "mine:dataset returned str; expected"),
        ("1 / 0", "mine:dataset failed: mine.py, line 30: ZeroDivisionError"),
        ("exit(3)", "mine:dataset failed: mine.py, line 30: SystemExit"),
        ("COLOUR / 255, LABELS", "returned what cannot be used: .*images is float64"),
        ("COLOUR, LABELS[:3]", "expected a label for each of 40 images"),
        ("np.array([None] * 40), LABELS", "images holds Python objects; expected numbers"),
        ("{'a': COLOUR, 'labels': LABELS}", "expected arrays `images` and `labels`"),
        ("{'both': (COLOUR, LABELS)}", "returned a part 'both', expected train"),
        ("Pairs(COLOUR, [])", "returned 0 pictures"),
        ("Pairs(COLOUR / 255, LABELS)", r"item 0: a picture is float64 .*such as ToTensor"),
        ("Pairs(COLOUR, [0.5] * 40)", "item 0: expected a whole number or a text as label"),
        ("Pairs(COLOUR, [0, 'a'] * 20)", "labels are numbers and texts"),
        ("[3, 4, 5]", "item 0: int; expected"),
        ("Pairs(COLOUR[:1], LABELS)", "mine:dataset failed: .*IndexError"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(
    returns: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        study(tmp_path, returns)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine:datasets", "mine.py defines no function 'datasets'"),
        ("mine:LABELS", "mine.py defines no function 'LABELS'"),
        ("other:dataset", "expected `other.py` in `modules`"),
        ("dataset", "data.module: expected a name such as 'mine:dataset', found 'dataset'"),
    ],
)
def test_a_name_of_no_function_is_a_mistake_of_the_study(
    name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=message):
        study(tmp_path, "COLOUR, LABELS", module=name)
