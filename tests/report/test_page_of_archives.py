"""The pages of the kept archives in a real browser: short, told once, and whole on a phone."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rungs.cli import app
from tests import browser

RESULTS = Path(__file__).parents[2] / "results"
OFFICIAL = os.environ.get("RUNGS_DATA")
STUDIES = {
    "cifar100": ["--seeds", "2"],
    "modern": ["--seeds", "2"],
    "ensembles": [],
    "speed": ["--seeds", "5"],
}

# Of a page as it opens, in CSS pixels, and on A4.
MOST_PIXELS = 8000
MOST_SHEETS = 7

_OPEN_ALL = "document.querySelectorAll('details').forEach(item => { item.open = true; });"

# Cells of what a verdict says, that a person has to scroll for.
_OUT_OF_SIGHT = """
const words = /verdict|outcome|difference|vs previous|interval|measured$|climbed|left out/;
const out = [];
let seen = 0;
for (const table of document.querySelectorAll('main table')) {
  const heads = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
  for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, number) => {
    if (!words.test(heads[number]) || !cell.textContent.trim() || !cell.checkVisibility()) return;
    const box = cell.getBoundingClientRect();
    seen += 1;
    if (box.left < 0 || box.right > innerWidth || box.width < 8)
      out.push(`${heads[number]}: ${cell.textContent}`);
  });
}
return [seen, out];
"""

# Words that lie over a mark, an axis or other words of their plot.
_HIDDEN = """
const meets = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 1 && b.top < a.bottom - 1;
const out = [];
let seen = 0;
for (const plot of document.querySelectorAll('main svg[role=img]')) {
  if (!plot.checkVisibility()) continue;
  const names = plot.closest('.strip')?.querySelectorAll('ol .name') ?? [];
  const words = [...plot.querySelectorAll('text'), ...names]
      .map(item => [item.textContent.trim(), item.getBoundingClientRect()]);
  const marks = [...plot.querySelectorAll('use, circle, .mean')]
      .map(item => item.getBoundingClientRect());
  const axes = [...plot.querySelectorAll('.axis')].map(item => item.getBoundingClientRect());
  words.forEach(([text, box], number) => {
    seen += 1;
    // Of a name beside the plot's rows, see below.
    if (number < words.length - names.length && axes.some(axis =>
        axis.left < box.right - 1 && axis.right > box.left + 1
        && axis.top < box.bottom - 1 && axis.bottom > box.top + 1))
      out.push(`${text} over an axis`);
    if (marks.some(mark => meets(box, mark))) out.push(`${text} over a mark`);
    for (const [other, place] of words.slice(number + 1))
      if (meets(box, place)) out.push(`${text} over ${other}`);
  });
}
return [seen, out];
"""

# Names through which the axis of their plot can be seen.
_CROSSED = """
const out = [];
for (const name of document.querySelectorAll('.strip ol .name')) {
  const box = name.getBoundingClientRect();
  const plot = name.closest('.strip').querySelector('svg[role=img]');
  const axis = plot.querySelector('.axis').getBoundingClientRect();
  if (axis.left > box.right || axis.right < box.left) continue;
  const colour = getComputedStyle(name).backgroundColor;
  if (colour !== getComputedStyle(document.body).backgroundColor) out.push(name.textContent);
}
return out;
"""

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    with browser.browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module", params=STUDIES)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a copy of an archive; without the data set's labels, it is of validation."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(RESULTS / request.param, folder / "results")
    arguments = [
        *("report", request.param, *STUDIES[request.param], "--format", "html"),
        *("--results", str(folder / "results"), "--store", str(folder / "store")),
    ]
    if not OFFICIAL:  # what lies elsewhere on this machine has no say
        arguments += ["--no-test", "--data-dir", str(folder)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    (folder / "page.html").write_text(done.stdout, encoding="utf-8")
    return folder / "page.html"


def opened(chromium: browser.Browser, page: Path, width: int) -> None:
    chromium.cdp("Emulation.setEmulatedMedia", media="")
    chromium.open(page.as_uri())
    chromium.resize(width)  # returns when all of it is laid out


def test_a_page_is_short(chromium: browser.Browser, page: Path) -> None:
    opened(chromium, page, 1280)
    height = chromium.run("return document.documentElement.scrollHeight")
    assert height < MOST_PIXELS
    assert chromium.sheets() <= MOST_SHEETS
    folded = chromium.run(f"{_OPEN_ALL} return document.documentElement.scrollHeight")
    assert folded > 2 * height  # nothing is lost


def test_verdicts_are_seen_on_a_phone_without_scrolling_sideways(
    chromium: browser.Browser, page: Path
) -> None:
    opened(chromium, page, 390)
    assert chromium.run("return document.documentElement.scrollWidth") <= 390
    chromium.run(_OPEN_ALL)
    seen, out = chromium.run(_OUT_OF_SIGHT)
    assert seen or not OFFICIAL  # with one seed there is no difference on validation alone
    assert out == []


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_words_of_a_plot_hide_nothing(chromium: browser.Browser, page: Path, width: int) -> None:
    opened(chromium, page, width)
    chromium.run(_OPEN_ALL)
    seen, out = chromium.run(_HIDDEN)
    assert seen
    assert out == []
    assert chromium.run(_CROSSED) == []
