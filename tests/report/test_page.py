"""The page: one file that is whole, safe and sealed, and that works in a real browser."""

import base64
import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from typer.testing import CliRunner

from rungs.cli import app
from rungs.evidence.metrics import ClassAccuracy
from rungs.report.figures.whole import ReportData
from rungs.report.gather.classes import confusion_of, ranking
from rungs.report.gather.gallery import gallery
from rungs.report.gather.gathering import build
from rungs.report.show.charts import axis, epoch_axis, points
from rungs.report.show.page.curves import Line
from rungs.report.show.rendering import render, write
from rungs.report.show.tables.verdicts import reach_words, verdicts_of
from rungs.statistics.predictions import Labels
from rungs.store import Store, open_store
from rungs.store.results import Epoch
from rungs.study import Study, parse
from rungs.study.costs import layer_tables
from rungs.study.plan import plan
from tests import browser
from tests.fake import PLAIN, TEST, VALIDATION, measured_costs, put

EVIL = "<script>alert(1)</script>"
REASON = f"the loss is no longer finite {EVIL}"
NAMES = ("a", f"b{EVIL}", "c")
GROUPS = (f"g{EVIL}", "wild_things")

# Elements that have no end.
VOID = {"meta", "link", "input", "br", "img", "hr"}


def a_study(**changes: Any) -> Study:
    return parse({**PLAIN, "title": f"A study {EVIL}", **changes}, "/home/somebody/my studies.toml")


def fill(root: Path, *, snapshots: tuple[int, ...] = (2, 4, 6)) -> Store:
    store = open_store(root)
    study = a_study()
    for part, labels in (("test", TEST), ("validation", VALIDATION)):
        named = Labels(labels, NAMES, groups=(0, 0, 1), group_names=GROUPS)
        store.write_labels(study.data.fingerprint, part, named)
    wanted = plan(study)
    rungs = {item.rung.name: item.runs for item in wanted.rungs}
    put(store, rungs["base"][0], right=3)
    put(store, rungs["base"][1], right=6)
    put(store, rungs["tried"][0], right=4)
    put(store, rungs["top"][0], right=9)
    put(store, rungs["broken"][0], failed=REASON)
    put(store, wanted.ensembles[0].runs[0], right=5, snapshots=snapshots)
    return store


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Not to be changed: all tests of this file share it."""
    return fill(tmp_path_factory.mktemp("store"))


def gather(store: Store, study: Study | None = None, *, with_test: bool = True) -> ReportData:
    study = study or a_study()
    return build(
        plan(study),
        store,
        with_test=with_test,
        environment={"rungs": "1"},
        costs=measured_costs(),
        layers=layer_tables(study, store),
    )


def page(store: Store, study: Study | None = None, *, with_test: bool = True) -> str:
    return render(gather(store, study, with_test=with_test), "html")


class Document(HTMLParser):
    """What a page is made of; an element that is not closed where it should be is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], "never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [found[name] for _, found in self.elements if name in found]


@pytest.fixture(scope="module", params=["whole", "sealed", "empty"])
def text(
    request: pytest.FixtureRequest, filled: Store, tmp_path_factory: pytest.TempPathFactory
) -> str:
    if request.param == "empty":
        return page(open_store(tmp_path_factory.mktemp("empty")))
    return page(filled, with_test=request.param == "whole")


def test_tags_are_balanced_and_references_have_targets(text: str) -> None:
    document = Document(text)
    ids = Counter(document.attributes("id"))
    assert not [name for name, count in ids.items() if count > 1]
    fragments = [href[1:] for href in document.attributes("href") if href.startswith("#")]
    named = [
        name
        for attribute in ("aria-labelledby", "for")
        for value in document.attributes(attribute)
        for name in value.split()
    ]
    assert fragments
    assert set(fragments) | set(named) <= set(ids)


def test_nothing_is_loaded(text: str) -> None:
    document = Document(text)
    for tag, attributes in document.elements:
        assert tag not in ("iframe", "object", "embed", "base", "form")
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith(("#", "data:,"))
        assert not [name for name in attributes if name.startswith("on")]
    assert "@import" not in text
    assert "url(" not in text
    assert not re.search(r"https?://|\bfetch\(|XMLHttpRequest", text)


