"""What the official MNIST and Fashion-MNIST are: their files by md5, and where they are served."""

import hashlib
from dataclasses import dataclass

TRAINING_IMAGES = 60_000
TEST_IMAGES = 10_000
SHAPE = (1, 28, 28)


@dataclass(frozen=True)
class IdxFile:
    """One of the four files.

    Attributes:
        name: as it is when unpacked; packed it ends in ``.gz`` besides.
        md5: of the unpacked bytes, 32 hex digits.
        packed_md5: of the packed ones, as they are served.
        limit_bytes: of the unpacked ones, more than which is certainly another file.
    """

    name: str
    md5: str
    packed_md5: str
    limit_bytes: int


@dataclass(frozen=True)
class IdxSet:
    """A set.

    Attributes:
        title: for people.
        kind: by which studies name it.
        folders: below a place, where its files are looked for before the place itself; the first
            is where they are kept in the cache.
        urls: of folders that serve its packed files, the first that is asked first.
        files: images and labels for training, then for test.
        class_names: in the order of the labels.
    """

    title: str
    kind: str
    folders: tuple[str, ...]
    urls: tuple[str, ...]
    files: tuple[IdxFile, IdxFile, IdxFile, IdxFile]
    class_names: tuple[str, ...]

    @property
    def content(self) -> str:
        """Stands for the exact images, labels and their order, 32 hex digits."""
        every = "".join(file.md5 for file in self.files)
        return hashlib.sha256(every.encode()).hexdigest()[:32]


def _files(*checksums: tuple[str, str]) -> tuple[IdxFile, IdxFile, IdxFile, IdxFile]:
    """The four files from the md5 of what is in them, and of how they are served."""
    names = (
        ("train-images-idx3-ubyte", 60_000_000),
        ("train-labels-idx1-ubyte", 1_000_000),
        ("t10k-images-idx3-ubyte", 60_000_000),
        ("t10k-labels-idx1-ubyte", 1_000_000),
    )
    first, second, third, fourth = (
        IdxFile(name, md5, packed_md5, limit)
        for (name, limit), (md5, packed_md5) in zip(names, checksums, strict=True)
    )
    return first, second, third, fourth


MNIST = IdxSet(
    title="MNIST",
    kind="mnist",
    folders=("mnist", "MNIST/raw", "MNIST"),
    urls=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    files=_files(
        ("6bbc9ace898e44ae57da46a324031adb", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("a25bea736e30d166cdddb491f175f624", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("2646ac647ad5339dbf082846283269ea", "9fb629c4189551a2d022fa330f9573f3"),
        ("27ae3e4e09519cfbb04c329615203637", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
    class_names=tuple("0123456789"),
)

FASHION_MNIST = IdxSet(
    title="Fashion-MNIST",
    kind="fashion_mnist",
    folders=("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
    urls=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
    files=_files(
        ("f4a8712d7a061bf5bd6d2ca38dc4d50a", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("9018921c3c673c538a1fc5bad174d6f9", "25c81989df183df01b3e8a0aad5dffbe"),
        ("8181f5470baa50b63fa0f6fddb340f0a", "bef4ecab320f06d8554ea6380940ec79"),
        ("15d484375f8d13e6eb1aabb0c3f46965", "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)

SETS = (MNIST, FASHION_MNIST)
