"""A study: its data, and the traps that others fell into."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rungs.data.pictures import UNEVEN, unevenness
from rungs.foundation.errors import DataError, RungsError, StoreError
from rungs.foundation.wording import counted, listed
from rungs.recipe import Recipe
from rungs.recipe.components import Network
from rungs.store import Store
from rungs.study import Study
from rungs.study.cautions import coarse_stems, few_images, stem_advice, stem_problem
from rungs.study.costs import LayerRow, layer_tables
from rungs.study.doctor.diagnosis import Finding
from rungs.study.plan import Plan
from rungs.study.seeds import Adaptive
from rungs.study.trained import lost_classes

if TYPE_CHECKING:
    from rungs.data.images import DataSet, ImageSet

# Points by which the accuracy on validation may be off (95 %) before it is called tiny.
_TOO_VAGUE = 5.0


def look_at_study(plan: Plan, store: Store, data_dir: Path | None) -> Iterator[Finding]:
    """The data of a study, where it is at hand, and the study's known traps.

    Args:
        plan: of the study.
        store: where its runs are, if there are any.
        data_dir: where the user has the data.
    """
    from rungs.data.loading import load

    study = plan.study
    try:
        data = load(study.data, data_dir=data_dir, allow_download=False)
    except DataError as error:
        yield Finding("problem", "data", str(error), "`rungs data STUDY` fetches it where it can")
    else:
        sizes = ", ".join(f"{count:,} {part}" for part, count in data.sizes.items())
        yield Finding("ok", "data", f"{data.name}: {sizes}")
        yield duplicates_finding(data)
        yield balance_finding(data, study)
        yield from coverage_findings(data)
        yield from oddity_findings(study)
    lost = lost_classes(study, store)
    if lost is not None:
        yield Finding("warning", "classes", lost, "put the pictures back, unless that is meant")
    if study.folds is None:
        yield seeds_finding(plan.adaptive or plan.seeds, study.typed)
        yield validation_finding(study.data.sizes["validation"], study.data.classes)
    else:
        yield folds_finding(study)
    for line in few_images(study):  # none with folds
        found = line.removeprefix("Warning: ").removesuffix(".")
        yield Finding("warning", "test", found, "put more images into the test part")
    yield networks_finding(study)
    if not study.rung(study.final).recorded:
        yield rate_finding(study, tried_rates(plan, store))


def seeds_finding(seeds: int | Adaptive, source: str) -> Finding:
    """One seed tells nothing of the next."""
    if isinstance(seeds, Adaptive) or seeds > 1:
        return Finding("ok", "seeds", f"{seeds} for each rung")
    return Finding(
        "warning",
        "seeds",
        "one for each rung: no change can get a verdict, as it is not known how much seeds differ",
        f"`rungs run {source} --seeds 3`; from two finished seeds on "
        f"`rungs plan {source} --detect 1` says how many it takes",
    )


def folds_finding(study: Study) -> Finding:
    """With folds one seed is several models, and their answers are all that is judged."""
    least = min(spec.sizes["train"] for spec in study.splits)
    return Finding(
        "ok",
        "folds",
        f"{study.folds}, {counted(study.seeds, 'seed')} of as many models: all "
        f"{study.judged_images:,} images outside the test part are answered by models that were "
        f"trained on {least:,} others",
    )


def validation_finding(images: int, classes: int) -> Finding:
    """A small validation part chooses epochs and rungs by chance."""
    points = 100 * 1.96 * (0.25 / images) ** 0.5
    found = (
        f"{images:,} images, {images / classes:.1f} a class: an accuracy on them is known to "
        f"+-{points:.1f} points (95 %, at worst)"
    )
    if points <= _TOO_VAGUE:
        return Finding("ok", "validation", found)
    return Finding(
        "warning",
        "validation",
        f"{found}, so that epochs and rungs are chosen by chance",
        "put more images into it, if need be from the training images",
    )


def duplicates_finding(data: "DataSet") -> Finding:
    """Images that stand in two parts make figures look better than they are.

    Only images of the very same pixels are found.
    """
    train = _digests(data.exploration.train)
    validation, test = _digests(data.exploration.validation), _digests(data.test)
    shared = {
        "validation and training": sum(one in train for one in validation),
        "test and training": sum(one in train for one in test),
        "test and validation": len(set(test) & set(validation)),
    }
    found = ", ".join(f"{count} in {parts}" for parts, count in shared.items() if count)
    if not found:
        return Finding(
            "ok", "duplicates", "no two parts have an image of the same pixels in common"
        )
    return Finding(
        "warning",
        "duplicates",
        f"images of the very same pixels: {found}",
        "keep each of them in one part only: an image that was trained on tests nothing",
    )


def balance_finding(data: "DataSet", study: Study) -> Finding:
    """Classes of very unequal numbers of training images: a network learns the frequent ones."""
    labels = data.exploration.train.labels
    counts = labels.bincount(minlength=len(data.class_names)).tolist()
    fewest, most = min(counts), max(counts)
    found = f"{fewest:,}{f' to {most:,}' if fewest < most else ''} training images a class"
    if unevenness(counts) < UNEVEN:
        return Finding("ok", "classes", found)
    losses = (rung.recipe.loss for rung in study.rungs)
    weighed = any(getattr(loss, "class_weights", None) == "balanced" for loss in losses)
    how = (
        "the rung with `balanced_classes` shows"
        if weighed
        else "a rung with `balanced_classes` shows"
    )
    return Finding(
        "warning",
        "classes",
        f"{found}, so that frequent classes count more in training and in accuracy",
        f"{how} whether it helps to weigh them alike; compare by the balanced accuracy of reports",
    )


def coverage_findings(data: "DataSet") -> Iterator[Finding]:
    """Classes that validation or test lacks: their figures say nothing of these."""
    parts = {"validation": data.exploration.validation, "test": data.test}
    for part, images in parts.items():
        counts = images.labels.bincount(minlength=len(data.class_names)).tolist()
        lacking = [name for name, count in zip(data.class_names, counts, strict=True) if not count]
        if lacking:
            yield Finding(
                "warning",
                "classes",
                f"no {part} image of {listed(lacking)}",
                f"no figure of {part} says anything of them: add images, or leave the part out, so "
                "that it is cut from those for training",
            )


def oddity_findings(study: Study) -> Iterator[Finding]:
    """What was odd about the user's own pictures when they were read."""
    notes = () if study.pictures is None else study.pictures.notes
    for note in notes:
        if note.startswith("warning: "):
            yield Finding("warning", "pictures", note.removeprefix("warning: "))


