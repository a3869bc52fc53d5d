"""Drawn pictures in the form of the files of CIFAR-10 and CIFAR-100."""

from pathlib import Path

from rungs.data.cifar.official import COARSE_NAMES, FINE_NAMES
from rungs.data.cifar.official_ten import CLASS_NAMES, FILE_MD5, META
from rungs.data.cifar.pickles import ByteArray, write_pickle
from rungs.data.drawn.drawing import draw_part


def write_cifar100_form(folder: Path, train: int = 200, test: int = 100, seed: int = 0) -> None:
    """Write pictures into ``folder`` as the files ``train``, ``test`` and ``meta`` of CIFAR-100.

    They have its layout and its class names (100 fine, 20 coarse) but show shapes: they are for
    testing readers. Each part needs at least 100 images to show all classes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    meta: dict[str, object] = {
        "fine_label_names": list(FINE_NAMES),
        "coarse_label_names": list(COARSE_NAMES),
    }
    (folder / "meta").write_bytes(write_pickle(meta))
    for name, part, count in (("train", 0, train), ("test", 2, test)):
        pixels, labels = draw_part(len(FINE_NAMES), count, 32, seed, part)
        fine = labels.tolist()
        content: dict[str, object] = {
            "filenames": [f"{FINE_NAMES[label]}_{i:06d}.png" for i, label in enumerate(fine)],
            "batch_label": "training batch 1 of 1" if name == "train" else "testing batch 1 of 1",
            "fine_labels": fine,
            "coarse_labels": [label // 5 for label in fine],
            "data": ByteArray((count, pixels[0].size), memoryview(pixels.tobytes())),
        }
        (folder / name).write_bytes(write_pickle(content))


def write_cifar10_form(folder: Path, batch: int = 40, seed: int = 0) -> None:
    """Write pictures into ``folder`` as the seven files of CIFAR-10, ``batch`` in each of six.

    They have its layout and its class names but show shapes: they are for testing readers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    meta: dict[str, object] = {
        "num_cases_per_batch": 10_000,
        "label_names": list(CLASS_NAMES),
        "num_vis": 3 * 32 * 32,
    }
    (folder / META).write_bytes(write_pickle(meta))
    for part, name in enumerate(name for name in FILE_MD5 if name != META):
        pixels, labels = draw_part(len(CLASS_NAMES), batch, 32, seed, part)
        numbers = labels.tolist()
        content: dict[str, object] = {
            "batch_label": f"{name} of a drawn set",
            "labels": numbers,
            "data": ByteArray((batch, pixels[0].size), memoryview(pixels.tobytes())),
            "filenames": [f"{CLASS_NAMES[one]}_{i:06d}.png" for i, one in enumerate(numbers)],
        }
        (folder / name).write_bytes(write_pickle(content))
