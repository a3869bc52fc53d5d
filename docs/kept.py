"""What is kept where: a picture of store, archive and report, and of what goes between them.

``python docs/generate.py`` draws it into ``docs/kept.svg``.
"""

from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 920, 380
_LINE = 19  # pixels from one line of a box to the next
_INK, _QUIET, _EDGE = "#1c2733", "#5a6775", "#9aa5b1"


@dataclass(frozen=True)
class Box:
    """Something that is kept.

    Attributes:
        title: what it is called.
        about: whose it is, in a few words.
        rows: path, and what lies there; a row without a path is a line of words.
        place: of its upper left corner: x, y.
        size: width, height.
        fill: its colour.
    """

    title: str
    about: str
    rows: tuple[tuple[str, str], ...]
    place: tuple[int, int]
    size: tuple[int, int]
    fill: str


STUDY = Box(
    "Study file",
    "STUDY.toml",
    (("", "the question: base,"), ("", "changes, seeds, data")),
    (16, 16),
    (150, 92),
    "#f6f1e4",
)
DATA = Box(
    "Data",
    "read, never changed",
    (("", "pictures and labels"),),
    (16, 166),
    (150, 74),
    "#f6f1e4",
)
STORE = Box(
    "Store",
    "--store, or runs: all that was trained on this machine",
    (
        ("runs/KEY/", "finished runs, with weights"),
        ("work/KEY/", "runs under way"),
        ("data/FINGERPRINT/", "labels and class names"),
        ("studies/STUDY.json", "which runs it asks for"),
        ("rounds/", "which rungs got more seeds"),
        ("seals/", "that the test set was opened"),
        ("audit/", "what is odd in the data"),
        ("measures/", "computed once, can go"),
        ("index.sqlite", "derived, made anew at need"),
        ("reports/STUDY/BUDGET/", "the newest report"),
    ),
    (246, 16),
    (352, 260),
    "#e8f0f8",
)
ARCHIVE = Box(
    "Archive",
    "--archive DIR: small, to commit",
    (
        ("runs/KEY/", "no weights"),
        ("data/FINGERPRINT/", "labels"),
        ("audit/", "of the data"),
        ("BUDGET/", "the report"),
    ),
    (680, 16),
    (226, 130),
    "#e6f3ea",
)
REPORT = Box(
    "Report",
    "one content, in every form",
    (
        ("report.html", "the page"),
        ("report.md", "for a repository"),
        ("report.txt", "for a terminal"),
        ("report.json", "for programs"),
        ("plots/*.svg", ""),
    ),
    (680, 196),
    (226, 160),
    "#f3eaf5",
)
# Below the boxes.
_WORDS = (
    "rungs run STUDY --archive DIR takes its runs, each checked first, and adds those it lacks.",
    "rungs report STUDY --archive DIR shows what is in it, without weights and without the data.",
    "rungs store prune says what no study needs, and deletes it if you say so.",
    "A deleted run is trained again when a study needs it; the index is made again from runs/.",
)
BOXES = (STUDY, DATA, STORE, ARCHIVE, REPORT)


def drawn() -> str:
    """The picture as SVG."""
    said = (
        "What is kept where: a study is trained into a store, kept as an archive, shown in reports"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{said}</title>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="{_INK}"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *(part for box in BOXES for part in _box(box)),
        *_arrow((166, 62), (246, 62), "rungs run", above=True),
        *_arrow((166, 203), (246, 203), "is read", above=True),
        *_arrow((598, 52), (680, 52), "adds", above=True),
        *_arrow((680, 96), (598, 96), "takes", above=False),
        *_arrow((598, 250), (680, 250), "shows", above=True),
        *(
            _text(16, 302 + 20 * number, words, fill=_QUIET, size=12)
            for number, words in enumerate(_WORDS)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box) -> list[str]:
    (x, y), (width, height) = box.place, box.size
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{box.fill}" '
        f'stroke="{_EDGE}"/>',
        _text(x + 10, y + 20, box.title, weight=600, size=15),
        _text(x + 10, y + 38, box.about, fill=_QUIET, size=12),
    ]
    column = max((len(path) for path, _ in box.rows), default=0)
    for number, (path, words) in enumerate(box.rows):
        at = y + 60 + _LINE * number
        parts.append(_text(x + 10, at, path, size=12, mono=True) if path else "")
        # A letter of twelve pixels in a fixed width is about 7.3 wide.
        parts.append(_text(x + 10 + (round(7.3 * column) + 10 if path else 0), at, words, size=12))
    return [part for part in parts if part]


def _arrow(start: tuple[int, int], end: tuple[int, int], word: str, *, above: bool) -> list[str]:
    (x, y), (to, other) = start, end
    return [
        f'<path d="M{x} {y}L{to} {other}" stroke="{_INK}" stroke-width="1.4" fill="none" '
        'marker-end="url(#tip)"/>',
        _text((x + to) // 2, y - 7 if above else y + 16, word, size=12, anchor="middle"),
    ]


def _text(
    x: int,
    y: int,
    words: str,
    *,
    fill: str = _INK,
    size: int = 13,
    weight: int = 400,
    anchor: str = "start",
    mono: bool = False,
) -> str:
    if not words:
        return ""
    family = ' font-family="ui-monospace, monospace"' if mono else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}"{family}>{escape(words)}</text>'
    )
