"""The publications behind the methods: `references.bib` in a folder of methods, found by the key of their `cite`."""

import logging
from collections.abc import Iterable
from pathlib import Path

from pybtex.database import BibliographyData
from pybtex.database.input.bibtex import Parser
from pybtex.database.output.bibtex import Writer
from pybtex.exceptions import PybtexError

_log = logging.getLogger(__name__)

REFERENCES = "references.bib"


def read_references(method_paths: Iterable[Path]) -> dict[str, str]:
    """By key, the BibTeX entries of the `references.bib` of every folder that has one; of two the first folder's.

    A file that is not BibTeX is left out with a warning: it makes no number wrong.
    """
    found: dict[str, str] = {}
    for path in (folder / REFERENCES for folder in method_paths):
        if not path.is_file():
            continue
        try:
            entries = Parser().parse_string(path.read_text(encoding="utf-8")).entries
        except (PybtexError, ValueError, OSError) as error:
            _log.warning("%s is no BibTeX file (%s), so methods have no references; correct it", path, error)
            continue
        for key, entry in entries.items():
            # Not by the format's name: that looks for plugins of pybtex in all installed packages, each time.
            text = Writer().to_string(BibliographyData(entries={key: entry})).strip()
            found.setdefault(key, text)
    return found
