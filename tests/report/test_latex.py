"""The table for a paper: what it says, and that TeX takes it, whatever names hold."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rungs.report.figures.spread import Spread
from rungs.report.figures.whole import ReportData
from rungs.report.show.latex import to_latex
from rungs.report.show.tex import escaped
from rungs.statistics.verdicts import Verdict
from rungs.store import Store
from rungs.study import Study
from tests.fake import report

NASTY = r"""[a] \b & 100% of $5_{x}^2$ #1 ~ "ü ñ ş ǰ" − ± α Ω λ ς | < > * -- ß – … ’ `"""
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\\]", re.DOTALL)


class RefusedError(Exception):
    """What a strict reader of LaTeX says."""


def rows_of(text: str) -> list[list[str]]:
    """The cells of the one tabular of a text, if it is flawless.

    Stricter than TeX: environments and groups are closed where they were opened, each row has as
    many cells as its first, nothing acts that should not, and all is ASCII.
    """
    text = re.sub(r"(?<!\\)%.*", "", text)
    if not text.isascii():
        raise RefusedError("not ASCII")
    stack: list[str] = []
    rows: list[list[str]] = []
    cells = [""]
    math = False
    tokens = TOKEN.findall(text)
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token in ("\\begin", "\\end"):
            rest = "".join(tokens[place:])
            name = re.match(r"\{([a-z]+)\}", rest)
            if name is None:
                raise RefusedError(f"{token} without a name")
            place += len(name[0])
            if token == "\\begin":
                stack.append(name[1])
                if name[1] == "tabular":  # the columns' own groups
                    place += len(TOKEN.findall(group(rest[len(name[0]) :])))
                    cells = [""]
            elif math or not stack or stack.pop() != name[1]:
                raise RefusedError(f"{name[0]} ends what is not open")
            elif name[1] == "tabular" and "".join(cells).strip():
                raise RefusedError("a row that does not end")
        elif token == "{":
            stack.append("{")
            cells[-1] += token
        elif token == "}":
            if math or not stack or stack.pop() != "{":
                raise RefusedError("} closes nothing")
            cells[-1] += token
        elif token == "$":
            math = not math
            cells[-1] += token
        elif token == "&":
            if math or not stack or stack[-1] != "tabular":
                raise RefusedError("& outside a row")
            cells.append("")
        elif token == "\\\\":
            if math or stack[-1] != "tabular":
                raise RefusedError("a row ends outside a table")
            if re.match(r"\s*[\[*]", "".join(tokens[place : place + 80])):
                raise RefusedError("an argument of the row's end")
            rows.append([cell.strip() for cell in cells])
            cells = [""]
        elif token in ("\\toprule", "\\midrule", "\\bottomrule"):
            if "".join(cells).strip():
                raise RefusedError("a rule within a row")
        elif token == "#" or (token in "^_" and not math) or token == "~":
            raise RefusedError(f"{token} acts")
        else:
            cells[-1] += token
    if stack or math:
        raise RefusedError(f"left open: {stack}")
    if len({len(row) for row in rows}) != 1:
        raise RefusedError("rows of unlike length")
    return rows


def group(text: str) -> str:
    """The group that a text begins with."""
    depth = 0
    for place, token in enumerate(text):
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth == 0:
            return text[: place + 1]
    raise RefusedError("a group that does not end")


TABLE = r"\begin{tabular}{ll}\toprule a & b \\ {[}1] & $x_1$ \\ \bottomrule\end{tabular}"


def test_the_strict_reader_reads() -> None:
    assert rows_of(TABLE) == [["a", "b"], ["{[}1]", "$x_1$"]]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("a & b", "a b"),
        ("a & b", "a & b & c"),
        ("a &", "a_1 &"),
        ("a &", "a # 1 &"),
        ("a &", "{a &"),
        ("a &", "a} &"),
        ("a &", "$a &"),
        ("a &", "ä &"),
        ("a & b", "{a & b}"),
        ("{[}1]", "[1]"),
        (r"\end{tabular}", ""),
        (r"\end{tabular}", r"\end{table}"),
        (r"$x_1$ \\", "$x_1$"),
        ("a &", "50% &"),
    ],
)
def test_the_strict_reader_refuses(right: str, wrong: str) -> None:
    with pytest.raises(RefusedError):
        rows_of(TABLE.replace(right, wrong, 1))


