"""A model card, as the hub shows it beside a model: Markdown below a head of metadata."""

import json
from collections.abc import Iterator
from typing import Any

from rungs.foundation.wording import counted
from rungs.models.card import Card
from rungs.recipe import leaves, recipe_to_dict, show
from rungs.report.figures.ensembles import Answering, EnsembleReport
from rungs.report.figures.model_card import ModelFigures
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.show.markdown import escaped, table
from rungs.report.show.section import Section, percent
from rungs.report.show.tables.ladder import with_values

# What reads each format, as the hub calls it.
_LIBRARIES = {"onnx": "onnx", "safetensors": "rungs", "torch-export": "pytorch"}
# Names of more classes would fill the card; the file has them all.
_MOST_CLASSES = 1000
# Of so many or fewer classes, one of the five most probable ones is always right.
_TOP = 5


def to_model_card(
    card: Card, data: ReportData, figures: ModelFigures, *, file: str, form: str
) -> str:
    """The card of an exported model.

    Args:
        card: what the file says of itself.
        data: the report that the model is part of.
        figures: of this very model.
        file: its name, without a folder.
        form: its format, a key of `rungs.evidence.selection.SUFFIXES`.
    """
    item = data.find(card.name)
    assert item is not None
    parts = [
        _metadata(card, data, figures, form),
        f"# {escaped(f'{card.study}: {card.name}')}",
        *map(escaped, _what(card, data, item)),
        "## How to load it",
        _code(file, form),
        escaped(_takes(card)),
        "## Accuracy",
        *_accuracy(card, item, figures),
        *_extremes(item, figures),
        "## Calibration",
        *map(escaped, _calibration(card, figures)),
        "## What it was trained on, and how",
        *map(escaped, _training(card, data)),
        table(_recipe(card)),
        "## Classes",
        escaped(_classes(card)),
        "## What it is for, and its limits",
        "\n".join(f"- {escaped(line)}" for line in _limits(data, figures)),
    ]
    return "\n\n".join(parts) + "\n"


def _metadata(card: Card, data: ReportData, figures: ModelFigures, form: str) -> str:
    """The hub's head of YAML, in which each value is written as JSON, which YAML includes."""
    spec = data.study.data
    head: dict[str, Any] = {
        "library_name": _LIBRARIES[form],
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "rungs"],
        "metrics": ["accuracy"],
    }
    if figures.accuracy is not None:
        result = {
            "task": {"type": "image-classification"},
            "dataset": {"name": spec.name, "type": spec.kind, "split": figures.part},
            "metrics": [{"type": "accuracy", "value": round(figures.accuracy, 6)}],
        }
        head["model-index"] = [{"name": f"{card.study}-{card.name}", "results": [result]}]
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    return "\n".join(["---", *lines, "---"])


def _what(card: Card, data: ReportData, item: Answering) -> Iterator[str]:
    channels, height, width = card.image_shape
    sees = f"pictures of {height} x {width} pixels and {counted(channels, 'channel')}"
    yield f"A classifier of {sees} into {len(card.class_names):,} classes of {card.data}."
    if isinstance(item, EnsembleReport):
        yield (
            f"An ensemble of {item.members} models of the rung {item.rung}, in one file: its "
            "answer is the mean of theirs."
        )
    else:
        changes = "; ".join(item.changes) or "the base recipe"
        on = f", on {item.after}" if item.after else ""
        yield f"The rung '{item.title}'{on}: {changes}."
    chosen = "the epoch with the lowest loss on validation"
    if data.study.folds is not None:
        chosen = f"the last epoch, without the first of {data.study.folds} folds"
    yield (
        f"It was trained in the study '{data.study.title}' with Rungs {card.rungs}: seed "
        f"{card.seed}, {counted(card.epochs, 'epoch')}, the weights of {chosen}."
        if len(card.members) == 1
        else f"It was trained in the study '{data.study.title}' with Rungs {card.rungs}: seed "
        f"{card.seed}, {counted(card.epochs, 'epoch')} a run."
    )


def _code(file: str, form: str) -> str:
    name = json.dumps(file, ensure_ascii=False)
    match form:
        case "onnx":
            lines = [
                "import onnxruntime",
                "",
                f"session = onnxruntime.InferenceSession({name})",
                '(probabilities,) = session.run(["probabilities"], {"pixels": pixels})',
            ]
        case "safetensors":
            lines = [
                "import rungs",
                "",
                f"model = rungs.load_model({name})",
                'print(model.predict("picture.jpg"))',
                "probabilities = model.probabilities(pixels)",
            ]
        case _:
            lines = [
                "import torch",
                "",
                f"model = torch.export.load({name}).module()",
                "probabilities = model(torch.from_numpy(pixels))",
            ]
    return "\n".join(["```python", *lines, "```"])


