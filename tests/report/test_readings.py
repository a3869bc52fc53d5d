"""Two readings of the final recipe, accuracy for its cost, reliability, traces of claims."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rungs.evidence.seal import Hindsight
from rungs.report.figures.whole import ReportData
from rungs.report.gather.derived import limited_to, with_derived
from rungs.report.gather.gathering import build
from rungs.report.show.dot_names import HEIGHT, place_labels
from rungs.report.show.grounds import claim_traces, verdict_trace
from rungs.report.show.page.strip import Row, strip
from rungs.report.show.placing import effect_scale, lifted
from rungs.report.show.plots.drawing import draw
from rungs.report.show.rendering import render
from rungs.report.show.scales import linear, logarithmic, short
from rungs.report.show.tables.readings import readings_section
from rungs.statistics.calibration import Bin
from rungs.statistics.predictions import Labels
from rungs.store import open_store
from rungs.study import Study, parse
from rungs.study.plan import plan
from rungs.study.variants import leave_one_out
from tests.fake import PLAIN, TEST, VALIDATION, put

STEPS: list[dict[str, Any]] = [
    {"name": "base"},
    {"name": "stacked", "after": "base", "apply": ["stack_convolutions"]},
    {
        "name": "top",
        "after": "stacked",
        "apply": [
            {"name": "add_layers", "widths": [8]},
            {"name": "dropout", "rates": [0.1, 0.2]},
        ],
    },
]
# Test images that each seed of a rung has right, of nine.
RIGHT = {"base": (3, 3), "stacked": (6, 6), "top": (8, 8), "top-without-stack_convolutions": (7, 7)}


def ladder() -> Study:
    edits = {
        "rungs": STEPS,
        "ensembles": [],
        "budgets": {"equal": 3},
        "claims": PLAIN["claims"][:1],
    }
    return parse({**PLAIN, **edits}, "fake.toml")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    study = leave_one_out(ladder()).study
    store = open_store(tmp_path_factory.mktemp("readings"))
    for part, labels in (("test", TEST), ("validation", VALIDATION)):
        store.write_labels(study.data.fingerprint, part, Labels(labels, ("a", "b", "c")))
    wanted = plan(study)
    for item in wanted.rungs:
        for spec, right in zip(item.runs, RIGHT.get(item.rung.name, ()), strict=False):
            put(store, spec, right=right)
    costs = {item.rung.name: (1000 * n, 1000, 10**6) for n, item in enumerate(wanted.rungs, 1)}
    return build(
        wanted,
        store,
        with_test=True,
        environment={},
        costs=costs,
        hindsight=Hindsight(frozenset(("top",))),
    )


def test_each_change_stands_in_both_readings(data: ReportData) -> None:
    stacked, layers, dropout = data.readings
    assert stacked.climbed is not None
    assert stacked.left_out is not None
    assert stacked.climbed.delta == pytest.approx(3 / 9)
    assert stacked.left_out.delta == pytest.approx(1 / 9)  # the final rung is better with it
    assert stacked.left_out.low is not None
    assert stacked.left_out.low < 1 / 9
    assert (layers.first, dropout.first, layers.bundle) == (True, False, 2)
    assert layers.left_out is None
    assert layers.why == "needed by dropout(rates=[0.1, 0.2]) of top"
    assert (dropout.climbed, dropout.left_out, dropout.why) == (None, None, "")  # not run
    ends = [one.delta for one in (stacked.climbed, stacked.left_out)]
    scale = effect_scale(data.readings)
    assert all(scale.low <= 100 * end <= scale.high for end in ends)
    text = render(data, "text", width=160)
    assert "Two readings of the final recipe" in text
    assert "needed by dropout" in text
    # The ladder's family without the rung that came late, that rung, and what the option adds.
    assert "each family of comparisons (2, 1)" in " ".join(text.split())


def test_a_word_beside_what_is_left_out_is_said_of_the_change(data: ReportData) -> None:
    rungs = tuple(
        replace(rung, verdict=replace(rung.verdict, outcome="hurts"))
        if rung.verdict is not None and rung.name == "top-without-stack_convolutions"
        else rung
        for rung in data.rungs
    )
    section = readings_section(with_derived(replace(data, rungs=rungs)))
    stacked = dict(zip(section.columns, section.rows[0], strict=True))
    assert stacked["outcome there"] == "helps"  # leaving it out hurts
    assert "it helps where leaving it out hurts" in section.lines[0]


def test_what_a_report_does_not_show_is_known_all_the_same(data: ReportData) -> None:
    """As `rungs report --ablate` shows it: the final rung, and those that it adds."""
    part = limited_to(data, ("top", "top-without-stack_convolutions"))
    assert part.readings == data.readings
    assert part.rungs[0].verdict is not None
    assert dict(verdict_trace(part, part.rungs[0].verdict).lines)["Seeds"] == (
        "0, 1 of top; 0, 1 of stacked"
    )
    # Nor does what is shown change the variance that a claim's comparison pools.
    assert claim_traces(part) == claim_traces(data)


def test_without_the_runs_of_an_option_there_is_one_reading(tmp_path: Path) -> None:
    study = ladder()
    costs = dict.fromkeys((rung.name for rung in study.rungs), (1, 1, 1))
    empty = build(plan(study), open_store(tmp_path), with_test=True, environment={}, costs=costs)
    assert empty.readings == ()
    assert empty.tradeoffs == ()
    assert empty.diagrams == ()
    assert "Two readings" not in render(empty, "text")
    assert 'id="readings"' not in render(empty, "html")


def test_what_an_option_adds_is_a_family_of_its_own(data: ReportData) -> None:
    verdicts = {rung.name: rung.verdict for rung in data.rungs}
    families = {name: item.family for name, item in verdicts.items() if item is not None}
    # `top` was added after the test was seen: it left the ladder's family.
    assert families["stacked"] == 1
    assert families["top"] == 1
    assert families["top-without-stack_convolutions"] == 2
    assert families["top-without-dropout"] == 2


def test_rungs_that_no_other_beats(data: ReportData) -> None:
    by_parameters = data.tradeoffs[0]
    assert by_parameters.cost == "parameters"
    assert {dot.rung: dot.best for dot in by_parameters.dots} == {
        "base": True,
        "stacked": True,
        "top": True,
        "top-without-stack_convolutions": False,  # dearer and worse than top
    }
    assert [dot.rung for dot in by_parameters.frontier] == ["base", "stacked", "top"]
    by_flops = data.tradeoffs[1]  # all cost the same: only the best is Pareto-optimal
    assert [dot.rung for dot in by_flops.frontier] == ["top"]


def test_seconds_of_other_threads_are_not_compared(data: ReportData) -> None:
    assert data.tradeoffs[-1].cost == "seconds of training"
    assert "Seconds are those of one run that was trained alone." in render(data, "markdown")
    (first, *others) = data.rungs
    records = tuple({**record, "threads": 7} for record in first.records)
    unlike = with_derived(replace(data, rungs=(replace(first, records=records), *others)))
    assert [item.cost for item in unlike.tradeoffs] == ["parameters", "FLOPs an image"]
    said = "Seconds are left out: not all trained on the same processor with the same threads."
    assert said in render(unlike, "markdown")


@pytest.mark.parametrize(
    ("workers", "why"),
    [
        ((1, 2), "trained beside other runs, which slow each other"),
        ((None, 1), "from before it was noted whether a run was trained alone"),
        ((None, 2), "trained beside other runs, which slow each other"),
    ],
)
def test_seconds_of_runs_that_shared_a_machine_are_no_cost(
    data: ReportData, workers: tuple[int | None, ...], why: str
) -> None:
    (first, *others) = data.rungs
    shared = with_derived(replace(data, rungs=(replace(first, workers=workers), *others)))
    seconds = shared.tradeoffs[-1]
    assert seconds.cost == "seconds of training"
    assert {dot.rung for dot in seconds.dots} == {rung.name for rung in others if rung.seeds}
    assert {dot.rung for dot in shared.tradeoffs[0].dots} >= {first.name}
    for form in ("markdown", "html"):
        assert f"Seconds of base are left out: {why}" in render(shared, form)
    # Where there are those of no two rungs, they have no chart, and no column either.
    rungs = tuple(replace(rung, workers=workers) for rung in data.rungs)
    none = with_derived(replace(data, rungs=rungs))
    assert [item.cost for item in none.tradeoffs] == ["parameters", "FLOPs an image"]
    assert "seconds of training" not in render(none, "markdown")
    assert f"Seconds are left out: {why}" in render(none, "markdown")
    assert json.loads(render(none, "json"))["rungs"][0]["workers"] == list(workers)


def test_json_and_plot_hold_both_readings(data: ReportData, tmp_path: Path) -> None:
    stacked, layers, dropout = json.loads(render(data, "json"))["readings"]
    assert stacked["climbed"]["delta"] == pytest.approx(3 / 9)
    assert stacked["left_out"]["delta"] == pytest.approx(1 / 9)
    assert stacked["left_out"]["low"] < 1 / 9 < stacked["left_out"]["high"]
    assert (layers["changes_of_rung"], layers["left_out"]) == (2, None)
    assert layers["why"] == "needed by dropout(rates=[0.1, 0.2]) of top"
    assert (dropout["climbed"], dropout["left_out"], dropout["why"]) == (None, None, None)
    drawn = dict(draw(data, tmp_path))
    text = drawn["Two readings of the final recipe"].read_text(encoding="utf-8")
    for words in ("as climbed", "left out of the final", "needed by dropout", "stack_convolutions"):
        assert words in text
    assert "parameters" in drawn["Accuracy for what it costs"].read_text(encoding="utf-8")
    assert "calibration error" in drawn["Reliability"].read_text(encoding="utf-8")


def test_names_in_a_plot_hide_neither_each_other_nor_dots() -> None:
    dots = [("one", 50.0, 50.0), ("two", 50.0, 51.0), ("three", 51.0, 50.0), ("far", 99.0, 2.0)]
    placed = place_labels(dots)
    assert all(label is not None for label in placed)
    boxes = []
    for (name, x, _), label in zip(dots, placed, strict=True):
        assert label is not None
        assert 0 <= label.y <= HEIGHT
        start = 3 * x + (-10 - 6 * len(name) if label.left else 10)  # in a plot of 300 pixels
        assert 0 <= start <= 300 - 6 * len(name)
        boxes.append((start, start + 6 * len(name), label.y - 6, label.y + 6))
    for number, (left, right, top, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            assert right < other[0] or other[1] < left or bottom < other[2] or other[3] < top
        for _, x, y in dots:
            inside = left < 3 * x < right and top < HEIGHT * y / 100 < bottom
            assert not inside
    crowd = place_labels([("a name of some length", 50.0, 50.0)] * 40)
    assert None in crowd


def test_names_keep_off_the_line_between_dots() -> None:
    dots = [("low", 10.0, 80.0), ("middle", 50.0, 50.0), ("high", 90.0, 20.0)]
    line = [(x, y) for _, x, y in dots]
    beside = place_labels(dots)[1]
    off = place_labels(dots, line)[1]
    assert beside is not None
    assert off is not None
    assert beside.y == HEIGHT / 2  # where the line leads through it
    # Left of the dot the line lies below its height, right of it above.
    assert (off.y < HEIGHT / 2 - 7) if off.left else (off.y > HEIGHT / 2 + 7)


def test_dots_that_meet_have_their_names_on_their_own_sides() -> None:
    dots = [("left", 48.0, 30.0), ("right", 50.0, 30.0), ("same", 50.0, 30.0)]
    for some in (dots, dots[::-1]):
        names = [name for name, _, _ in some]
        placed = dict(zip(names, place_labels(some), strict=True))
        left, right, same = (placed[name] for name in ("left", "right", "same"))
        assert left is not None
        assert right is not None
        assert same is not None
        assert left.left
        # Of two in one place, a line leads to the one that has no room beside it.
        assert sorted((right.moved, same.moved)) == [False, True]
        assert not (right if not right.moved else same).left


def test_seeds_that_coincide_can_all_be_seen() -> None:
    assert lifted([]) == ()
    assert lifted([40.0]) == (0.0,)
    assert lifted([60.0, 20.0]) == (0.0, 0.0)
    assert lifted([41.0, 20.0, 40.0]) == (4.5, 0.0, -4.5)
    assert lifted([40.0, 40.0, 40.0]) == (-9.0, 0.0, 9.0)
    many = lifted([40.0] * 10)
    assert len(set(many)) == 10
    assert max(map(abs, many)) == 9.0


def test_a_mean_stands_beside_its_own_marks(data: ReportData) -> None:
    stacked = data.rungs[1]

    def row(reported: float | None) -> Row:
        source = stacked.reported.model_copy(update={"test_accuracy": reported})
        rung = replace(stacked, reported=source)
        rungs = (data.rungs[0], rung, *data.rungs[2:])
        return strip(replace(data, rungs=rungs)).rows[1]

    plain = row(None)
    assert not plain.label_left
    assert plain.lifts == (-4.5, 4.5)  # both seeds have six images right
    # A cross to the right would seem to be what a label that ends at it is of.
    assert [row(6 / 9 + more).label_left for more in (0.02, 0.2, -0.2)] == [True, True, False]


def test_a_sealed_study_has_no_readings(tmp_path: Path) -> None:
    study = leave_one_out(ladder()).study
    store = open_store(tmp_path)
    store.write_labels(study.data.fingerprint, "validation", Labels(VALIDATION, ("a", "b", "c")))
    costs = dict.fromkeys((rung.name for rung in study.rungs), (1, 1, 1))
    sealed = build(plan(study), store, with_test=True, environment={}, costs=costs, sealed=True)
    assert sealed.readings == ()
    for width in (60, 160):
        assert "Two readings" not in render(sealed, "text", width=width)


def test_reliability_is_over_all_seeds(data: ReportData) -> None:
    base = data.diagrams[0]
    (only,) = base.before
    assert isinstance(only, Bin)
    assert only.images == 2 * len(TEST)
    assert only.accuracy == pytest.approx(3 / 9)
    assert base.ece == pytest.approx(abs(only.confidence - only.accuracy))
    assert base.ece_after < base.ece


def test_every_verdict_and_claim_opens(data: ReportData) -> None:
    for rung in data.rungs:
        if rung.verdict is not None and rung.verdict.delta is not None:
            trace = verdict_trace(data, rung.verdict)
            names = [name for name, _ in trace.lines]
            assert {
                "n",
                "Seeds",
                "Interval",
                "p",
                "Family",
                "Minimum detectable difference",
            } <= set(names)
            assert f"0, 1 of {rung.name}" in dict(trace.lines)["Seeds"]
            assert trace.command.startswith(f"rungs compare fake.toml {rung.name} ")
            assert trace.command.endswith(" --budget equal --seeds 2 --ablate")
    (claim,) = claim_traces(data)
    lines = dict(claim.lines)
    assert claim.title.startswith("confirmed: The top is above")
    assert lines["Measured"].startswith("test accuracy of top minus test accuracy of base")
    assert {"n", "Seeds", "Interval", "p", "Family"} <= set(lines)
    assert lines["Family"].startswith("1: this comparison alone")
    assert claim.command.startswith("rungs compare fake.toml top base")


def test_the_page_shows_all_of_it(data: ReportData) -> None:
    page = render(data, "html")
    for name in ("readings", "costs", "reliability-0"):
        assert f'id="{name}"' in page
    assert "needed by dropout" in page
    assert page.count('<dl class="evidence">') == 4
    assert not re.search(r"\bnan\b|None", page)


def test_scales_hold_what_is_drawn() -> None:
    for low, high in ((-3.2, 11.0), (0.0, 0.4), (5.0, 5.0), (40.0, 63.0)):
        scale = linear(low, high)
        assert 0 <= scale.place(low) <= scale.place(high) <= 100
        assert (scale.ticks[0].at, scale.ticks[-1].at) == (0, 100)
    for low, high in ((26_276, 4_950_596), (15.0, 15.0), (1.0, 9e9)):
        scale = logarithmic(low, high)
        assert 0 < scale.place(low) <= scale.place(high) < 100
        assert scale.place((low * high) ** 0.5) == pytest.approx(50)
        assert scale.ticks
    assert [short(value) for value in (12, 26_276, 2_170_788, 3e9)] == [
        "12",
        "26.3k",
        "2.17M",
        "3G",
    ]
