"""Beyond top-1 accuracy: what the probabilities are worth, and doubtful test images."""

from collections.abc import Sequence

from rungs.report.data import ReportData, mean
from rungs.report.show.section import Section, percent

_TOP = 5


def beyond_accuracy(data: ReportData) -> Section:
    """What the probabilities are worth, not only the class that they name."""

    def shown(values: Sequence[float], digits: int = 3) -> str:
        found = mean(values)
        return "" if found is None else f"{found:.{digits}f}"

    rows: tuple[tuple[str, ...], ...] = tuple(
        (
            rung.name,
            percent(rung.top5.mean),
            shown([item.nll for item in rung.calibrations]),
            shown([item.brier for item in rung.calibrations]),
            percent(mean([item.ece for item in rung.calibrations])),
            shown([item.temperature for item in rung.calibrations], 2),
            shown([item.nll_after for item in rung.calibrations]),
            percent(mean([item.ece_after for item in rung.calibrations])),
        )
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
    return Section(
        "Beyond top-1, on test",
        columns,
        frozenset(columns[1:]),
        rows,
        (
            "NLL: mean negative log-likelihood in nats; Brier: squared distance of the "
            "probabilities from the truth, 0 to 2; ECE: expected calibration error over 15 bins. "
            "The temperature is fitted on validation; above 1, the model was too sure.",
        )
        if rows
        else (),
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
                percent(mean(values))
                for values in (item.official, item.without_duplicates, item.without_label_errors)
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
