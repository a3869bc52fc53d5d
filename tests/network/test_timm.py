"""Networks and weights of the library timm, where it is installed."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from rungs.data.images import DataSet
from rungs.evidence.selection import select
from rungs.execution.run_one import keep_labels, run_one
from rungs.foundation.errors import DataError, RecipeError, RungsError
from rungs.foundation.weight_files import weights_folder
from rungs.models.exporting import export
from rungs.models.model import load_content, load_selected, recorded_logits
from rungs.network.building import build, cost, describe_start, layer_table
from rungs.ops import zoo
from rungs.ops.layer_rates import depths
from rungs.ops.optimisers import undecayed
from rungs.ops.zoo import published_name, published_scaling
from rungs.recipe import Recipe, replace
from rungs.recipe.components import PublishedWeights, Timm
from rungs.recipe.modifications import apply
from rungs.store import open_store
from rungs.study import parse
from rungs.study.cautions import cautions, stem_advice
from rungs.study.jobs import Job
from rungs.study.plan import plan
from rungs.training.epoch import fresh_model
from tests.conftest import RECORD, SETTING, TINY
from tests.zoo import timm

SMALLEST = "test_resnet"


@pytest.fixture(autouse=True)
def library() -> Any:
    return timm()


def test_any_shape_and_number_of_classes() -> None:
    for channels, classes in ((3, 7), (1, 2)):
        model = build(Timm(model=SMALLEST), (channels, 32, 32), classes, "standard").eval()
        assert model(torch.rand(2, channels, 32, 32)).shape == (2, classes)
    transformer = Timm(model="test_vit")  # of one size, which is handed on
    assert cost(transformer, (3, 32, 48), 5).flops


def test_the_layer_table_adds_up() -> None:
    network = Timm(model="test_efficientnet")  # with modules inside its normalisations
    rows = layer_table(network, (3, 32, 32), 10)
    assert rows[0][:3] == ("conv_stem", "3×3 convolution", (24, 16, 16))
    assert sum(count for *_, count in rows) == cost(network, (3, 32, 32), 10).parameters


def test_names_that_timm_has_not() -> None:
    with pytest.raises(RecipeError, match="timm has no network 'resnt18'; did you mean 'resnet18'"):
        cost(Timm(model="resnt18"), (3, 32, 32), 10)


# --- the stem -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", SMALLEST])  # a stem of one convolution, of three
def test_a_small_stem_keeps_the_size_of_the_image(name: str) -> None:
    for network, side in ((Timm(model=name), 8), (Timm(model=name, stem="small"), 32)):
        rows = layer_table(network, (3, 32, 32), 10)
        stage = next(row for row in rows if row[0] == "layer1.0.conv1")
        assert stage[2][1:] == (side, side)


def test_what_has_no_such_stem_is_refused() -> None:
    with pytest.raises(RecipeError, match="no stem of a convolution with stride"):
        cost(Timm(model="test_vit", stem="small"), (3, 32, 32), 10)


STUDY: dict[str, Any] = {
    "name": "zoo",
    "base": "own",
    "final": "small",
    "data": {**TINY.model_dump(), "size": 32},
    "budgets": {"equal": 1},
    "recipe": {"network": f"timm:{SMALLEST}", "batch_size": 50},
    "rungs": [
        {"name": "own"},
        {"name": "small", "after": "own", "apply": ["small_stem"]},
    ],
}


def test_the_trap_of_the_stem_is_warned_of() -> None:
    stem, counted = cautions(parse(STUDY, "zoo.toml"), None, strict=True)
    assert stem.startswith("Warning: own: after its stem, own sees 8x8 pixels of an image of 32x32")
    assert "'small_stem'" in stem
    assert counted.startswith(f"FLOPs of timm:{SMALLEST} are counted by torch")
    large = {**STUDY, "data": {**STUDY["data"], "size": 128}}
    assert len(cautions(parse(large, "zoo.toml"), None, strict=True)) == 1


def test_a_transformer_is_not_advised_what_refuses_it(tmp_path: Path) -> None:
    network = Timm(model="vit_tiny_patch16_224")
    store = open_store(tmp_path)
    for cache in (None, store, store):
        advice = stem_advice([network], (3, 32, 32), cache)
        assert "take a network with smaller patches" in advice
        assert "the change 'small_stem' does it" not in advice
    assert "the change 'small_stem' does it" in stem_advice(
        [Timm(model="resnet18")], (3, 32, 32), None
    )


@pytest.mark.parametrize("name", ["pit_ti_224", "vit_pe_core_tiny_patch16_384"])
def test_networks_with_learnt_tokens_are_counted(name: str) -> None:
    flops = cost(Timm(model=name), (3, 64, 64), 5).flops
    assert flops is not None
    assert flops > 1e6


@pytest.mark.parametrize("name", ["test_vit", "swin_tiny_patch4_window7_224", "convnext_atto"])
def test_what_does_not_decay_is_what_timm_leaves_alone(name: str) -> None:
    from timm.optim._param_groups import param_groups_weight_decay

    model = build(Timm(model=name), (3, 224, 224), 10)
    network: Any = model.get_submodule("network")
    named = network.no_weight_decay() if hasattr(network, "no_weight_decay") else ()
    groups = param_groups_weight_decay(network, 0.1, no_weight_decay_list=named)
    alone = {id(item) for group in groups if not group["weight_decay"] for item in group["params"]}
    expected = {path for path, item in model.named_parameters() if id(item) in alone}
    assert undecayed(model) & {path for path, _ in model.named_parameters()} == expected


# --- published weights ----------------------------------------------------------------------------


@pytest.fixture
def published(library: Any) -> dict[str, torch.Tensor]:
    """A file where the published weights are looked for first."""
    torch.manual_seed(3)
    model = library.create_model(SMALLEST)
    config = library.get_pretrained_cfg(SMALLEST)
    path = weights_folder() / f"{SMALLEST}.{config.tag}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    state: dict[str, torch.Tensor] = model.state_dict()
    safetensors.torch.save_file(state, path)
    return state


def pretrained() -> Recipe:
    recipe = replace(Recipe(), network=Timm(model=SMALLEST), batch_size=50)
    return apply(recipe, "pretrained", {})


def test_published_weights_come_from_the_cache(
    published: dict[str, torch.Tensor], tiny: DataSet
) -> None:
    model = fresh_model(pretrained(), tiny.exploration, 0, RECORD)
    state = model.get_submodule("network").state_dict()
    assert {n for n in published if not torch.equal(state[n], published[n])} >= {"fc.bias"}
    assert torch.equal(state["layer1.0.conv1.weight"], published["layer1.0.conv1.weight"])


def test_weights_that_expect_other_pixels_say_so(published: dict[str, torch.Tensor]) -> None:
    plain = describe_start(pretrained(), (3, 32, 32), 5)
    assert plain.endswith(
        "; they were trained on pixels with scaling 'symmetric', and get 'unit': "
        'add { name = "scaling", to = "symmetric" }'
    )
    for name in ("symmetric", "standard"):
        right = apply(pretrained(), "scaling", {"to": name})
        assert "they were trained on" not in describe_start(right, (3, 32, 32), 5)
    for name, scaling in (
        ("vit_tiny_patch16_224.augreg_in21k", "symmetric"),
        ("vit_base_patch32_clip_224.openai", "imagenet"),
        ("mobilenetv3_large_100.ra_in1k", "imagenet"),
    ):
        assert published_scaling(name) == scaling


def test_weights_without_a_tag_say_which_they_are(published: dict[str, torch.Tensor]) -> None:
    full = published_name(SMALLEST)
    assert full.startswith(f"{SMALLEST}.")
    advice = f'; another version of timm may take others: write network = "timm:{full}" to keep'
    assert advice in describe_start(pretrained(), (3, 32, 32), 5)
    tagged = replace(pretrained(), network=Timm(model=full))
    assert "another version" not in describe_start(tagged, (3, 32, 32), 5)


def test_a_frozen_network_of_timm_is_trained_and_used(
    published: dict[str, torch.Tensor], tiny: DataSet, tmp_path: Path
) -> None:
    plain = {
        **STUDY,
        "data": TINY.model_dump(),
        "base": "head",
        "final": "head",
        "rungs": [{"name": "head", "apply": ["pretrained", "frozen"]}],
    }
    study, store = parse(plain, "zoo.toml"), open_store(tmp_path / "runs")
    keep_labels(store, tiny)
    (spec,) = plan(study).runs
    assert run_one(store, Job(spec), tiny, setting=SETTING)
    selection = select(study, "head", store)
    model = load_selected(selection, store, "cpu")
    state = model.classifier.members[0].get_submodule("network").state_dict()
    assert {n for n in published if not torch.equal(state[n], published[n])} == {
        "fc.weight",
        "fc.bias",
    }
    pixels, recorded = tiny.exploration.validation.pixels[:], recorded_logits(selection, store)
    path = tmp_path / "head.safetensors"
    assert export(model, "safetensors", path, pixels, recorded).difference < 1e-5
    assert load_content(path.read_bytes(), "cpu").card.recipe.network == Timm(model=SMALLEST)


def test_without_weights_it_is_said_which_file_goes_where(
    library: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(zoo, "weights_folder", lambda: tmp_path)
    create = library.create_model

    def offline(*arguments: Any, pretrained: bool = False, **more: Any) -> Any:
        if pretrained:
            raise OSError("no route to host")
        return create(*arguments, **more)

    monkeypatch.setattr(library, "create_model", offline)
    with pytest.raises(DataError) as caught:
        PublishedWeights().weights(Timm(model=SMALLEST), (3, 32, 32))
    said = str(caught.value)
    assert f"https://huggingface.co/timm/{SMALLEST}." in said
    assert f"at {tmp_path}/{SMALLEST}." in said
    assert "no route to host" in said
    # A plan goes on, and says so.
    plain = {**STUDY, "rungs": [{"name": "own", "apply": ["pretrained"]}], "final": "own"}
    monkeypatch.undo()
    monkeypatch.setattr(zoo, "weights_folder", lambda: tmp_path)
    monkeypatch.setattr(zoo, "published", lambda *_: (_ for _ in ()).throw(DataError("put it")))
    study = parse(plain, "zoo.toml")
    assert any(
        "own: cannot start yet: put it" in line for line in cautions(study, None, strict=False)
    )
    with pytest.raises(RungsError, match="put it"):
        cautions(study, None, strict=True)


@pytest.mark.parametrize("name", [SMALLEST, "test_vit", "test_efficientnet"])
def test_layer_wise_rates_are_timms(name: str) -> None:
    groups = importlib.import_module("timm.optim").param_groups_layer_decay
    model = build(Timm(model=name), (3, 32, 32), 10)
    bare = model.get_submodule("network")
    shares = {
        id(item): group["lr_scale"]
        for group in groups(bare, layer_decay=0.5)
        for item in group["params"]
    }
    found = depths(model)
    top = max(found.values())
    for path, item in model.named_parameters():
        assert 0.5 ** (top - found[path]) == shares[id(item)], path
    assert len(shares) == len(found)
