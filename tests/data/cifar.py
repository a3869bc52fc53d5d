"""CIFAR-100 as the tests of its forms read it: of any content that they say."""

from collections.abc import Callable
from pathlib import Path

from rungs.data.cifar.official import CONTENT
from rungs.data.images import DataSet
from rungs.data.kinds import cifar100
from rungs.data.kinds.core import Access


def load_cifar100(
    spec: cifar100.Cifar100Spec,
    *,
    data_dir: Path | None,
    cache_dir: Path,
    progress: Callable[[str], None] = lambda _: None,
    allow_download: bool = True,
    expected_digest: str | None = CONTENT,
) -> DataSet:
    """The set in CIFAR-100's form; of any content if ``expected_digest`` is None."""
    access = Access(data_dir, cache_dir, progress, allow_download)
    return cifar100.read(spec, access, expected_digest)
