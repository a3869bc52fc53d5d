"""Verdicts as a table, and how it is read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rungs.foundation.wording import counted
from rungs.report.show.section import (
    MIN_DETECTABLE,
    Section,
    filled,
    interval,
    min_detectable,
    p_value,
    percent,
    points,
    sureness,
)
from rungs.statistics.levels import POWER
from rungs.statistics.verdicts import Outcome, Verdict

if TYPE_CHECKING:  # a report needs recipes and studies, which verdicts do without
    from rungs.report.figures.whole import ReportData

_SIGN = (
    "Sign: how sure it is that the true difference has the sign of the one measured, for this "
    "comparison alone, not corrected for the others."
)
_DETECTABLE = (
    f"{MIN_DETECTABLE.capitalize()}: the minimum detectable difference, the smallest true one that "
    f"so many seeds and images find with power {POWER:g}."
)


def verdicts(data: "ReportData") -> Section:
    """What the evidence says of every change, with all that the word stands on.

    Where test figures are not shown, what validation says: without a word, for it is to choose by.
    With folds what models did not see is judged on, whether test figures are shown or not.
    """
    if data.part == "validation" and data.study.folds is None:
        return _on_validation(data)
    return verdict_section(
        f"Verdicts: each rung against the one that it stands on, on {data.judged_on}",
        verdicts_of(data),
        accuracy_of(data),
    )


def accuracy_of(data: "ReportData") -> str:
    """Which accuracy differences are of, in words."""
    return "test accuracy" if data.study.folds is None else "accuracy on such images"


def counted_words(data: "ReportData") -> str:
    """How many changes help, hurt, make no difference or are undecided; empty without a word."""
    outcomes = [item.outcome for item in verdicts_of(data)] if data.part == "test" else []
    words: dict[Outcome, tuple[str, str]] = {
        "helps": ("helps", "help"),
        "hurts": ("hurts", "hurt"),
        "no difference": ("makes no difference", "make no difference"),
        "undecided": ("is undecided", "are undecided"),
    }
    found = [
        f"{number} {forms[number > 1]}"
        for word, forms in words.items()
        if (number := outcomes.count(word))
    ]
    return f"Of {counted(len(outcomes), 'change')} {', '.join(found)}." if found else ""


def reach_words(found: Sequence[Verdict]) -> str:
    """What so many seeds and images could show, in a sentence; empty where it is not known."""
    known = [item.detectable for item in found if item.detectable is not None]
    if not known:
        return ""
    least, most = min_detectable(min(known)), min_detectable(max(known))
    if most == "none":
        return "Some comparisons have so few seeds and images that no difference could show."
    size = least if least == most else f"{least} to {most}"
    return (
        f"These seeds and images find a true difference of {size} points with power {POWER:g}; "
        "a smaller one they may miss."
    )


def _on_validation(data: "ReportData") -> Section:
    found = [
        rung.val_verdict
        for rung in data.rungs
        if rung.val_verdict is not None and rung.val_verdict.outcome != "not run"
    ]
    title = "Differences on validation: each rung against the one that it stands on"
    return validation_section(title, found)


def validation_section(title: str, found: Sequence[Verdict]) -> Section:
    """Differences on validation as a table, without a word, and how to read it."""
    rows = [
        {
            "rung": item.name,
            "against": item.against,
            "difference": points(item.delta),
            "95 % interval": interval(item),
            "sign": sureness(item.sign),
            "seeds": " and ".join(map(str, dict.fromkeys(item.n_seeds))),
            MIN_DETECTABLE: "" if item.detectable is None else min_detectable(item.detectable),
            "caveats": "; ".join(item.caveats),
        }
        for item in found
    ]
    lines = []
    if any(item.low is not None for item in found):
        images = f"{found[0].n_images:,}"
        lines.append(
            f"Percentage points of accuracy on {images} validation images, for new seeds and new "
            f"images; the 95 % intervals are simultaneous over {_families(found)}. {_SIGN} The "
            f"same images chose the epochs. {_DETECTABLE}"
        )
    return filled(title, rows, ("difference", "sign", MIN_DETECTABLE), lines)


def verdicts_of(data: "ReportData") -> list[Verdict]:
    """The verdicts that are there."""
    found = [rung.verdict for rung in data.rungs if rung.verdict is not None]
    return [item for item in found if item.outcome != "not run"]


def verdict_section(
    title: str, found: Sequence[Verdict], accuracy: str = "test accuracy"
) -> Section:
    """Verdicts as a table, without columns that say nothing, and how to read it.

    Args:
        title: of the table.
        found: the verdicts.
        accuracy: that their differences are of.
    """
    rows = [
        {
            "rung": item.name,
            "against": item.against,
            "difference": points(item.delta),
            "95 % interval": interval(item),
            "p": p_value(item.p),
            "p adjusted": p_value(item.p_adjusted),
            "sign": sureness(item.sign),
            "seeds": " and ".join(map(str, dict.fromkeys(item.n_seeds))),
            MIN_DETECTABLE: "" if item.detectable is None else min_detectable(item.detectable),
            "outcome": item.outcome,
            "caveats": "; ".join(item.caveats),
        }
        for item in found
    ]
    right = ("difference", "p", "p adjusted", "sign", MIN_DETECTABLE)
    return filled(title, rows, right, _verdict_lines(found, accuracy))


def _families(found: Sequence[Verdict]) -> str:
    """How many comparisons are corrected together, in words."""
    sizes = sorted({item.family for item in found}, reverse=True)
    if len(sizes) > 1:
        return f"each family of comparisons ({', '.join(map(str, sizes))})"
    return f"{sizes[0]} comparison{'s' * (sizes[0] != 1)}"


def _margins(found: Sequence[Verdict]) -> str:
    """The largest difference that counts as none, in words."""
    margins = sorted({percent(item.margin) for item in found})
    return f"±{' or ±'.join(margins)} points"


def _verdict_lines(found: Sequence[Verdict], accuracy: str) -> list[str]:
    lines = []
    if any(item.p_adjusted is not None for item in found):
        guard = ""
        if any(item.p_pair is not None for item in found):
            guard = (
                "Where both sides have three seeds or more, these seeds must show it alone as "
                "well: adjusted or not, p is then no smaller than by them, which is not corrected. "
            )
        lines.append(
            f"Differences are in percentage points of {accuracy}, for new seeds and new images. "
            f"p is adjusted by Holm's method over {_families(found)}; the 95 % intervals "
            f"are simultaneous over the same. {guard}A change helps or hurts if its adjusted p is "
            f"at most 0.05, and makes no difference if its interval lies within {_margins(found)}; "
            f"otherwise it is undecided. {_DETECTABLE} {_SIGN}"
        )
    alone = [item for item in found if item.outcome == "one seed"]
    if alone:
        # Of several seeds against one there is no pair of models to test.
        p = (
            "p (McNemar, exact) and the interval (Agresti and Min) are of these two trained models "
            "on images like these; "
        )
        of_pair = p if any(item.p is not None for item in alone) else ""
        lines.append(f"One seed: {of_pair}what the change does with another seed is not known.")
    return lines
