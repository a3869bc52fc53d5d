"""The document's chapters, in reading order."""

from collections.abc import Iterator, Mapping

from rungs.foundation.wording import counted
from rungs.recipe import leaves, recipe_to_dict, show
from rungs.recipe.modifications import find
from rungs.report.figures.rungs import RungReport
from rungs.report.figures.whole import ReportData
from rungs.report.figures.writeup import Ends
from rungs.report.show.commands import commands
from rungs.report.show.section import (
    Section,
    count,
    filled,
    interval,
    min_detectable,
    percent,
    points,
)
from rungs.report.show.sections import plain_lines, sections
from rungs.report.show.tables.baselines import baseline_sections
from rungs.report.show.tables.ensembles import ensemble_section
from rungs.report.show.tables.ladder import with_values
from rungs.report.show.writeup.chapter import Chapter
from rungs.report.show.writeup.words import effect, evidence, named, reached

# Of the base's recipe: what says how everything is trained.
_TRAINING = ("loss", "optimiser", "schedule", "batch_size", "scaling", "precision", "clipping")


def written_up(data: ReportData, ends: Ends | None) -> tuple[Chapter, ...]:
    """The document's chapters in reading order.

    Args:
        data: what is known.
        ends: base and final rung at equal epochs; None where no budget has both.
    """
    known = {section.title: section for section in sections(data)}
    found = (
        Chapter(data.study.title, level=1, paragraphs=tuple(_answer(data, ends))),
        _task(data),
        _data(data),
        _training(data),
        _base(data),
        *_changes(data),
        _compared(data, ends),
        _classes(data, known),
        _ensembles(data),
        _all_changes(data),
        _from(known, "Claims", "What the source claims, and what was measured"),
        _unknown(data),
        _from(known, _OPEN, "What the source leaves open, and how it was read"),
        _from(known, "What the source has wrong", "What the source has wrong"),
        Chapter(
            "How this was made",
            paragraphs=plain_lines(data),
            points=tuple(f"{words}: {command}" for words, command in commands(data, "document")),
        ),
    )
    return tuple(one for one in found if one is not None)


_OPEN = "Assumptions: what the source leaves open"


def _from(known: Mapping[str, Section], name: str, title: str) -> Chapter | None:
    """A section of the report as a chapter of its own."""
    section = known.get(name)
    if section is None:
        return None
    return Chapter(title, tables=(Section("", *_content(section)),))


def _content(
    section: Section,
) -> tuple[tuple[str, ...], frozenset[str], tuple[tuple[str, ...], ...], tuple[str, ...]]:
    return section.columns, section.right, section.rows, section.lines


def _answer(data: ReportData, ends: Ends | None) -> Iterator[str]:
    """What was found, in two sentences."""
    if ends is None:
        yield "Base and final network are not both trained for equally many epochs yet."
    else:
        base, final = data.accuracy(ends.base), data.accuracy(ends.final)
        sentence = (
            f"After {counted(ends.final.epochs, 'epoch')} the base reaches {percent(base.mean)} % "
            f"on {data.part}, the final network {percent(final.mean)} %"
        )
        if ends.verdict is not None and ends.verdict.delta is not None:
            on = "" if data.study.folds is None else f" on {data.judged_on}"
            sentence += f": {points(ends.verdict.delta)} points{on} ({evidence(ends.verdict)})"
        yield f"{sentence}."
    if data.has_words:
        outcomes = [
            rung.verdict.outcome
            for rung in data.rungs
            if rung.verdict is not None and rung.verdict.outcome in _COUNTED
        ]
        parts = [
            f"{outcomes.count(outcome)} {words}"
            for outcome, words in _COUNTED.items()
            if outcome in outcomes
        ]
        if parts:
            yield f"Of {counted(len(outcomes), 'measured change')}: {', '.join(parts)}."
    if data.sealed:
        yield "The test set is sealed: all figures are of validation."


_COUNTED = {
    "helps": "helped",
    "hurts": "hurt",
    "no difference": "made no difference",
    "undecided": "undecided",
    "one seed": "with one seed, and so without a verdict",
}


