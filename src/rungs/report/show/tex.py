"""Text as TeX sets it: whatever a title holds is shown as it is, and acts on nothing."""

import re
import unicodedata

# What TeX acts on, or prints as something else with its usual fonts. Brackets and asterisks are
# wrapped, since after the end of a row they would be taken for its arguments.
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\0": "{}",
}
_LETTERS = {
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    "\N{HYPHEN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{SECTION SIGN}": r"\S{}",
}
_SYMBOLS = {
    "\N{MINUS SIGN}": "-",
    "\N{PLUS-MINUS SIGN}": r"\pm",
    "\N{MULTIPLICATION SIGN}": r"\times",
    "\N{MIDDLE DOT}": r"\cdot",
    "\N{DEGREE SIGN}": r"^\circ",
    "\N{LESS-THAN OR EQUAL TO}": r"\leq",
    "\N{GREATER-THAN OR EQUAL TO}": r"\geq",
    "\N{NOT EQUAL TO}": r"\neq",
    "\N{ALMOST EQUAL TO}": r"\approx",
    "\N{RIGHTWARDS ARROW}": r"\rightarrow",
    "\N{LEFTWARDS ARROW}": r"\leftarrow",
    "\N{UPWARDS ARROW}": r"\uparrow",
    "\N{DOWNWARDS ARROW}": r"\downarrow",
    "\N{INFINITY}": r"\infty",
    "\N{MICRO SIGN}": r"\mu",
    "\N{SUPERSCRIPT TWO}": "^2",
    "\N{SUPERSCRIPT THREE}": "^3",
}
# The name of a combining mark -> the command that puts it on a letter.
_ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": "`",
    "\N{COMBINING ACUTE ACCENT}": "'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": "^",
    "\N{COMBINING TILDE}": "~",
    "\N{COMBINING DIAERESIS}": '"',
    "\N{COMBINING MACRON}": "=",
    "\N{COMBINING DOT ABOVE}": ".",
    "\N{COMBINING BREVE}": "u",
    "\N{COMBINING CARON}": "v",
    "\N{COMBINING DOUBLE ACUTE ACCENT}": "H",
    "\N{COMBINING CEDILLA}": "c",
    "\N{COMBINING RING ABOVE}": "r",
    "\N{COMBINING DOT BELOW}": "d",
}
# Those that stand where an i or j has its dot.
_BELOW = ("c", "d")
# Letters of which TeX has a command; the other Greek ones look like Latin ones.
_GREEK = (*"αβγδεζηθικλμνξπρςστυφχψω", *"ΓΔΘΛΞΠΣΥΦΨΩ")
_GREEK_NAMES = {"lamda": "lambda", "final sigma": "varsigma"}


def escaped(text: str) -> str:
    """A text for TeX's text mode, in one line.

    Letters with accents, Greek and common signs become commands of plain LaTeX. What has none, such
    as Chinese, stays as it is: LuaLaTeX and XeLaTeX set it with a font that has it.
    """
    # A no-break space is no white space to join at.
    words = re.split(r"[ \t\r\n\f\v]+", unicodedata.normalize("NFC", text).strip())
    # Two hyphens would be set as a dash; what is between two characters keeps them apart.
    plain = re.sub("-(?=-)", "-\0", " ".join(words))
    return "".join(map(_character, plain))


def foreign(text: str) -> bool:
    """Whether a text for TeX holds characters that plain LaTeX cannot set."""
    return not text.isascii()


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character if character.isprintable() else ""
    if character in _LETTERS:
        return _LETTERS[character]
    if character in _SYMBOLS:
        return f"${_SYMBOLS[character]}$"
    if character in _GREEK:
        return f"${_greek(character)}$"
    base, *marks = list(unicodedata.normalize("NFD", character))
    if base.isascii() and len(marks) == 1 and marks[0] in _ACCENTS:
        accent = _ACCENTS[marks[0]]
        letter = rf"\{base}" if base in "ij" and accent not in _BELOW else base
        return rf"\{accent}{{{letter}}}"
    return character


def _greek(letter: str) -> str:
    """The command of a Greek letter, from its name, such as GREEK SMALL LETTER ALPHA."""
    _, name = unicodedata.name(letter).lower().split(" letter ")
    command = _GREEK_NAMES.get(name, name)
    return f"\\{command if letter.islower() else command.capitalize()}"
