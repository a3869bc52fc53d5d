"""Drawn pictures in the form of CIFAR-100's files."""

from pathlib import Path

from rungs.data.cifar.official import COARSE_NAMES, FINE_NAMES
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
