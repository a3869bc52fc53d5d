"""Training that begins with weights of another: files, frozen networks, what is left out."""

import math
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from rungs.data.images import DataSet
from rungs.evidence.selection import select
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation.errors import DataError, RecipeError, StudyError
from rungs.foundation.weight_files import kept_weights, name_weights
from rungs.models.exporting import export
from rungs.models.model import load_selected, recorded_logits
from rungs.network.building import build, cost, describe_start
from rungs.ops.weights import classifier, fit_weights, read_weights
from rungs.recipe import Recipe, key_of, replace
from rungs.recipe.components import Convolutional, FileWeights, PoolingHead, Swa
from rungs.recipe.modifications import apply
from rungs.store import open_store
from rungs.study import Study, parse
from rungs.study.cautions import cautions
from rungs.study.jobs import Job
from rungs.study.plan import plan
from rungs.training.epoch import fresh_model
from rungs.training.fit import fit
from tests.conftest import RECORD, SETTING, TINY

NETWORK = Convolutional(widths=(4, 8), head=PoolingHead())
SHAPE = (3, 8, 8)


def save(path: Path, classes: int = 10, network: Convolutional = NETWORK) -> dict[str, Any]:
    """Writes weights of a network for so many classes; its state."""
    torch.manual_seed(7)
    state = build(network, SHAPE, classes).state_dict()
    safetensors.torch.save_file(state, path)
    return state


@pytest.fixture
def body(tmp_path: Path) -> dict[str, Any]:
    """The state that is known as ``body``: of ten classes."""
    return save(tmp_path / "body.safetensors")


@pytest.fixture
def recipe(body: dict[str, Any], tmp_path: Path) -> Recipe:
    """A small recipe that starts from ``body``."""
    name_weights(tmp_path / "body.safetensors")
    plain = replace(Recipe(), network=NETWORK, batch_size=50)
    return apply(plain, "pretrained", {"weights": "body"})


# --- what is taken over ---------------------------------------------------------------------------


def test_all_but_the_classifier_of_other_classes_is_taken_over(
    body: dict[str, Any], recipe: Recipe, tiny: DataSet
) -> None:
    model = fresh_model(recipe, tiny.exploration, 0, RECORD)
    fresh = fresh_model(replace(recipe, start=Recipe().start), tiny.exploration, 0, RECORD)
    for name, tensor in model.state_dict().items():
        expected = fresh.state_dict() if name.startswith("head") else body
        assert torch.equal(tensor, expected[name]), name


def test_of_as_many_classes_the_classifier_is_taken_too(
    recipe: Recipe, tiny: DataSet, tmp_path: Path
) -> None:
    state = save(tmp_path / "four.safetensors", classes=4)
    name_weights(tmp_path / "four.safetensors")
    same = apply(recipe, "pretrained", {"weights": "four"})
    model = fresh_model(same, tiny.exploration, 0, RECORD)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "wrapper", ["", "module.", "network.", "members.0.network.", "module._orig_mod.network."]
)
def test_names_that_a_wrapper_made_longer_are_known(wrapper: str, body: dict[str, Any]) -> None:
    named = {wrapper + name: tensor for name, tensor in body.items()}
    taken = fit_weights(build(NETWORK, SHAPE, 10), named, 10)
    assert taken.state.keys() == body.keys()
    assert taken.left_out == ()


def test_colours_are_summed_for_grey_images(body: dict[str, Any]) -> None:
    taken = fit_weights(build(NETWORK, (1, 8, 8), 10), body, 10)
    first = "layers.0.block.body.0.weight"
    torch.testing.assert_close(taken.state[first], body[first].sum(1, keepdim=True))


def test_weights_of_another_network_are_refused_with_examples(body: dict[str, Any]) -> None:
    wider = build(replace(NETWORK, widths=(4, 9)), SHAPE, 10)
    with pytest.raises(
        RecipeError, match=r"layers.1.block.body.0.weight \(expected \[9, 4, 3, 3\]"
    ):
        fit_weights(wider, body, 10)