def _task(data: ReportData) -> Chapter:
    study = data.study
    changed = [rung for rung in data.rungs if rung.after is not None]
    kept = sum(rung.kept for rung in changed)
    paragraphs = [
        f"Images of {study.data.name} are to be told apart into {study.data.classes} classes. From "
        f"the base network on, one change is made at a time and measured: {kept} changes were "
        f"kept on the way to the final network, {len(changed) - kept} were tried and not kept.",
    ]
    if data.ensembles:
        names = [f"{item.name} ({counted(item.members, 'model')})" for item in data.ensembles]
        paragraphs.append(f"Ensembles are measured besides: {', '.join(names)}.")
    if study.claims:
        paragraphs.append(
            f"{counted(len(study.claims), 'statement')} that can be held against runs "
            f"{'is' if len(study.claims) == 1 else 'are'} checked one by one below."
        )
    return Chapter("Task", paragraphs=tuple(paragraphs))


def _data(data: ReportData) -> Chapter:
    spec = data.study.data
    uses = {
        "train": "training",
        "validation": "choosing the epoch, and what to keep",
        "test": "confirming what was chosen",
    }
    rows = tuple((part, f"{spec.sizes[part]:,}", use) for part, use in uses.items())
    if data.study.folds is not None:
        judging = (f"{data.study.folds} folds", f"{data.study.judged_images:,}")
        rows = ((*judging, "training, and judging by models that did not see them"), rows[-1])
    channels, height, width = spec.image_shape
    lines = [
        f"Images have {height} x {width} pixels and {counted(channels, 'channel')}; the "
        f"fingerprint {spec.fingerprint} stands for their exact content and split."
    ]
    if data.constant_answer is not None:
        lines.append(
            f"Always answering the most frequent class would be right for "
            f"{percent(data.constant_answer)} % of the images of {data.part}."
        )
    if data.audit is not None:
        lines.append(
            f"Of the test images, {data.audit.duplicates:,} have a near-duplicate among those of "
            f"training and {data.audit.label_errors:,} have a label that is probably wrong."
        )
    split = Section("", ("part", "images", "what for"), frozenset(("images",)), rows)
    return Chapter("Data and split", tables=(split,), paragraphs=tuple(lines))


def _training(data: ReportData) -> Chapter:
    recipe = data.study.rung(data.study.base).recipe
    rows = tuple(
        (place, show(value))
        for place, value in leaves(recipe_to_dict(recipe))
        if place.split(".")[0] in _TRAINING
    )
    elsewhere = [rung.name for rung in data.study.rungs if rung.recorded]
    base = (
        ""
        if data.study.base in elsewhere
        else " The base is trained as follows; everything else that changes is named as a change."
    )
    told = (
        f" Trained elsewhere and recorded: {', '.join(elsewhere)}; of their training only what "
        "their titles say is known."
        if elsewhere
        else ""
    )
    epochs = sorted({rung.epochs for rung in data.rungs})
    length = counted(epochs[0], "epoch") if len(epochs) == 1 else "the epochs that the table gives"
    return Chapter(
        "Training",
        paragraphs=(
            f"Every rung is trained for {length} (budget {data.budget}). {_answering(data)}"
            f"{told}{base}",
        ),
        tables=(Section("", ("setting", "value"), frozenset(), rows),) if base else (),
    )


def _answering(data: ReportData) -> str:
    folds = data.study.folds
    if folds is None:
        return (
            "After each epoch the loss on validation is measured, and the weights of the epoch "
            "with the lowest are those that are tested."
        )
    return (
        f"Each seed is {folds} models, each trained without one fold of the images outside the "
        "test part, which it then answers for; the last epoch answers."
    )


def _base(data: ReportData) -> Chapter | None:
    base = data.rung(data.study.base)
    if base is None:
        return None
    parameters, trainable, _ = base.cost
    sentences = [
        f"{named(base)} has {count(parameters)} parameters ({count(trainable)} trainable) and "
        f"reaches {reached(data.accuracy(base))} on {data.part}",
        *_curves(base),
        *_reported(base, data),
    ]
    layers = data.layers.get(base.name, ())
    rows = tuple(
        (row.place, row.operation, " x ".join(map(str, row.shape)), f"{row.parameters:,}")
        for row in layers
    )
    right = frozenset(("puts out", "parameters"))
    columns = ("where", "operation", "puts out", "parameters")
    return Chapter(
        "The base",
        paragraphs=(" ".join(f"{text}." for text in sentences),),
        tables=(Section("", columns, right, rows),) if rows else (),
        picture="base",
        caption="Loss and accuracy of the base over epochs, and of what was tried on it alone",
    )


def _curves(rung: RungReport) -> list[str]:
    return [f"Its curves: {'; '.join(rung.notes)}"] if rung.notes else []


