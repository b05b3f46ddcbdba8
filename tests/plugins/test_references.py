"""`references.bib`: each method's publication is there and can be formatted, and no entry is left over."""

import logging
from pathlib import Path

import pytest

from prunebench.plugins.header import find_methods, read_header
from prunebench.plugins.references import read_references
from prunebench.reports.method.citation import cited

METHODS = Path(__file__).parents[2] / "methods"
REFERENCES = read_references([METHODS])


def test_every_cite_resolves_and_no_entry_is_unused():
    cites = {read_header(path).cite for path in find_methods([METHODS]).values()} - {""}
    assert cites == set(REFERENCES)


@pytest.mark.parametrize("key", REFERENCES)
def test_every_entry_makes_a_reference_with_its_year_and_a_place_to_read_it(key):
    found = cited(REFERENCES[key])
    assert found is not None
    author, year = key[: next(i for i, c in enumerate(key) if c.isdigit())], key.strip("abcdefghijklmnopqrstuvwxyz")
    assert year in found.text
    assert author in found.text.lower().replace("ž", "z")
    assert found.links or key.startswith("anonymous")


@pytest.mark.parametrize("text", ["@misc{one, title={never closed\n", "\0", "@misc{a, title={A}} @misc{a, title={B}}"])
def test_a_file_that_is_not_bibtex_is_left_out_with_a_warning(tmp_path, caplog, text):
    (tmp_path / "references.bib").write_text(text)
    with caplog.at_level(logging.WARNING):
        assert read_references([tmp_path, METHODS]) == REFERENCES
    assert (str(tmp_path) in caplog.text) == ("@" in text)


def test_the_first_folder_wins(tmp_path):
    (tmp_path / "references.bib").write_text("@misc{sun2024wanda, title={Mine}, year={2026}}\n")
    assert "Mine" in read_references([tmp_path, METHODS])["sun2024wanda"]
    assert "Mine" not in read_references([METHODS, tmp_path])["sun2024wanda"]


@pytest.mark.parametrize("bibtex", ["", "nonsense", "@misc{x, title={broken", "@unknowntype{x, title={T}}"])
def test_what_cannot_be_formatted_is_no_reference(bibtex):
    assert cited(bibtex) is None


def test_only_ordinary_addresses_are_links():
    found = cited('@misc{x, title={T}, year={2026}, url={javascript:alert(1)}, doi={10.1/a" onclick="b}}')
    assert found is not None
    assert found.links == ()