def test_only_the_pages_own_script_may_run(text: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [found["content"] for _, found in Document(text).elements if "http-equiv" in found]
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}';" in policy


def test_page_can_be_used_without_eyes_or_mouse(text: str) -> None:
    document = Document(text)
    tags = Counter(tag for tag, _ in document.elements)
    assert tags["main"] == tags["h1"] == tags["nav"] == 1
    assert ("html", {"lang": "en"}) in document.elements
    assert ("a", {"class": "skip", "href": "#main"}) in document.elements
    assert tags["caption"] == tags["table"] > 0
    for tag, attributes in document.elements:
        if tag == "th":
            assert attributes.get("scope") in ("row", "col")
        if "box" in attributes.get("class", "").split():  # what scrolls can be reached by keys
            assert attributes["tabindex"] == "0"
            assert attributes["aria-label"]
        if tag == "svg" and attributes.get("role") == "img":
            assert attributes["aria-labelledby"]


def test_names_do_nothing(filled: Store) -> None:
    study = a_study(
        assumptions=[{"field": "batch_size", "text": EVIL}],
        errata=[{"said": EVIL, "found": f"not so {EVIL}"}],
        claims=[
            {
                "text": EVIL,
                "reported": EVIL,
                "quantity": {"measure": "test_accuracy", "rung": "top"},
                "relation": "measured",
            }
        ],
    )
    text = page(filled, study)
    assert text.count("<script") == 1
    assert "alert(1)" not in "".join(re.findall(r"<script>.*?</script>", text, re.DOTALL))
    shown = Document(text).text
    for name in (f"A study {EVIL}", f"not so {EVIL}", f"b{EVIL}", f"g{EVIL}", REASON):
        assert name in shown, name


def test_page_shows_the_figures(filled: Store) -> None:
    shown = Document(page(filled)).text
    for words in (
        "from 50.0 % (base) to 100.0 % (top) test accuracy",
        "n = 2",
        "5 of 10",
        "4 to do, 1 failed",
        "broken, seed 0 : the loss is no longer finite",
        "not run",
        "shots: 3 cycles on top, 3 epochs, alpha0 0.001",
        "Best: a (index 0)",
        "[3×3, 4, BN, ReLU] × 2, 2×2 max pooling",
        "stack_convolutions()",
        "network.block.depth 1 2",
        "Base against final",
        "wild things taken for g",
        "abacus",
        "A reading with a | bar.",
        "rungs run 'my studies.toml' --budget equal --seeds 2",
    ):
        assert words in shown, words
    assert "/home/somebody" not in page(filled)


def test_plots_hold_one_mark_per_seed_at_its_place(filled: Store) -> None:
    """base: 3 and 6 of 9 right, top: 9 of 9; tried: 4 of 9, in another shape."""
    text = page(filled).split('<section id="ladder"')[1].split("</section>")[0]
    kept = [float(x) for x in re.findall(r'<use href="#m-kept" x="([\d.]+)%"', text)]
    assert kept == pytest.approx([33.33, 66.67, 100.0], abs=0.01)
    (tried,) = re.findall(r'<use href="#m-tried" x="([\d.]+)%"', text)
    assert float(tried) == pytest.approx(44.44, abs=0.01)
    (reported,) = re.findall(r'<use href="#m-reported" x="([\d.]+)%"', text)
    assert float(reported) == 50.0


def test_curves_are_at_their_places(filled: Store) -> None:
    """Validation losses 2, 1.5, 1.9 on an axis from 0 to 2, three epochs."""
    text = page(filled)
    assert 'points="333,0 667,250 1000,50"' in text
    assert '<circle class="dot r0 s0" cx="66.67%" cy="25.0%" r="4"/>' in text


