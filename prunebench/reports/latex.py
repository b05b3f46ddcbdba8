"""Text that LaTeX prints as it is, whatever is in it."""

import re
import unicodedata

# The page's script has the same rules, with this table.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # After a line break these would be read as its arguments.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{SOFT HYPHEN}": "",
}

_LIGATURES = re.compile(r"([-,])(?=\1)")  # two would become a dash or a low quote


def escape(text: str) -> str:
    r"""Any string as LaTeX that prints it on one line, under pdflatex with T1 fonts.

    Characters beyond Latin-1 have no glyph there and are printed as their code point, `[U+4E2D]`; control
    characters and line breaks become spaces.
    """
    return _LIGATURES.sub(r"\1{}", "".join(map(_character, text)))


def _character(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
        return " "
    if ord(character) > 0xFF:
        return f"[U+{ord(character):04X}]"
    return character