def test_weights_of_a_network_without_scaling_fit_one_that_scales(
    body: dict[str, Any], recipe: Recipe, tiny: DataSet
) -> None:
    scaled = apply(recipe, "scaling", {"to": "standard"})
    state = fresh_model(scaled, tiny.exploration, 0, RECORD).state_dict()
    first = "layers.0.block.body.0.weight"
    assert torch.equal(state[first], body[first])
    mean = tiny.exploration.train.pixels[:].float().mean((0, 2, 3)) / 255
    torch.testing.assert_close(state["scaling.mean"].flatten(), mean)


def test_the_classifier_is_the_last_with_an_output_a_class() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Conv2d(2, 4, 1), nn.Linear(4, 5))
    assert [classifier(model, classes) for classes in (4, 5)] == ["1", "2"]
    with pytest.raises(RecipeError, match="no dense layer or convolution with 6 outputs"):
        classifier(model, 6)


# --- files ----------------------------------------------------------------------------------------


def test_a_state_dict_is_read_and_code_is_not_run(body: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": body}, tmp_path / "saved.pt")
    assert read_weights(tmp_path / "saved.pt").keys() == body.keys()

    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "was-run",))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil()))
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    (tmp_path / "text.safetensors").write_text("none")
    for name in ("evil.pt", "whole.pt", "text.safetensors"):
        with pytest.raises(DataError, match="expected weights"):
            read_weights(tmp_path / name)
    assert not (tmp_path / "was-run").exists()


def test_the_content_and_the_name_of_a_file_are_in_the_key_and_its_place_is_not(
    recipe: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    moved = (tmp_path / "body.safetensors").rename(tmp_path / "there" / "body.safetensors")
    name_weights(moved)
    assert apply(replace(recipe, start=Recipe().start), "pretrained", {"weights": "body"}) == recipe
    save(moved, classes=11)
    name_weights(moved)
    other = apply(recipe, "pretrained", {"weights": "body"})
    assert isinstance(recipe.start, FileWeights)
    renamed = replace(recipe, start=replace(recipe.start, name="torso"))
    keys = {key_of(one, epochs=1, data="d", seed=0) for one in (recipe, other, renamed)}
    assert len(keys) == 3


def test_a_kept_copy_that_is_damaged_or_gone_is_said(recipe: Recipe) -> None:
    start = recipe.start
    assert isinstance(start, FileWeights)
    path = kept_weights("body", start.sha256)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match="is damaged"):
        start.weights(NETWORK, SHAPE)
    path.unlink()
    with pytest.raises(DataError, match="a study that names their file puts them there"):
        start.weights(NETWORK, SHAPE)


