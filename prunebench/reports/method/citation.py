"""A publication as people cite it, and as BibTeX to copy."""

import re
from typing import NamedTuple

from pybtex.backends.plaintext import Backend
from pybtex.database import Entry
from pybtex.database.input.bibtex import Parser
from pybtex.exceptions import PybtexError
from pybtex.style.formatting.unsrt import Style

# By field of an entry, where it leads to and what the link is called.
_LINKS = {
    "doi": ("https://doi.org/{}", "doi:{}"),
    "eprint": ("https://arxiv.org/abs/{}", "arXiv:{}"),
    "url": ("{}", "{}"),
}
_SAFE = re.compile(r"https://[A-Za-z0-9.-]+/[A-Za-z0-9./?=&_:()~%#+-]*")


class Citation(NamedTuple):
    """Plain text throughout: `text` is the reference as a sentence, `links` what is where it can be read.

    Each of the links is an address and what to call it.
    """

    text: str
    links: tuple[tuple[str, str], ...]


def cited(bibtex: str) -> Citation | None:
    """The reference behind one BibTeX entry; None where there is none, or none that can be read."""
    try:
        ((_, entry),) = Parser().parse_string(bibtex).entries.items()
        links = _links(entry)
        (formatted,) = Style().format_entries([entry])
        text = formatted.text.render(Backend("utf-8"))
    except (PybtexError, ValueError, AttributeError):  # the last for types of entries that the style does not know
        return None
    return Citation(" ".join(text.split()), links)


def _links(entry: Entry) -> tuple[tuple[str, str], ...]:
    """Takes them out of the entry. Only ordinary addresses are links, whatever a file says."""
    fields = {name: str(entry.fields.pop(name)) for name in _LINKS if name in entry.fields}
    found = [tuple(form.format(fields[name]) for form in _LINKS[name]) for name in fields]
    return tuple((address, label.removeprefix("https://")) for address, label in found if _SAFE.fullmatch(address))
