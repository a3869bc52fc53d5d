"""The table of a network's stages, as a paper has it."""

import pytest

from rungs.recipe.components import Convolutional, Elu, Gelu, MaxPooling, PreActivation, Relu
from rungs.report.show.page.stages import stages
from rungs.study import load
from rungs.study.costs import LayerRow, costs, layer_tables

CONVOLUTION = "3×3 convolution"


def rows(*operations: str, place: str = "stage 1") -> list[LayerRow]:
    return [LayerRow(place, one, (8, 4, 4), 1) for one in operations]


def test_every_rung_of_a_study_has_all_its_parameters_in_few_rows() -> None:
    study = load("cifar100")
    tables, known = layer_tables(study, None), costs(study, None)
    shown = {name: stages(found, study.rung(name).recipe.network) for name, found in tables.items()}
    for name, found in shown.items():
        assert sum(stage.parameters for stage in found) == known[name][0]
        assert len(found) <= 6
    stacked = shown["stacked"]
    assert [stage.name for stage in stacked] == ["stage 1", "stage 2", "head"]
    assert stacked[1].layers == "[3×3, 64, BN, ReLU] × 2, 2×2 max pooling"
    assert stacked[1].shape == (64, 8, 8)
    assert stacked[2].layers == "GAP, dense 100"
    final = shown["final"][1].layers
    assert final == (
        "[3×3, 64, BN, ELU, 3×3, 64, BN] + [1×1, 64, BN], ELU, 2×2 max pooling, dropout 0.15"
    )
    assert "3×3 depthwise, 32, 1×1, 64" in shown["separable"][1].layers


@pytest.mark.parametrize(
    ("network", "operation", "first"),
    [
        (Convolutional(activation=Relu()), "ReLU", "ReLU"),
        (Convolutional(activation=Elu(), pooling=MaxPooling()), "ELU", "ELU"),
        # Of an activation that falls, another order would be another network.
        (Convolutional(activation=Gelu()), "GELU", "2×2 max pooling"),
    ],
)
def test_only_what_gives_the_same_is_put_in_order(
    network: Convolutional, operation: str, first: str
) -> None:
    (stage,) = stages(rows(CONVOLUTION, "2×2 max pooling", operation), network)
    assert stage.layers.split(", ")[2] == first


def test_a_shortcut_without_operations_is_told() -> None:
    network = Convolutional(widths=(8,), block=PreActivation())
    (stage,) = stages(rows("batch normalisation", "ReLU", CONVOLUTION), network)
    assert stage.layers == "BN, ReLU, 3×3, 8, identity shortcut"


def test_a_shortcut_that_is_computed_first_is_added_after_the_convolutions() -> None:
    network = Convolutional(widths=(8,), block=PreActivation())
    found = [
        *rows("1×1 convolution", place="stage 1, shortcut"),
        *rows("batch normalisation", "ReLU", CONVOLUTION, "2×2 max pooling"),
    ]
    (stage,) = stages(found, network)
    assert stage.layers == "[BN, ReLU, 3×3, 8] + [1×1, 8], 2×2 max pooling"


def test_parts_of_a_users_network_are_put_together_by_their_names() -> None:
    found = [
        LayerRow("layer1.0.conv", CONVOLUTION, (8, 4, 4), 9),
        LayerRow("layer1.0.act", "ReLU", (8, 4, 4), 0),
        LayerRow("layer1.1.conv", CONVOLUTION, (8, 4, 4), 9),
        LayerRow("layer1.1.act", "ReLU", (8, 4, 4), 0),
        LayerRow("fc", "dense", (3,), 27),
    ]
    first, last = stages(found, Convolutional())
    assert (first.name, first.layers, first.parameters) == ("layer1", "[3×3, 8, ReLU] × 2", 18)
    assert (last.name, last.layers, last.shape) == ("fc", "dense 3", (3,))