def test_messages_name_the_users_file_not_the_copy(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "odd.pt"
    torch.save([1, 2], path)
    name_weights(path)
    odd = apply(replace(recipe, start=Recipe().start), "pretrained", {"weights": "odd"})
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: expected a table of tensors"):
        describe_start(odd, SHAPE, 4)
    wider = replace(recipe, network=replace(NETWORK, widths=(4, 9)))
    file = re.escape(str(tmp_path / "body.safetensors"))
    with pytest.raises(RecipeError, match=f"^{file}: they do not fit the network"):
        describe_start(wider, SHAPE, 4)


# --- a study --------------------------------------------------------------------------------------

STUDY: dict[str, Any] = {
    "name": "few",
    "base": "head",
    "final": "all",
    "weights": ["body.safetensors"],
    "data": TINY.model_dump(),
    "budgets": {"equal": 1},
    "recipe": {
        "network": {"widths": [4, 8], "head": {"kind": "global_average_pooling"}},
        "batch_size": 50,
    },
    "rungs": [
        {"name": "head", "apply": [{"name": "pretrained", "weights": "body"}, "frozen"]},
        {"name": "all", "after": "head", "apply": ["fine_tuned"]},
    ],
}


@pytest.fixture
def study(body: dict[str, Any], tmp_path: Path) -> Study:
    return parse(STUDY, str(tmp_path / "few.toml"))


def test_a_plan_says_what_is_left_out(study: Study) -> None:
    (said,) = (line for line in cautions(study, None, strict=True) if "weights" in line)
    assert said.startswith("head, all: starts from file 'body' weights, ")
    assert "head.2.weight (expected [4, 8], found [10, 8])" in said
    measured = cost(study.rung("head").recipe.network, SHAPE, 4, "head")
    assert measured.trainable_parameters == 8 * 4 + 4


BATCH = {"name": "batch_size", "size": 1_000_000, "scale_rate": False}


def test_a_batch_of_more_than_all_images_is_warned_of(tmp_path: Path) -> None:
    rungs = [{"name": "few"}, {"name": "all", "after": "few", "apply": [BATCH]}]
    plain = {**STUDY, "weights": [], "base": "few", "rungs": rungs}
    every = cautions(parse(plain, str(tmp_path / "few.toml")), None, strict=True)
    (said,) = (line for line in every if "a batch of" in line)
    assert said.startswith("Warning: all: a batch of 1,000,000 is more than the ")
    assert "each epoch is one update" in said


def test_mistakes_with_weights_have_their_places(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"weights\[0\]: .*body.safetensors: cannot be read"):
        parse(STUDY, str(tmp_path / "few.toml"))
    save(tmp_path / "body.safetensors")
    apply_ = [{"name": "pretrained", "weights": "bodi"}]
    plain = {
        **STUDY,
        "rungs": [{"name": "head"}, {"name": "all", "after": "head", "apply": apply_}],
    }
    with pytest.raises(StudyError, match=r"rungs\[1\].apply\[0\]: no weights are called 'bodi'"):
        parse(plain, str(tmp_path / "few.toml"))
    for change, expected in (("frozen", "needs weights that were"), ("pretrained", "kind 'timm'")):
        plain = {**STUDY, "rungs": [{"name": "head", "apply": [change]}], "final": "head"}
        with pytest.raises(StudyError, match=rf"rungs\[0\].apply\[0\].*{expected}"):
            parse(plain, str(tmp_path / "few.toml"))


def test_frozen_and_fine_tuned_are_trained_and_exported(
    study: Study, body: dict[str, Any], tiny: DataSet, tmp_path: Path
) -> None:
    store = open_store(tmp_path / "runs")
    keep_labels(store, tiny)
    for spec in plan(study).runs:
        assert run_one(store, Job(spec), tiny, setting=SETTING)
    moved = {}
    for name in ("head", "all"):
        selection = select(study, name, store)
        model = load_selected(selection, store, "cpu")
        state = model.classifier.members[0].state_dict()
        moved[name] = {
            place
            for place in body
            if "num" not in place and not torch.equal(state[place], body[place])
        }
        pixels, recorded = tiny.exploration.validation.pixels[:], recorded_logits(selection, store)
        path = tmp_path / f"{name}.safetensors"
        assert export(model, "safetensors", path, pixels, recorded).difference < 1e-5
    # Of the frozen one not even the statistics of batch normalisation have moved.
    assert moved["head"] == {"head.2.weight", "head.2.bias"}
    assert {"layers.0.block.body.0.weight", "layers.0.block.body.1.running_mean"} < moved["all"]


def test_an_average_leaves_the_statistics_of_a_frozen_network_alone(
    recipe: Recipe, body: dict[str, Any], tiny: DataSet, tmp_path: Path
) -> None:
    averaged = replace(apply(recipe, "frozen", {}), average=Swa(start=0.0))
    fitted = fit(averaged, tiny.exploration, seed=0, epochs=1, record=RECORD, folder=tmp_path)
    assert fitted is not None
    state = safetensors.torch.load_file(fitted.weights["best"])
    name = "layers.1.block.body.1.running_var"
    assert torch.equal(state[name], body[name])
    assert math.isfinite(fitted.history[0].val_loss)