def _reported(rung: RungReport, data: ReportData) -> list[str]:
    """What the source reports, and what was measured at the source's own epochs."""
    reported = rung.reported
    if reported.test_accuracy is None:
        return []
    length = "" if reported.epochs is None else f" after {counted(reported.epochs, 'epoch')}"
    sentences = [f"The source reports {percent(reported.test_accuracy)} %{length}"]
    if (same := _at_reported(rung, data)) is not None:
        sentences.append(
            f"Trained for as long here, it reaches {reached(same.test_accuracy)} on test "
            f"({counted(len(same.seeds), 'seed')})"
        )
    return sentences


def _at_reported(rung: RungReport, data: ReportData) -> RungReport | None:
    """The rung at the epochs that the source gave it, where that is another budget."""
    if data.part != "test" or rung.reported.epochs in (None, rung.epochs):
        return None
    return next(
        (
            item
            for items in data.whole.elsewhere.values()
            for item in items
            if isinstance(item, RungReport)
            and (item.name, item.epochs) == (rung.name, rung.reported.epochs)
            and item.test_accuracy.values
        ),
        None,
    )


def _changes(data: ReportData) -> list[Chapter]:
    changed = [rung for rung in data.rungs if rung.after is not None]
    intro = Chapter(
        "The changes, one at a time",
        paragraphs=(
            "Differences are in percentage points of accuracy, each rung against the one that it "
            "stands on; intervals are for new seeds and new images.",
        ),
        picture="ladder",
        caption="All rungs, a mark for each seed",
    )
    return [intro, *(_change(number, rung, data) for number, rung in enumerate(changed, start=1))]


def _change(number: int, rung: RungReport, data: ReportData) -> Chapter:
    before = data.rung(rung.after or "")
    on = rung.after if before is None else named(before)
    steps = dict.fromkeys(name for name, _ in data.study.rung(rung.name).steps)
    what = " ".join(find(name).doc.replace("``", "") for name in steps)
    verdict = data.effect(rung)
    measured = []
    if (accuracy := data.accuracy(rung)).values:
        whence = "" if before is None else percent(data.accuracy(before).mean)
        came = f", from {whence} %" if whence else ""
        measured.append(f"It reaches {reached(accuracy)} on {data.part}{came}")
    if before is not None and before.cost[0] != rung.cost[0]:
        measured.append(f"Parameters: {count(before.cost[0])} before, {count(rung.cost[0])} now")
    sentences = [*measured, *_curves(rung), *_reported(rung, data)]
    if not rung.kept:
        sentences.append("It was not kept")
    paragraphs = [
        f"On {on}: {'; '.join(rung.changes)}. {what}",
        effect(verdict, data),
        " ".join(f"{text}." for text in sentences),
    ]
    if verdict is not None and verdict.delta is not None and verdict.caveats:
        paragraphs.append(f"Caveats: {'; '.join(verdict.caveats)}.")
    return Chapter(
        f"{number}. {named(rung)}", level=3, paragraphs=tuple(text for text in paragraphs if text)
    )


def _compared(data: ReportData, ends: Ends | None) -> Chapter:
    title = "Base against final at equal epochs"
    if ends is None:
        return Chapter(
            title,
            paragraphs=(
                "No budget has a finished run of both for equally many epochs: rungs run with "
                "--epochs trains them.",
            ),
        )
    rows = [
        {
            "network": named(rung),
            "epochs": str(rung.epochs),
            "seeds": str(len(rung.seeds)),
            "test %": with_values(rung.test_accuracy),
            "val %": with_values(rung.val_accuracy),
            "parameters": count(rung.cost[0]),
        }
        for rung in (ends.base, ends.final)
    ]
    lines = []
    if ends.verdict is not None and ends.verdict.delta is not None:
        word = ends.verdict.outcome
        lines.append(
            f"The difference on {data.judged_on} is {points(ends.verdict.delta)} points "
            f"({evidence(ends.verdict)}): {word}."
        )
    here = ends.budget == data.budget
    return Chapter(
        title,
        paragraphs=tuple(lines),
        tables=(filled("", rows, ("epochs", "seeds", "test %", "val %", "parameters")),),
        picture="base-final" if here else "",
        caption="Validation loss and accuracy of base and final network",
    )