def judged(data: ReportData) -> ReportData:
    """The report with verdicts of two seeds on its rungs, and names that hold anything."""
    words = ("helps", "hurts", "no difference", "undecided")
    rungs = [
        replace(
            rung,
            title=NASTY,
            after=rung.after and NASTY,
            test_accuracy=Spread((0.5, 0.6)),
            seeds=(0, 1),
            verdict=None
            if rung.after is None
            else Verdict(
                rung.name,
                rung.after,
                words[number % 4],  # type: ignore[arg-type]
                0.1 - number / 10,
                -0.05,
                0.21,
                0.01,
                None,
                0.03,
                (2, 2),
                9,
                3,
                0.1,
                margin=0.02,
            ),
        )
        for number, rung in enumerate(data.rungs)
    ]
    return replace(data, rungs=tuple(rungs), study=replace(data.study, title=NASTY))


def forms(filled: Store, study: Study) -> dict[str, str]:
    return {
        "one seed": to_latex(report(filled, study)),
        "sealed": to_latex(report(filled, study, with_test=False)),
        "judged": to_latex(judged(report(filled, study))),
    }


def test_a_row_for_each_rung_with_its_figures(filled: Store, study: Study) -> None:
    text = to_latex(judged(report(filled, study)))
    head, *rows = rows_of(text)
    assert head == ["Rung", "On", r"Test (\%)", r"$\Delta$", r"95\,\% interval", ""]
    assert len(rows) == 4
    assert rows[0][1:] == ["", r"$55.0 \pm 7.1$", "", "", ""]
    title, on, *figures = rows[1]
    assert title == rf"{escaped(NASTY)} (tried)$^\dagger$"
    assert on == escaped(NASTY)
    assert figures == [r"$55.0 \pm 7.1$", "$+0.0$", "$-5.0$ to $+21.0$", r"$\downarrow$"]
    assert [row[-1] for row in rows[2:]] == ["$=$", "?"]
    for said in (
        "9 test images",
        "of 2 seeds",
        "family of 3 comparisons",
        r"$\pm 2.0$ points",
        r"$\downarrow$ hurts; $=$ no difference; ? undecided",
        "tried, not kept",
    ):
        assert said in text, said
    assert r"$\uparrow$" not in text  # no mark in the legend that the table lacks


def test_a_sealed_study_has_figures_of_validation_and_no_marks(filled: Store, study: Study) -> None:
    data = replace(report(filled, study, with_test=False), sealed=True)
    text = to_latex(data)
    head, *_ = rows_of(text)
    assert r"Validation (\%)" in head
    assert "6 validation images" in text
    assert "The test set is sealed" in text
    assert head[-1] != ""
    assert not re.search("undecided|helps|no verdict", text)


def test_lengths_stand_in_a_column_where_they_differ(filled: Store, study: Study) -> None:
    head, *rows = rows_of(to_latex(report(filled, study, budget="own")))
    place = head.index("Epochs")
    assert [row[place] for row in rows] == ["3", "3", "6", "3"]


def test_a_rung_without_a_finished_run_says_so(filled: Store, study: Study) -> None:
    data = report(filled, study)
    text = to_latex(data)
    _, *rows = rows_of(text)
    assert [row[2] == "--" for row in rows] == [not rung.seeds for rung in data.rungs]
    assert "-- no run is finished" in text
    nothing = [replace(rung, seeds=(), test_accuracy=Spread()) for rung in data.rungs]
    assert "no seed yet" in to_latex(replace(data, rungs=tuple(nothing)))


@pytest.mark.parametrize("form", ["one seed", "sealed", "judged"])
def test_every_form_is_flawless(filled: Store, study: Study, form: str) -> None:
    rows_of(forms(filled, study)[form])


def test_characters_that_plain_latex_cannot_set_are_said() -> None:
    assert escaped("Größe − 5 %") == r"Gr\"{o}\ss{}e $-$ 5 \%"
    assert escaped("ì ç ö -- λ") == r"\`{\i} \c{c} \"{o} -{}- $\lambda$"
    assert escaped("a\nb \N{NO-BREAK SPACE}c") == "a b ~c"
    assert escaped("漢") == "漢"


def test_what_needs_another_tex_is_said(filled: Store, study: Study) -> None:
    data = report(filled, study)
    assert "lualatex" not in to_latex(data)
    assert "lualatex" in to_latex(replace(data, study=replace(study, title="漢字")))


@pytest.mark.parametrize("form", ["one seed", "sealed", "judged"])
def test_tex_sets_it(filled: Store, study: Study, form: str, tmp_path: Path) -> None:
    tex = next(filter(shutil.which, ("pdflatex", "lualatex", "xelatex")), None)
    if tex is None:
        pytest.skip("no TeX is installed")
    (tmp_path / "table.tex").write_text(forms(filled, study)[form], encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs,array}\begin{document}\input{table}"
        r"\end{document}",
        encoding="utf-8",
    )
    command = [tex, "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    log = (tmp_path / "paper.log").read_text(encoding="utf-8", errors="replace")
    assert "Missing character" not in log
