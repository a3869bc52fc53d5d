"""Where a network looked: a planted cue is found, and random weights lose it."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from rungs.cli import app
from rungs.foundation import extras
from rungs.foundation.errors import RecipeError
from rungs.models.answers import Answer
from rungs.models.classifier import Classifier
from rungs.models.explaining import Explained, heatmaps, last_map, overlaid, write_explained
from rungs.network.building import build
from rungs.recipe.components import Convolutional, PoolingHead
from rungs.report.gather import gallery as gathered
from rungs.report.gather.gallery import gallery_from
from rungs.report.gather.gathering import gather
from rungs.report.show.page.document import to_html
from rungs.store import Store
from rungs.study import load
from rungs.study.plan import plan

SIZE, CUE = 24, 6
# captum's own code has deprecated words in it.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def library() -> None:
    pytest.importorskip("captum")


def planted(number: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise with a patch of stripes at a random place, upright or level by the class.

    Pixels uint8 [N, 3, 24, 24], classes [N], and top left corners of the patches, [N, 2].
    """
    chance = torch.Generator().manual_seed(seed)
    pixels = torch.randint(90, 166, (number, 3, SIZE, SIZE), generator=chance, dtype=torch.uint8)
    classes = torch.randint(2, (number,), generator=chance)
    corners = torch.randint(SIZE - CUE + 1, (number, 2), generator=chance)
    stripes = torch.tensor([0, 255] * (CUE // 2), dtype=torch.uint8).expand(CUE, CUE)
    for image, level, (y, x) in zip(pixels, classes, corners.tolist(), strict=True):
        image[:, y : y + CUE, x : x + CUE] = stripes.T if level else stripes
    return pixels, classes, corners


def model_of(*networks: nn.Module) -> Any:
    return SimpleNamespace(classifier=Classifier(networks, 1.0), device="cpu")


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Trained on the cue until it finds it."""
    torch.manual_seed(0)
    spec = Convolutional(widths=(8, 16), head=PoolingHead())
    net = build(spec, (3, SIZE, SIZE), 2, "unit")
    pixels, classes, _ = planted(256, 1)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(12):
        for batch in torch.randperm(len(pixels)).reshape(-1, 64):
            optimiser.zero_grad()
            F.cross_entropy(net(pixels[batch] / 255), classes[batch]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return net.eval()


def share_in_cue(maps: np.ndarray, corners: torch.Tensor) -> float:
    """Mean share of the heat that lies on the cue or a pixel around it."""
    inside = np.zeros_like(maps)
    for mask, (y, x) in zip(inside, corners.tolist(), strict=True):
        mask[max(0, y - 1) : y + CUE + 1, max(0, x - 1) : x + CUE + 1] = 1
    return float(((maps * inside).sum((1, 2)) / np.maximum(maps.sum((1, 2)), 1e-9)).mean())


def test_a_planted_cue_is_found_and_random_weights_lose_it(network: nn.Module) -> None:
    """Maps that do not change with the weights explain none (Adebayo et al., NeurIPS 2018)."""
    pixels, classes, corners = planted(60, 2)
    right = network(pixels / 255).argmax(1) == classes
    assert right.float().mean() > 0.9
    asked = classes.numpy()
    trained = heatmaps(model_of(network), pixels, asked)
    assert trained.shape == (60, SIZE, SIZE)
    assert trained.min() >= 0
    assert trained.max() <= 1
    chance = (CUE + 2) ** 2 / SIZE**2
    assert share_in_cue(trained, corners) > 4 * chance
    random = copy.deepcopy(network)
    torch.manual_seed(3)
    for weight in random.parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, std=float(weight.detach().std()))
    lost = heatmaps(model_of(random), pixels, asked)
    assert share_in_cue(lost, corners) < share_in_cue(trained, corners) / 1.5
    flat = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(trained, lost, strict=True)]
    assert np.nanmean(flat) < 0.5


def test_several_networks_are_explained_together(network: nn.Module) -> None:
    pixels, classes, _ = planted(3, 4)
    one = heatmaps(model_of(network), pixels, classes.numpy())
    both = heatmaps(model_of(network, copy.deepcopy(network)), pixels, classes.numpy())
    assert np.allclose(one, both, atol=1e-6)
    assert heatmaps(model_of(network), pixels[:0], classes[:0].numpy()).shape == (0, SIZE, SIZE)


def test_frozen_weights_stay_frozen(network: nn.Module) -> None:
    frozen = copy.deepcopy(network).requires_grad_(False)
    pixels, classes, _ = planted(2, 5)
    heat = heatmaps(model_of(frozen), pixels, classes.numpy())
    assert np.array_equal(heat, heatmaps(model_of(network), pixels, classes.numpy()))
    assert not any(weight.requires_grad for weight in frozen.parameters())
    assert all(weight.grad is None for weight in frozen.parameters())


class Patches(nn.Module):
    """No convolution, but a map on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.pooled, self.mixed, self.head = nn.AvgPool2d(2), nn.Identity(), nn.Linear(3, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mapped = self.mixed(self.pooled(images))
        answered: torch.Tensor = self.head(mapped.mean((2, 3)))
        return answered


def test_the_last_map_is_found_in_networks_of_ones_own() -> None:
    images = torch.rand(1, 3, 8, 8)
    inner = nn.Conv2d(4, 4, 3, padding=1)
    # A 1x1 map says nothing of places, whatever it is made by.
    own = nn.Sequential(
        nn.Conv2d(3, 4, 3), inner, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(4, 2, 1), nn.Flatten(),
    )  # fmt: skip
    assert last_map(own, images) is inner
    patches = Patches()
    assert last_map(patches, images) is patches.mixed
    flat = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    with pytest.raises(RecipeError, match="where it looked cannot be told"):
        last_map(flat, images)


def test_what_was_looked_at_is_written_as_pictures_and_a_page(tmp_path: Path) -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[2, 3] = 1
    grey = np.full((1, 8, 8), 128, np.uint8)
    drawn = np.asarray(overlaid(grey, heat))
    assert drawn.shape == (256, 256, 3)
    assert (drawn[0, 0] == 128).all()
    assert (drawn[2 * 32, 3 * 32] != 128).any()
    answer = Answer("folder/<cat>.png", (("cat", 0.9),))
    page = write_explained(tmp_path / "out", [Explained(answer, grey, heat)], "a model")
    text = page.read_text(encoding="utf-8")
    assert text.count("<img") == 2
    assert "&lt;cat&gt;" in text
    (picture,) = (tmp_path / "out").glob("*.png")
    with Image.open(picture) as opened:
        assert np.array_equal(np.asarray(opened), drawn)


def test_predict_explains(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    picture, looked = tmp_path / "one.png", tmp_path / "looked"
    noise = np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(picture)
    arguments = ["predict", "first.toml:stacked", str(picture), "--explain", str(looked)]
    ran = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    assert sorted(path.name for path in looked.iterdir()) == ["0001-one.png", "index.html"]
    monkeypatch.setattr(extras, "missing", lambda extra: ("captum",) * (extra == "explain"))
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 1
    assert "needs captum, which is not installed: `pip install" in ran.output


def test_the_page_shows_where_mistakes_were_looked_for(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    store = Store(Path("runs"))
    data = gather(plan(load("first.toml")), store, with_test=False)
    found = gallery_from(store, None)(data)
    assert found is not None
    assert all(item.looked.startswith("data:image/png;base64,") for item in found.pictures)
    page = to_html(data, found)
    assert page.count("where it looked, image") == len(found.pictures)
    monkeypatch.setattr(gathered, "missing", lambda _: ("captum",))
    found = gallery_from(store, None)(data)
    assert found is not None
    assert "where it looked" not in to_html(data, found)