def grey(part: str, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """Pictures whose grey is their number, validation ones a little lighter."""
    values = positions.astype(np.uint8) + (100 if part == "validation" else 0)
    return np.broadcast_to(values[:, None, None, None], (len(positions), 3, 4, 4))


def test_a_curve_of_one_epoch_is_a_dot() -> None:
    """A polyline of one point would show nothing at all."""
    alone = Line(0, "validation", points([0.5], epoch_axis(1), axis(1.0)))
    several = Line(0, "validation", points([0.5, 0.5], epoch_axis(2), axis(1.0)))
    assert (alone.is_dot, several.is_dot) == (True, False)
    assert len(set(alone.points.split())) == 1 < len(alone.points.split())


def test_gallery_shows_the_surest_mistakes(filled: Store) -> None:
    data = gather(filled)
    found = gallery(data, data.rung("tried"), filled, grey)
    assert found is not None
    key = next(run.key for run in data.runs if run.name == "tried")
    labels = filled.labels(data.study.data.fingerprint, "test")
    assert labels is not None
    predictions = filled.predictions(key, "test", labels)
    wrong = predictions.predicted != labels.labels
    assert (found.part, found.mistakes) == ("test", wrong.sum())
    assert [item.index for item in found.pictures] == sorted(
        np.flatnonzero(wrong), key=lambda index: predictions.true_probability[index]
    )[: len(found.pictures)]
    first = found.pictures[0]
    with Image.open(BytesIO(base64.b64decode(first.source.partition(",")[2]))) as picture:
        assert picture.getpixel((0, 0)) == (first.index,) * 3
    text = render(data, "html", gallery=found)
    assert text.count("<img") == len(found.pictures)
    assert EVIL not in text
    assert "<img" not in page(filled)


def test_gallery_of_a_sealed_study_is_of_validation(filled: Store) -> None:
    data = gather(filled, with_test=False)
    asked: list[str] = []

    def pixels(part: str, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        asked.append(part)
        return grey(part, positions)

    found = gallery(data, data.rung("tried"), filled, pixels)
    assert found is not None
    assert (found.part, asked) == ("validation", ["validation"])
    assert gallery(data, None, filled, grey) is None


def test_commands_in_sentences_are_shown_as_code(filled: Store) -> None:
    text = render(replace(gather(filled, with_test=False), sealed=True), "html")
    assert "<code>rungs unseal</code> opens it, once and for good" in text
    assert "&lt;code" not in text


def test_claims_about_unread_figures_stand_apart(filled: Store) -> None:
    sealed, read = page(filled, with_test=False), page(filled)
    place = 'id="claims-unread"'
    assert (place in sealed, place in read) == (True, False)


def test_sealed_page_is_the_same_whatever_test_holds(filled: Store, tmp_path: Path) -> None:
    """Labels of the test set that are no labels and predictions that are none change nothing."""
    sealed = page(filled, with_test=False)
    other = fill(tmp_path)
    for path in (
        *(other.root / "data").rglob("test.npy"),
        *(other.root / "runs").rglob("*-test.npy"),
    ):
        path.write_bytes(b"not to be opened")
    assert page(other, with_test=False) == sealed
    shown = Document(sealed).text
    assert "Test set sealed" in shown
    assert "Best: " not in shown
    assert "--no-test" in shown
    assert "m-reported" not in re.sub(r'id="m-reported"', "", sealed)
    # 4 of 9 on test. Of that value is only the share of validation on which two snapshots differ.
    assert "44.4" in page(filled)
    members = r"<h3>Members of the ensembles on top.*?</table>"
    assert "44.4" not in re.sub(members, "", sealed, flags=re.DOTALL)


def test_empty_study_says_so(tmp_path: Path) -> None:
    shown = Document(page(open_store(tmp_path))).text
    assert "No run has finished yet." in shown
    assert "0 of 10" in shown
    assert "To train the unfinished runs: rungs run" in shown
    assert "Curves" not in shown
    assert "the store has no test labels; rungs run takes them" in shown


def test_page_is_written_beside_the_others_and_the_same_again(
    filled: Store, tmp_path: Path
) -> None:
    data = gather(filled)
    assert tmp_path / "report.html" in write(data, tmp_path)
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert written == render(gather(filled), "html")


def test_command_prints_the_page(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    arguments = ["report", "quickstart", "--store", str(tmp_path), "--format", "html"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "Four rungs on synthetic pictures" in Document(done.output).text


def test_a_large_study_stays_under_3_megabytes(filled: Store) -> None:
    """12 rungs x 20 seeds x 300 epochs, 1,000 classes in 30 groups."""
    data = gather(filled)
    random = np.random.default_rng(0)
    history = tuple(
        Epoch(e, float(a), float(b), float(c), float(d), 0.001, 10.0, 1.0)
        for e, (a, b, c, d) in enumerate(random.random((300, 4)), start=1)
    )
    classes = tuple(
        ClassAccuracy(i, f"a_class_of_a_name_{i}", float(a), float(a) * 0.9, float(a) * 1.1)
        for i, a in enumerate(random.random(1000) * 0.9)
    )
    confusion = tuple(tuple(row) for row in random.random((30, 30)).tolist())
    large = dataclasses.replace(
        data.rungs[0],
        seeds=tuple(range(20)),
        best_epochs=(7,) * 20,
        history=(history,) * 20,
        ceilings=(None,) * 20,
        classes=classes,
        ranking=ranking(classes),
        confusion=confusion_of(confusion),
    )
    many = dataclasses.replace(
        data,
        rungs=(large,) * 12,
        groups=tuple(i % 30 for i in range(1000)),
        group_names=tuple(f"a_group_of_a_name_{i}" for i in range(30)),
    )
    text = render(many, "html")
    assert "the 800 in the middle are left out" in text
    assert len(text.encode()) < 3_000_000


def test_claims_carry_budget_and_seeds(filled: Store) -> None:
    """The first is of two seeds of the base and one of the top, the second of another budget."""
    section = page(filled).split('<section id="claims"')[1].split("</section>")[0]
    shown = re.findall(r'data-label="budget">([^<]*)</td>.*?data-label="n"[^>]*>([^<]*)<', section)
    assert sorted(shown) == [("equal", "1 and 2"), ("own", "0")]


def test_titles_stand_beside_names_in_every_table(filled: Store) -> None:
    rungs = [{**rung, "title": f"What {rung['name']} is"} for rung in PLAIN["rungs"]]
    text = page(filled, a_study(rungs=rungs))
    for place in ("ladder", "verdicts", "costs", "claims", "curves", "recipes"):
        section = text.split(f'<section id="{place}"')[1].split("</section>")[0]
        assert "What top is" in Document(f"<section{section}</section>").text, place
    assert "tried (What tried is) against base (What base is)" in text
    assert 'class="title"' not in page(filled)  # a title that is the name is not told again


def test_what_seeds_can_show_is_told(filled: Store) -> None:
    data = gather(filled)
    judged = verdicts_of(data)
    known = [item.detectable for item in judged if item.detectable is not None]
    assert bool(known) == bool(reach_words(judged))
    one, other = (dataclasses.replace(judged[0], detectable=value) for value in (0.052, 0.081))
    assert "true difference of 5.2 to 8.1 points" in reach_words([other, one])
    assert "true difference of 5.2 points" in reach_words([one, one])
    assert reach_words([dataclasses.replace(one, detectable=None)]) == ""


# --- in a browser --------------------------------------------------------------------------------


in_browser = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


@pytest.fixture(scope="module")
def started(
    filled: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[browser.Browser, str]]:
    """A browser, and the address of the page."""
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "report.html"
    # It is not to be read again in the midst of a test.
    still = page(filled).replace('<body data-refresh="10">', "<body>")
    path.write_text(still, encoding="utf-8")
    with browser.browser(folder / "profile") as chromium:
        yield chromium, path.as_uri()


@pytest.fixture
def chromium(started: tuple[browser.Browser, str]) -> browser.Browser:
    """The browser, as wide as a desktop, with the page freshly opened."""
    found, address = started
    found.cdp("Emulation.setEmulatedMedia", media="")
    found.resize(1280)
    found.open(address)
    return found


@in_browser
def test_page_in_chromium(chromium: browser.Browser) -> None:
    for width in (390, 1280):
        chromium.resize(width)
        inner, whole = chromium.run("return [innerWidth, document.documentElement.scrollWidth]")
        assert inner == width
        assert whole <= inner
        # What does not scroll is no stop for the keyboard; what does is one.
        stops, scrolls = chromium.run(
            """const boxes = [...document.querySelectorAll('.box')];
            return [boxes.map(b => b.tabIndex === 0), boxes.map(b =>
                b.scrollWidth > b.clientWidth || b.scrollHeight > b.clientHeight)]"""
        )
        assert stops == scrolls
        assert not all(scrolls)
        wide = chromium.run(
            """return [...document.querySelectorAll('.box')].filter(box =>
                box.checkVisibility() && box.scrollWidth > box.clientWidth)
                .map(box => box.getAttribute('aria-label'))"""
        )
        assert wide == []  # as it opens, every table is shown whole

    # A desktop's first screen holds every headline, and its contents are not cut.
    bottoms = chromium.run(
        """return ['.facts', 'nav', '#ladder svg[role=img]', '#ladder .figures']
            .map(name => document.querySelector(name).getBoundingClientRect().bottom)"""
    )
    assert all(0 < bottom < 900 for bottom in bottoms), bottoms
    assert chromium.run("const l = document.querySelector('nav ul'); return l.scrollWidth") <= (
        chromium.run("return document.querySelector('nav ul').clientWidth")
    )

    assert "<script>" in chromium.run("return document.title")
    column = "[...document.querySelectorAll('#ladder-table tbody tr')].map(r => r.cells[0]"
    names = f"return {column}.querySelector('a').textContent)"
    chromium.run("document.getElementById('ladder-rest').open = true")
    assert chromium.run(names) == ["base", "tried", "top", "broken"]
    head = """[...document.querySelectorAll('#ladder-table th button')]
        .find(b => b.textContent === 'test %')"""
    states = []
    for _ in range(3):
        chromium.run(f"{head}.focus(); {head}.click()")
        state = chromium.run(f"return {head}.closest('th').getAttribute('aria-sort')")
        states.append((state, chromium.run(names)))
    assert states == [  # what has no figure stays last
        ("descending", ["top", "base", "tried", "broken"]),
        ("ascending", ["tried", "base", "top", "broken"]),
        (None, ["base", "tried", "top", "broken"]),
    ]

    sizes = """return [...document.querySelector('#cost-table table').tBodies[0].rows]
        .map(row => row.cells[1].textContent)"""
    chromium.run("document.getElementById('cost-table').open = true")
    chromium.run("document.querySelectorAll('#cost-table th button')[1].click()")
    shown_sizes = [int(text.replace(",", "")) for text in chromium.run(sizes)]
    assert shown_sizes == sorted(shown_sizes, reverse=True)
    assert len(set(shown_sizes)) > 1

    colour = "return getComputedStyle(document.body).backgroundColor"
    before = chromium.run(colour)
    chromium.run("document.getElementById('theme').click()")
    assert chromium.run(colour) != before
    chromium.run("document.getElementById('theme').click()")
    assert chromium.run(colour) == before

    shown = """return [...document.querySelectorAll('.over .plots .r0')]
        .filter(line => getComputedStyle(line).display !== 'none').length"""
    assert chromium.run(shown) > 0
    chromium.run("document.getElementById('over-0').click()")
    assert chromium.run(shown) == 0

    chromium.run("document.querySelector('a[href=\"#recipe-broken\"]').click()")
    assert chromium.run("return document.getElementById('recipe-broken').open")

    assert chromium.run("return performance.getEntriesByType('resource').length") == 0
    assert chromium.log() == []


@in_browser
def test_page_is_used_by_keyboard(chromium: browser.Browser) -> None:
    """Tab comes to all that can be used, in reading order; Enter, space and arrows use it."""
    wanted = chromium.run(
        """document.documentElement.style.scrollBehavior = 'auto';
        return [...document.querySelectorAll('a[href], button, summary, input, [tabindex="0"]')]
            .filter(item => item.checkVisibility() && (item.type !== 'radio' || item.checked))
            .map((item, number) => { item.dataset.stop = number; return number; })"""
    )
    found, hidden = [], []
    for _ in wanted:
        chromium.press("Tab")
        stop, seen, bottom, top = chromium.run(
            """const item = document.activeElement, box = item.getBoundingClientRect();
            const shown = item.type === 'radio' ? item.labels[0] : item;
            return [Number(item.dataset.stop), getComputedStyle(shown).outlineStyle === 'solid',
                box.bottom, item.closest('nav, header, .skip') ? 0
                    : document.querySelector('nav').getBoundingClientRect().bottom]"""
        )
        found.append(stop)
        if not seen or not top <= bottom <= 900:
            hidden.append(stop)
    assert found == wanted
    assert hidden == []

    chromium.run("document.querySelector('#ladder-rest > summary').focus()")
    chromium.press("Enter")
    chromium.run("document.querySelector('#ladder-table th button').focus()")
    sort = "return document.querySelector('#ladder-table th').getAttribute('aria-sort')"
    states = []
    for key in ("Enter", " ", "Enter"):
        chromium.press(key)
        states.append(chromium.run(sort))
    assert states == ["ascending", "descending", None]

    panel = """const chosen = document.querySelector('#classes input:checked + label');
        const open = [...document.querySelectorAll('#classes .panel')];
        return `${chosen.textContent} ${open.filter(item => item.checkVisibility()).length}`"""
    chromium.run("document.getElementById('classes').open = true")
    chromium.run("document.querySelector('#classes input:checked').focus()")
    before = chromium.run(panel)
    chromium.press("ArrowLeft")
    after = chromium.run(panel)
    assert before == "top 1"
    assert after == "tried 1"

    opened = "return document.querySelector('#recipe-base').open"
    chromium.run("document.querySelector('#recipe-base > summary').focus()")
    chromium.press("Enter")
    assert chromium.run(opened)
    chromium.press(" ")
    assert not chromium.run(opened)
    assert chromium.log() == []


@in_browser
def test_page_on_paper(chromium: browser.Browser) -> None:
    """Light, no wider than its sheet, on few sheets; nothing that only works on a screen."""
    chromium.run("document.documentElement.dataset.theme = 'dark'")
    closed = "return document.querySelectorAll('details:not([open])').length"
    before = chromium.run(closed)
    assert chromium.sheets() <= 6
    assert chromium.run(closed) == before > 0

    chromium.cdp("Emulation.setEmulatedMedia", media="print")
    chromium.resize(703)  # A4 within its margins of 12 mm, at 96 pixels an inch
    chromium.run("dispatchEvent(new Event('beforeprint'))")
    white = "return getComputedStyle(document.body).backgroundColor"
    assert chromium.run(white) == "rgb(255, 255, 255)"
    assert chromium.run("return document.documentElement.scrollWidth <= innerWidth")
    wide = """return [...document.querySelectorAll('main *:not(.unseen)')]
        .filter(item => item.getBoundingClientRect().right > innerWidth && !item.closest('svg'))
        .map(item => item.outerHTML.slice(0, 80))"""
    assert chromium.run(wide) == []

    shown = "const shown = what => [...document.querySelectorAll(what)].filter("
    shown += "item => item.getClientRects().length).map(item => item.textContent.trim());"
    assert (
        chromium.run(f"{shown} return shown('nav, th button, .filter label, .choices input')") == []
    )
    assert chromium.run(f"{shown} return shown('details:not([open])')") == []
    for part in ("#ladder .figures", "#verdict-table table", "#curves .over svg"):
        assert chromium.run(f"{shown} return shown('{part}')"), part
    # What was chosen is named, since what can be chosen is not.
    assert chromium.run(f"{shown} return shown('.choices li')") == ["base", "tried", "top"]