def _digests(images: "ImageSet") -> dict[bytes, None]:
    from rungs.network.outputs import evaluation_batches

    return {
        hashlib.blake2b(image.tobytes(), digest_size=16).digest(): None
        for batch in evaluation_batches(images.pixels)  # pixels may lie in a file
        for image in batch.numpy()
    }


def networks_finding(study: Study) -> Finding:
    """Whether the networks can be built, and if so whether their stems fit the images."""
    try:
        layers = layer_tables(study, None)
    except RungsError as error:
        advice = "a run of that network cannot begin until this is fixed"
        return Finding("problem", "network", str(error), advice)
    networks = {rung.name: rung.recipe.network for rung in study.rungs}
    return stem_finding(networks, layers, study.data.image_shape)


def stem_finding(
    networks: Mapping[str, Network],
    layers: Mapping[str, Sequence[LayerRow]],
    image_shape: tuple[int, int, int],
) -> Finding:
    """A stem for large photographs throws away most of a small image before anything sees it.

    Args:
        networks: per rung.
        layers: per rung: the operations of its network.
        image_shape: channels, height, width.
    """
    coarse = coarse_stems(layers, image_shape)
    if not coarse:
        return Finding("ok", "stem", f"fits images of {min(image_shape[1:])} pixels")
    advice = stem_advice([networks[name] for name in coarse], image_shape, None)
    return Finding("warning", "stem", stem_problem(coarse, image_shape), advice)


def tried_rates(plan: Plan, store: Store) -> dict[float, float]:
    """Learning rate -> validation accuracy of the final rung's recipe, the mean over its runs.

    All finished runs of the store on these data count, also those of ``rungs try``.
    """
    final = next(item for item in plan.rungs if item.rung.name == plan.study.final)
    wanted = (_without_rate(final.rung.recipe), final.epochs)
    data = {spec.fingerprint for spec in plan.study.splits}
    found: dict[float, list[float]] = {}
    for key in [*store.keys()]:
        try:
            result = store.result(key)
        except StoreError:  # a finding of the store's
            continue
        spec = result.spec
        if spec.data.fingerprint not in data or result.failed is not None or spec.recorded:
            continue
        if (_without_rate(spec.recipe), spec.epochs) == wanted:
            accuracy = result.history[result.best_epoch - 1].val_accuracy
            found.setdefault(spec.recipe.optimiser.learning_rate, []).append(accuracy)
    return {rate: sum(values) / len(values) for rate, values in sorted(found.items())}


def rate_finding(study: Study, tried: Mapping[float, float]) -> Finding:
    """The best learning rate is known only where a lower and a higher one were tried.

    Args:
        study: its final rung is looked at.
        tried: learning rate -> accuracy on validation.
    """
    what = "learning rate"
    if not tried:
        found = f"{study.final} is not trained yet, so nothing can be said"
        return Finding("note", what, found, f"`rungs run {study.typed}` trains it")
    best, lowest, highest = max(tried, key=lambda rate: tried[rate]), min(tried), max(tried)
    figures = ", ".join(f"{rate:g} ({100 * value:.1f} %)" for rate, value in tried.items())
    if lowest < best < highest:
        return Finding("ok", what, f"of {figures} on validation, the best lies between others")
    beyond = [best / 3] * (best == lowest) + [best * 3] * (best == highest)
    calls = " and ".join(
        f"`rungs try {study.typed} 'learning_rate({rate:.2g})' --on {study.final}`"
        for rate in beyond
    )
    advice = f"{calls}: a change may seem to help only because the rate suits it better"
    if len(tried) == 1:
        return Finding("note", what, f"only {best:g} was tried on {study.final}", advice)
    found = f"of {figures} on validation, the best is at the edge of what was tried"
    return Finding("warning", what, found, advice)


def _without_rate(recipe: Recipe) -> Recipe:
    return replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=1.0))
