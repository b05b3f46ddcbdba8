"""Windows are consecutive pieces of one stream that was tokenised once."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.assets.texts import wikitext_rows
from prunebench.data.windows import load_windows, make_windows, write_windows
from prunebench.errors import PrunebenchError
from tests.assets.checkpoints import BOS, byte_tokenizer

documents_strategy = st.lists(st.text(alphabet="abc \n", max_size=30), min_size=1, max_size=8)


@settings(deadline=None)
@given(
    documents=documents_strategy,
    window=st.integers(2, 9),
    join=st.sampled_from(["\n\n", " ", ""]),
    adds_bos=st.booleans(),
)
def test_the_windows_joined_are_the_joined_text_without_its_tail(documents, window, join, adds_bos):
    tokenizer = byte_tokenizer(adds_bos)
    expected = tokenizer(join.join(documents)).input_ids  # the tokenizer's own BOS, once, at the very beginning
    count = len(expected) // window
    if not count:
        with pytest.raises(PrunebenchError, match="fewer than one window"):
            make_windows(documents, tokenizer, window, join)
        return
    windows = make_windows(documents, tokenizer, window, join)
    assert windows.dtype == torch.int64
    assert windows.tolist() == [expected[i * window : (i + 1) * window] for i in range(count)]


def test_no_bos_means_none_even_if_the_tokenizer_adds_one():
    windows = make_windows(["abcdefgh"], byte_tokenizer(adds_bos=True), 4, bos="none")
    assert windows.shape == (2, 4)
    assert (windows != BOS).all()


def test_every_window_may_begin_with_a_bos_and_no_text_is_lost():
    tokenizer = byte_tokenizer()
    windows = make_windows(["abcdefgh"], tokenizer, 4, bos="every")
    assert windows[:, 0].tolist() == [BOS, BOS]
    assert tokenizer.decode(windows[:, 1:].flatten()) == "abcdef"


def test_a_bos_in_every_window_needs_a_bos_token():
    tokenizer = byte_tokenizer()
    tokenizer.bos_token = None
    with pytest.raises(PrunebenchError, match="no BOS token to put into every window"):
        make_windows(["abcdefgh"], tokenizer, 4, bos="every")


@given(count=st.integers(1, 50), wanted=st.integers(1, 60))
def test_fewer_windows_are_spread_over_the_whole_text(count, wanted):
    tokenizer = byte_tokenizer()
    text = "".join(chr(ord("0") + i % 10) + chr(ord("0") + i // 10) for i in range(count))
    everything = make_windows([text], tokenizer, 2).tolist()
    chosen = make_windows([text], tokenizer, 2, max_windows=wanted).tolist()
    places = [everything.index(window) for window in chosen]
    assert len(places) == min(wanted, count)
    assert places == sorted(set(places))
    gaps = {after - before for before, after in zip(places, [*places[1:], count], strict=True)}
    assert places[0] == 0
    assert max(gaps) - min(gaps) <= 1


def test_the_file_gives_back_what_was_written(tmp_path):
    windows = make_windows(["abcdefgh"], byte_tokenizer(), 4)
    write_windows(tmp_path / "w.safetensors", windows, {"text": "t"})
    assert torch.equal(load_windows(tmp_path / "w.safetensors"), windows)


def test_the_real_wikitext2_makes_the_windows_its_length_says():
    folder = Path(os.environ.get("PRUNEBENCH_SHARED") or Path(__file__).parents[3] / "shared") / "data/wikitext2"
    if not (folder / "wiki.test.raw").is_file():
        pytest.skip(f"no wiki.test.raw in {folder}; set PRUNEBENCH_SHARED to a folder with data/wikitext2")
    raw = (folder / "wiki.test.raw").read_bytes()
    rows = list(wikitext_rows(raw.decode("utf-8")))
    windows = make_windows(rows, byte_tokenizer(), 2048)
    # One token per byte: every blank line loses its blank and its newline, every join adds two newlines.
    blank = sum(len(line) for line in raw.splitlines(keepends=True) if not line.strip())
    length = len(raw) - blank + 2 * (len(rows) - 1)
    assert windows.shape == (length // 2048, 2048)
    start = byte_tokenizer().decode(windows[0, :40])
    assert start.startswith("\n\n = Robert Boulter = \n\n\n\n\n")
