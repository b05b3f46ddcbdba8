"""Texts become documents, in order and to the byte; what is not in the format is refused."""

import os
from pathlib import Path

import pytest

from prunebench.assets.manifest import read_manifest
from prunebench.assets.texts import DOCUMENTS, materialise_text, wikitext_rows
from prunebench.config.load import load_config
from prunebench.config.registry import LocalSource, TextSpec
from prunebench.config.strict import read_yaml
from prunebench.data.documents import Documents
from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file
from tests.assets.index import make_wheel, pin, use_index

ROOT = Path(__file__).parents[2]


def text_of(path: Path, text_format: str, **settings) -> TextSpec:
    return TextSpec(title="T", domain="d", source=LocalSource(kind="local", path=path), format=text_format, **settings)


def documents_of(spec: TextSpec, folder: Path) -> list[str]:
    materialise_text("t", spec, folder)
    return list(Documents(folder / DOCUMENTS))


def test_lines_are_documents_and_only_newlines_end_them(tmp_path):
    (tmp_path / "a.txt").write_bytes("one\u2028still one\r\n\n  \ntwo\x0cstill two".encode())
    assert documents_of(text_of(tmp_path / "a.txt", "lines"), tmp_path / "t") == [
        "one\u2028still one\r",
        "two\x0cstill two",
    ]


def test_wiki_documents_lose_their_wrappers_and_keep_their_text(tmp_path):
    (tmp_path / "wiki").write_text(
        '<doc id="1" title="A">\nA\n\nFirst &amp; <b>bold</b>.\n\n</doc>\n<doc id="2" title="B">\nB\n</doc>\n'
    )
    assert documents_of(text_of(tmp_path / "wiki", "wiki-docs"), tmp_path / "t") == [
        "A\n\nFirst &amp; <b>bold</b>.",
        "B",
    ]


def test_a_wiki_file_that_is_cut_off_is_refused(tmp_path):
    (tmp_path / "wiki").write_text('<doc id="1">\nA\n</doc>\n<doc id="2">\nB is cut')
    with pytest.raises(PrunebenchError, match=r"'t': 2 documents begin .* but 1 are closed"):
        materialise_text("t", text_of(tmp_path / "wiki", "wiki-docs"), tmp_path / "t")
    assert not (tmp_path / "t/asset.json").exists()


def test_a_selection_and_its_complement_share_no_file(tmp_path, monkeypatch):
    use_index(monkeypatch, tmp_path / "index")
    names = ["1790-A-1.txt", "1949-B-2.txt", "1950-C-1.txt", "2026-D-10.txt"]
    wheel = make_wheel(tmp_path / "index", "talks", "1", {f"talks/{name}": name.encode() for name in reversed(names)})
    common = {"title": "T", "domain": "d", "source": pin(wheel, "talks"), "format": "files"}
    late, early = TextSpec(**common, names_from="1950"), TextSpec(**common, names_before="1950")
    downloads = tmp_path / "downloads"
    materialise_text("late", late, tmp_path / "late", downloads)
    materialise_text("early", early, tmp_path / "early", downloads)
    assert list(Documents(tmp_path / "early" / DOCUMENTS)) == names[:2]
    assert list(Documents(tmp_path / "late" / DOCUMENTS)) == names[2:]


def test_the_registered_speeches_to_train_on_and_to_measure_on_do_not_overlap():
    texts = load_config(read_yaml(ROOT / "config/config.yaml")).data.texts
    train, recent = texts["sotu-train"], texts["sotu-recent"]
    assert train.source == recent.source
    assert train.names_before is not None
    assert train.names_before <= recent.names_from


def test_wikitext_rows_are_the_lines_with_their_newline_and_blank_lines_empty():
    assert list(wikitext_rows(" \n = Title = \n \n Text . \n")) == ["", " = Title = \n", "", " Text . \n"]


def test_the_manifest_names_source_and_content(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    manifest = materialise_text("t", text_of(tmp_path / "a.txt", "lines"), tmp_path / "t")
    assert read_manifest(tmp_path / "t") == manifest
    assert manifest["files"] == {DOCUMENTS: sha256_file(tmp_path / "t" / DOCUMENTS)}
    assert (manifest["name"], manifest["documents"], manifest["characters"]) == ("t", 2, 6)
    assert manifest["source"]["kind"] == "local"


def test_a_new_attempt_that_fails_leaves_no_finished_asset_behind(tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    spec = text_of(tmp_path / "a.txt", "lines")
    materialise_text("t", spec, tmp_path / "t")
    (tmp_path / "a.txt").write_text("\n\n")
    with pytest.raises(PrunebenchError, match="'t' holds no documents"):
        materialise_text("t", spec, tmp_path / "t")
    assert not (tmp_path / "t/asset.json").exists()
    assert not [path for path in (tmp_path / "t").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(("text_format", "is_folder"), [("files", False), ("lines", True)])
def test_a_format_that_does_not_fit_the_place_is_refused(tmp_path, text_format, is_folder):
    path = tmp_path / "place"
    path.mkdir() if is_folder else path.write_text("x")
    with pytest.raises(PrunebenchError, match=f"'t': format {text_format} does not fit a"):
        materialise_text("t", text_of(path, text_format), tmp_path / "t")


@pytest.fixture(scope="module")
def shared() -> Path:
    """The folder with the real WikiText-2 files, which the project does not ship."""
    folder = Path(os.environ.get("PRUNEBENCH_SHARED") or ROOT.parent / "shared")
    if not (folder / "data/wikitext2/wiki.test.raw").is_file():
        pytest.skip(f"no data/wikitext2/wiki.test.raw in {folder}; set PRUNEBENCH_SHARED to a folder that has it")
    return folder


def test_the_real_wikitext2_gives_the_documented_rows(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNEBENCH_WIKITEXT2", str(shared / "data/wikitext2"))
    spec = load_config(read_yaml(ROOT / "config/config.yaml")).data.texts["wikitext2-local"]
    rows = documents_of(spec, tmp_path / "t")
    with (shared / "data/wikitext2/wiki.test.raw").open(encoding="utf-8", newline="") as file:
        documented = [line if line.strip() else "" for line in file]
    assert rows == documented
    assert len(rows) == 4358
    assert rows[:4] == ["", " = Robert Boulter = \n", "", rows[3]]
    assert len("\n\n".join(rows)) == sum(map(len, rows)) + 2 * 4357
