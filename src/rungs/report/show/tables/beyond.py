"""Beyond top-1 accuracy: what the probabilities are worth, and doubtful test images."""

from dataclasses import fields

from rungs.report.figures.rungs import MeanCalibration
from rungs.report.figures.whole import ReportData
from rungs.report.show.section import Section, percent

_TOP = 5


def beyond_accuracy(data: ReportData) -> Section:
    """What the probabilities are worth, not only the class that they name.

    Without test figures, what classes of very unequal numbers make of accuracy on validation.
    """
    if data.part == "validation":
        return _balanced_on_validation(data)
    rows: tuple[tuple[str, ...], ...] = tuple(
        (rung.name, percent(rung.top5.mean), *_probabilities(rung.calibration))
        for rung in data.rungs
        if rung.top5.values
    )
    columns: tuple[str, ...] = (
        "rung",
        "top-5 %",
        "NLL",
        "Brier",
        "ECE %",
        "temperature",
        "NLL after",
        "ECE % after",
    )
    if data.study.data.classes <= _TOP:  # of so few classes, the right one is always among them
        columns, rows = (columns[0], *columns[2:]), tuple((row[0], *row[2:]) for row in rows)
    uneven = any(rung.uneven for rung in data.rungs)
    if uneven:
        shares = [percent(rung.balanced.mean) for rung in data.rungs if rung.top5.values]
        columns = (columns[0], "balanced %", *columns[1:])
        rows = tuple((row[0], share, *row[1:]) for row, share in zip(rows, shares, strict=True))
    return Section(
        "Beyond top-1, on test",
        columns,
        frozenset(columns[1:]),
        rows,
        (
            "NLL: mean negative log-likelihood in nats; Brier: squared distance of the "
            "probabilities from the truth, 0 to 2; ECE: expected calibration error over 15 bins. "
            "The temperature is fitted on validation; above 1, the model was overconfident.",
            *(
                ("Balanced: mean of the accuracies of the classes, whose sizes differ much.",)
                if uneven
                else ()
            ),
            *_constant(data),
        )
        if rows
        else (),
    )


def _balanced_on_validation(data: ReportData) -> Section:
    rows = tuple(
        (rung.name, percent(rung.val_accuracy.mean), percent(rung.balanced_validation.mean))
        for rung in data.rungs
        if rung.balanced_validation.values
    )
    columns = ("rung", "val %", "balanced %")
    said = "Balanced: mean of the accuracies of the classes, whose sizes differ much."
    lines = (said, *_constant(data)) if rows else ()
    return Section("Balanced accuracy, on validation", columns, frozenset(columns[1:]), rows, lines)


def _constant(data: ReportData) -> list[str]:
    """What knowing nothing but the classes' sizes is worth, where they differ much."""
    share = data.constant_answer
    if share is None:
        return []
    return [
        f"Always answering the most frequent class is right on {percent(share)} % of {data.part} "
        f"images, {percent(1 / data.study.data.classes)} % balanced."
    ]


def _probabilities(found: MeanCalibration | None) -> tuple[str, ...]:
    if found is None:
        return ("",) * len(fields(MeanCalibration))
    return (
        f"{found.nll:.3f}",
        f"{found.brier:.3f}",
        percent(found.ece),
        f"{found.temperature:.2f}",
        f"{found.nll_after:.3f}",
        percent(found.ece_after),
    )


def without_doubtful(data: ReportData) -> Section:
    """Test accuracy without the images that an audit found doubtful, beside the official one."""
    columns: tuple[str, ...] = ("rung", "test %", "without duplicates %", "without label errors %")
    title = "Without doubtful test images: descriptive, part of no verdict"
    if data.audit is None or not data.audit.accuracies:
        return Section(title)
    rows = [
        (
            item.name,
            *(
                percent(spread.mean)
                for spread in (item.official, item.without_duplicates, item.without_label_errors)
            ),
        )
        for item in data.audit.accuracies
    ]
    images = data.study.data.sizes["test"]
    lines = [
        f"By `rungs audit`, {data.audit.duplicates:,} of {images:,} test images have a duplicate "
        "among the training images."
    ]
    if data.audit.label_errors is None:
        columns, rows = columns[:3], [row[:3] for row in rows]
    else:
        lines.append(
            f"{data.audit.label_errors:,} have a probable label error. Accuracy without these is "
            "optimistic: that models contradict a label is how they were found, so hard pictures "
            "are among them."
        )
    return Section(title, columns, frozenset(columns[1:]), tuple(rows), tuple(lines))