def _takes(card: Card) -> str:
    shape = ", ".join(map(str, card.image_shape))
    return (
        f"It takes pixels, uint8 [N, {shape}] from 0 to 255, and gives probabilities, float32 [N, "
        f"{len(card.class_names)}]. Scaling is inside; decoding a picture and bringing it to this "
        "size is not, except by rungs predict and model.predict."
    )


def _accuracy(card: Card, item: Answering, figures: ModelFigures) -> Iterator[str]:
    rows = []
    if figures.accuracy is not None and figures.interval is not None:
        low, high = figures.interval
        interval = f"{percent(low)} to {percent(high)} (Wilson)"
        rows.append((f"this model, seed {card.seed}", percent(figures.accuracy), interval))
    if figures.top5 is not None and len(card.class_names) > _TOP:
        rows.append(("this model, among its five most probable", percent(figures.top5), ""))
    if len(figures.seeds.values) > 1:
        of = f"all {len(figures.seeds.values)} seeds of the recipe, mean (values)"
        rows.append((of, with_values(figures.seeds), ""))
    if not rows:
        yield "It is not known: no figure of this model is at hand."
        return
    columns = ("of", f"{figures.part} %", "95 % interval")
    yield table(Section("", columns, frozenset(columns[1:2]), tuple(rows)))
    yield escaped(
        f"On {figures.images:,} {figures.part} images. The interval is of this trained model on "
        "new images like these; how far another training would differ, the seeds tell."
    )
    if figures.part == "validation" and isinstance(item, RungReport) and item.held_out:
        yield "Test figures are not shown. These images are those of the fold that it did not see."
    elif figures.part == "validation":
        yield escaped(
            "Test figures are not shown. These images chose the epoch, so that the model is "
            "probably somewhat worse on others."
        )
    if isinstance(item, RungReport) and item.late:
        yield "Seeds of it were added after the test set was seen."


def _extremes(item: Answering, figures: ModelFigures) -> list[str]:
    """The best and the worst class, over all seeds of a rung."""
    if figures.part != "test" or not isinstance(item, RungReport) or not item.extremes:
        return []
    rows = tuple(
        (which, one.name, percent(one.accuracy), f"{percent(one.low)} to {percent(one.high)}")
        for which, one, _ in item.extremes
    )
    columns = ("", "class", "test %", "95 % interval (Wilson, before selection)")
    return [table(Section("", columns, frozenset(columns[2:3]), rows))]


def _calibration(card: Card, figures: ModelFigures) -> Iterator[str]:
    yield (
        f"Its probabilities are calibrated: log-probabilities are divided by the temperature "
        f"{card.temperature:.3f}, which makes the classes of the validation images most likely."
    )
    if figures.calibration is not None:
        found = figures.calibration
        yield (
            f"On test, the expected calibration error is {percent(found.ece_after)} points with "
            f"the temperature and {percent(found.ece)} without; the mean negative log-likelihood "
            f"is {found.nll_after:.3f} nats with it and {found.nll:.3f} without."
        )


def _training(card: Card, data: ReportData) -> Iterator[str]:
    spec = data.study.splits[0]
    sizes = spec.sizes
    yield (
        f"{card.data}: {sizes['train']:,} training, {sizes['validation']:,} validation and "
        f"{sizes['test']:,} test images; the fingerprint {spec.fingerprint} stands for their exact "
        "content and split."
    )
    runs = card.runs or (card.run,)
    yield f"Its recipe, every setting; the key of a run stands for all of it: {', '.join(runs)}."
    item = data.find(card.name)
    if isinstance(item, RungReport):
        yield from (f"Trained on: {line}." for line in item.executions)


def _recipe(card: Card) -> Section:
    rows = tuple((place, show(value)) for place, value in leaves(recipe_to_dict(card.recipe)))
    return Section("", ("setting", "value"), frozenset(), rows)


def _classes(card: Card) -> str:
    names = card.class_names[:_MOST_CLASSES]
    more = len(card.class_names) - len(names)
    rest = f" and {more:,} more, which the file's metadata names" if more else ""
    # Names may have commas.
    return f"In the order of the probabilities: {'; '.join(names)}{rest}."


def _limits(data: ReportData, figures: ModelFigures) -> Iterator[str]:
    name = data.study.data.name
    yield f"It is for pictures like those of {name}, for study and comparison of recipes."
    yield (
        "It has no class for what is none of its classes: of other pictures, its probabilities "
        "mean nothing."
    )
    yield (
        f"Its figures hold for images drawn as those of {name} were. Whether classes are "
        "right equally often for all that they show, such as other cameras, places or people, was "
        "not measured."
    )
    if data.audit is not None:
        yield (
            f"Of the test images, {data.audit.duplicates:,} have a near-duplicate among those of "
            f"training and {data.audit.label_errors:,} have a label that is probably wrong."
        )
    if figures.part == "test" and data.revealed:
        recipes = counted(data.revealed, "recipe")
        yield f"Figures of {recipes} on this test set were shown where it was trained."
    yield "No licence is named here: who publishes it names one that the data allows."
