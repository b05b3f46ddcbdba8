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
    "\N{MODIFIER LETTER CAPITAL T}": r"\textsuperscript{T}",
}

BREAKS = ",@=_/"  # after these `breakable` may break a line

_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa mu nu xi pi rho sigma tau upsilon phi chi psi omega"
_MATHS = {
    **{unicodedata.lookup(f"GREEK SMALL LETTER {name}"): name for name in _GREEK.split()},
    "\N{GREEK SMALL LETTER LAMDA}": "lambda",  # as Unicode spells it
    "\N{LESS-THAN OR EQUAL TO}": "leq",
    "\N{GREATER-THAN OR EQUAL TO}": "geq",
    "\N{INFINITY}": "infty",
}
SPECIAL |= {letter: rf"\ensuremath{{\{name}}}" for letter, name in _MATHS.items()}

_LIGATURES = re.compile(r"([-,])(?=\1)")  # two would become a dash or a low quote


def escape(text: str) -> str:
    r"""Any string as LaTeX that prints it on one line, under pdflatex with T1 fonts.

    Of the characters beyond Latin-1, which have no glyph there, Greek letters and some signs come from the fonts for
    formulas; the others are printed as their code point, `[U+4E2D]`. Control characters and line breaks become spaces.
    """
    return _LIGATURES.sub(r"\1{}", "".join(map(_character, text)))


def breakable(text: str) -> str:
    """The same, with places at which a long name, of a variant or a file, may go on in the next line."""
    parts = re.split(f"(?<=[{BREAKS}])", text)
    return r"\allowbreak{}".join(map(escape, parts)).removesuffix(r"\allowbreak{}")


def _character(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
        return " "
    if ord(character) > 0xFF:
        return f"[U+{ord(character):04X}]"
    return character