def _classes(data: ReportData, known: Mapping[str, Section]) -> Chapter | None:
    section = known.get("Best and worst class")
    if section is None:
        return None
    wanted = {data.study.base, data.study.final}
    columns, right, rows, lines = _content(section)
    shown = tuple(row for row in rows if row[0] in wanted)
    final = data.rung(data.study.final)
    return Chapter(
        "Best and worst class",
        tables=(Section("", columns, right, shown, lines),),
        picture="classes" if final is not None and final.ranking else "",
        caption=f"Accuracy of every class of {data.study.final}, with 95 % Wilson intervals",
    )


def _ensembles(data: ReportData) -> Chapter | None:
    if not data.ensembles:
        return None
    return Chapter(
        "Ensembles",
        paragraphs=("An ensemble answers with the mean of its members' softmax outputs.",),
        tables=(
            *(ensemble_section(item) for item in data.ensembles),
            *baseline_sections(data.baselines),
        ),
        picture="growth",
        caption="Accuracy of ensembles by the number of their members",
    )


def _all_changes(data: ReportData) -> Chapter:
    rows = []
    for rung in data.rungs:
        verdict, reported = data.effect(rung), rung.reported
        done = verdict is not None and verdict.delta is not None
        same = _at_reported(rung, data)
        length = "" if reported.epochs in (None, rung.epochs) else f" in {reported.epochs} epochs"
        figure = percent(reported.test_accuracy)
        rows.append(
            {
                "change": named(rung),
                "": "kept" if rung.kept else "tried",
                "on": rung.after or "",
                "epochs": str(rung.epochs),
                f"{data.part} %": with_values(data.accuracy(rung)),
                "difference": points(verdict.delta) if verdict is not None else "",
                "95 % interval": interval(verdict) if verdict is not None else "",
                "verdict": verdict.outcome if done and verdict and data.has_words else "",
                "reported %": f"{figure}{length}" if figure else "",
                "ours in as many": "" if same is None else with_values(same.test_accuracy),
                "parameters": count(rung.cost[0]),
                "reported parameters": ""
                if reported.parameters is None
                else f"{reported.parameters:,}",
                "notes": "; ".join(rung.notes),
                "the source notes": reported.notes,
            }
        )
    right = ("epochs", f"{data.part} %", "difference", "parameters", "reported parameters")
    return Chapter(
        "All changes",
        tables=(filled("", rows, right),),
        picture="tradeoffs",
        caption="Accuracy against what it costs; the line joins the rungs that no other beats",
    )


def _unknown(data: ReportData) -> Chapter:
    """What the evidence leaves open, each with what would close it."""
    left = _missing(data)
    for rung in data.rungs:
        verdict = rung.verdict if data.has_words else None
        if verdict is None:
            continue
        if verdict.outcome == "undecided":
            least = verdict.detectable
            could = (
                ""
                if least is None
                else f" (minimum detectable difference: {min_detectable(least)} points)"
            )
            more = (
                "rungs plan --detect POINTS says how many seeds a smaller difference takes."
                if data.study.folds is None
                else "A smaller difference takes more pictures."
            )
            left.append(f"Whether {named(rung)} helps{could}. {more}")
        if verdict.outcome == "one seed":
            left.append(f"What {named(rung)} does with another seed.")
        left += [
            f"Which part of {named(rung)} does it: {caveat}. rungs report --unbundle {rung.name} "
            "takes them apart."
            for caveat in verdict.caveats
            if caveat.startswith("bundle")
        ]
    unread = sum(claim.status in ("unread", "not run") for claim in data.claims)
    if unread:
        left.append(
            f"{counted(unread, 'claim')} of the source, for want of runs or test figures: the "
            "table of claims says which."
        )
    if data.part == "validation":
        left.append("What the test set says: no figure of it was read.")
    left.append(
        f"Whether any of it holds on other data than {data.study.data.name}, or after longer "
        "training."
    )
    return Chapter("What is not known", points=tuple(left))


def _missing(data: ReportData) -> list[str]:
    """Runs that failed, and rungs with fewer seeds than planned, those that lack alike together."""
    lines = [
        f"{named(rung)} failed with seed {seed}: {reason}."
        for rung in data.rungs
        for seed, reason in rung.failed
    ]
    lacking: dict[tuple[int, int], list[str]] = {}
    for rung in data.rungs:
        missing = rung.planned_seeds - len(rung.seeds) - len(rung.failed)
        if missing:
            lacking.setdefault((missing, rung.planned_seeds), []).append(rung.name)
    return lines + [
        f"What more seeds would say: {missing} of {counted(planned, 'planned seed')} not finished "
        f"of {', '.join(names)}."
        for (missing, planned), names in lacking.items()
    ]
