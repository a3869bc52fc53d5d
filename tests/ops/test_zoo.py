"""What is said of the library timm where it cannot be used."""

import pytest
import torch

from rungs.foundation.errors import RungsError
from rungs.ops.zoo import create


@pytest.mark.parametrize(
    ("version", "source"),
    [
        ("2.8.0+cpu", " --index-url https://download.pytorch.org/whl/cpu"),
        ("2.8.0+cu128", " --index-url https://download.pytorch.org/whl/cu128"),
        ("2.8.0", ""),
    ],
)
def test_a_wheel_for_another_torch_is_replaced_from_the_index_of_this_one(
    monkeypatch: pytest.MonkeyPatch, version: str, source: str
) -> None:
    monkeypatch.setattr("rungs.ops.zoo.require", lambda *_: None)
    monkeypatch.setitem(__import__("sys").modules, "timm", None)  # its import fails
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(RungsError) as caught:
        create("resnet18", (3, 32, 32), 5)
    command = f"`pip install --force-reinstall --no-deps torchvision{source}`"
    assert str(caught.value).endswith(command)
