"""GitHub's markdown, of text that anybody may have written: it says what it says and is never markup."""

import re
from collections.abc import Iterable, Sequence

# What begins markup, HTML, a formula, a link or a mention somewhere in a line. `www.` alone makes a link, too.
_ACTIVE = re.compile(r"[\\`*_\[\]<>&|~#!$:@^]|(?<=www)\.", re.IGNORECASE)


def one_line(text: str) -> str:
    """The text as one line of what can be printed; anything else, such as a terminal's commands, becomes `?`."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))


def escape(text: str) -> str:
    """Foreign text as one line of markdown that shows it as it is."""
    return _ACTIVE.sub(lambda match: "\\" + match[0], one_line(text))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """The lines of a table; headings and cells are markdown already.

    Args:
        right: which columns are set to the right.
    """
    rule = ["---:" if to_right else "---" for to_right in right]
    return [f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows)]
