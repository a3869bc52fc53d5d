"""The library timm for tests, where it is installed."""

import importlib
import sys
from importlib.util import find_spec
from typing import Any

import pytest
import torch

# Kept, since what a library declares is gone with it.
_declared: list[torch.library.Library] = []


def timm() -> Any:
    """timm, or a skipped test.

    Beside a torch for CPUs alone the wheel of the library of pictures that timm imports may bring
    no operations: two that nothing here calls are then declared without a body.
    """
    if find_spec("timm") is None:
        pytest.skip("timm is not installed: pip install 'rungs-study[timm]'")
    try:
        return importlib.import_module("timm")
    except RuntimeError:
        for name in [*sys.modules]:
            if name.split(".")[0] in ("timm", "torchvision"):
                del sys.modules[name]
        make: Any = torch.library.Library
        library = make("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
        return importlib.import_module("timm")
