"""Calibration crops are exactly those of the reference rule, and drawing always comes to an end."""

import random
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.data.calibration import load_calibration, sample_calibration, sample_recovery, write_calibration
from prunebench.errors import DamagedFile, PrunebenchError
from tests.assets.checkpoints import BOS, byte_tokenizer

TOKENIZER = byte_tokenizer()
DOCUMENTS = ["".join(chr(65 + (7 * i + j) % 60) for j in range(n)) for i, n in enumerate((6, 18, 60, 8, 34))]


def reference(documents, tokenizer, nsamples, seqlen, seed):
    """Wanda's rule as the paper's protocol describes it, with the global generator and no shortcuts."""
    state = random.getstate()
    random.seed(seed)
    samples = []
    while len(samples) < nsamples:
        ids = tokenizer(documents[random.randint(0, len(documents) - 1)]).input_ids
        if len(ids) > seqlen:
            start = random.randint(0, len(ids) - seqlen - 1)
            samples.append(ids[start : start + seqlen])
    random.setstate(state)
    return torch.tensor(samples)


class CountingTokenizer:
    """The tokenizer, remembering what it was asked."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.asked = []

    def __call__(self, text, **options):
        self.asked.append(text)
        return self.tokenizer(text, **options)


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=12).filter(lambda lengths: max(lengths) > 20),
    seqlen=st.integers(1, 19),
    nsamples=st.integers(1, 12),
    seed=st.integers(0, 2**31),
    adds_bos=st.booleans(),
)
def test_the_draws_are_those_of_the_reference_rule(lengths, seqlen, nsamples, seed, adds_bos):
    documents = ["".join(chr(33 + (i * 7 + j) % 90) for j in range(n)) for i, n in enumerate(lengths)]
    tokenizer = byte_tokenizer(adds_bos)
    before = random.getstate()
    ids = sample_calibration(documents, tokenizer, nsamples, seqlen, seed)
    assert random.getstate() == before, "the global generator was touched"
    assert ids.dtype == torch.int64
    assert torch.equal(ids, reference(documents, tokenizer, nsamples, seqlen, seed))


def test_a_bos_is_there_only_where_the_crop_begins_with_the_document():
    ids = sample_calibration(["abcdefgh"], byte_tokenizer(adds_bos=True), 40, 4, seed=0)
    assert (ids[:, 1:] != BOS).all()
    first = ids[:, 0] == BOS
    assert first.any()
    assert not first.all()


def test_fewer_samples_are_the_first_of_more():
    many = sample_calibration(DOCUMENTS, TOKENIZER, 16, 8, seed=3)
    assert torch.equal(sample_calibration(DOCUMENTS, TOKENIZER, 5, 8, seed=3), many[:5])


def test_seeds_draw_differently():
    first, second = (sample_calibration(DOCUMENTS, TOKENIZER, 8, 8, seed=seed) for seed in (0, 1))
    assert not torch.equal(first, second)


def test_no_document_is_tokenised_twice():
    tokenizer = CountingTokenizer(TOKENIZER)
    sample_calibration(DOCUMENTS, tokenizer, 64, 8, seed=0)
    assert len(tokenizer.asked) == len(set(tokenizer.asked)) <= len(DOCUMENTS)


def test_a_text_without_a_long_enough_document_is_an_error_and_no_endless_loop():
    tokenizer = CountingTokenizer(TOKENIZER)
    with pytest.raises(PrunebenchError, match=r"no document of the calibration text has more than 60 tokens .* lower"):
        sample_calibration(DOCUMENTS, tokenizer, 1, 60, seed=0)  # the longest has exactly 60
    assert len(tokenizer.asked) <= len(DOCUMENTS)


def test_the_search_for_a_long_enough_document_is_bounded():
    documents = [f"{index} short" for index in range(5000)]
    tokenizer = CountingTokenizer(TOKENIZER)
    with pytest.raises(PrunebenchError, match="no document"):
        sample_calibration(documents, tokenizer, 1, 500, seed=0)
    assert len(tokenizer.asked) < 1500


def test_one_long_document_among_many_short_ones_is_found():
    documents = ["short"] * 999 + ["x" * 100]
    assert sample_calibration(documents, TOKENIZER, 3, 50, seed=0).shape == (3, 50)


def test_no_documents_at_all_is_an_error():
    with pytest.raises(PrunebenchError, match="has no documents"):
        sample_calibration([], TOKENIZER, 1, 4, seed=0)


def test_the_file_gives_back_what_was_written_and_as_many_samples_as_asked(tmp_path):
    path = tmp_path / "calibration.safetensors"
    ids = sample_calibration(DOCUMENTS, TOKENIZER, 6, 8, seed=0)
    write_calibration(path, ids, {"text": "t"})
    assert torch.equal(load_calibration(path), ids)
    assert load_calibration(path).dtype == torch.int64
    assert torch.equal(load_calibration(path, 2), ids[:2])
    with pytest.raises(PrunebenchError, match="holds 6 calibration samples, 7 were asked for"):
        load_calibration(path, 7)


def test_a_file_that_is_absent_or_damaged_says_what_to_do(tmp_path):
    with pytest.raises(PrunebenchError, match=r"absent cannot be read \(No such file or directory\)"):
        load_calibration(tmp_path / "absent")
    (tmp_path / "damaged").write_bytes(b"\x10")
    with pytest.raises(PrunebenchError, match="does not hold the token ids that were written"):
        load_calibration(tmp_path / "damaged")


def test_any_flipped_byte_in_a_file_of_tokens_is_noticed(tmp_path):
    path = tmp_path / "c"
    write_calibration(path, torch.arange(6).view(2, 3), {"text": "speeches", "settings": "{}"})
    sound = path.read_bytes()
    assert torch.equal(load_calibration(path), torch.arange(6).view(2, 3))
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 4]) + sound[place + 1 :])
        with pytest.raises(DamagedFile, match="does not hold the token ids"):
            load_calibration(path)
    path.write_bytes(sound[:-4])
    with pytest.raises(DamagedFile, match="does not hold the token ids"):
        load_calibration(path)


def test_a_stream_is_cropped_anywhere_also_across_documents():
    ids = TOKENIZER("\n\n".join(DOCUMENTS)).input_ids
    draws = random.Random(3)
    starts = [draws.randint(0, len(ids) - 100 - 1) for _ in range(6)]
    crops = sample_calibration(DOCUMENTS, TOKENIZER, 6, 100, 3, "stream-crop")  # longer than any document
    assert crops.tolist() == [ids[start : start + 100] for start in starts]
    assert torch.equal(sample_calibration(DOCUMENTS, TOKENIZER, 2, 100, 3, "stream-crop"), crops[:2])


def test_a_stream_that_is_too_short_is_refused():
    length = len(TOKENIZER("\n\n".join(DOCUMENTS)).input_ids)
    assert sample_calibration(DOCUMENTS, TOKENIZER, 1, length - 1, 0, "stream-crop").shape == (1, length - 1)
    with pytest.raises(PrunebenchError, match=f"has {length} tokens .* {length + 1} are needed"):
        sample_calibration(DOCUMENTS, TOKENIZER, 1, length, 0, "stream-crop")


def number_tokenizer(text, **_):
    """Every word is a number, so that no two tokens of a text are the same where no two words are."""
    return SimpleNamespace(input_ids=[int(word) for word in text.split()])


def numbered(lengths):
    """Documents of so many words, all of them different."""
    numbers = iter(range(sum(lengths)))
    return [" ".join(str(next(numbers)) for _ in range(length)) for length in lengths]


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=2, max_size=30).filter(lambda lengths: sorted(lengths)[-2] > 12),
    seqlen=st.integers(1, 12),
    seed=st.integers(0, 2**31),
    selection=st.sampled_from(["document-crop", "stream-crop"]),
)
def test_nothing_that_is_validated_on_is_trained_on(lengths, seqlen, seed, selection):
    documents = numbered(lengths)
    ids = sample_recovery(documents, number_tokenizer, 4, 60, seqlen, seed, selection)
    assert ids.shape == (64, seqlen)
    validation, training = set(ids[:4].flatten().tolist()), set(ids[4:].flatten().tolist())
    assert not validation & training
    assert min(validation) > max(training)  # the end of the text is kept for it
    fewer = sample_recovery(documents, number_tokenizer, 4, 7, seqlen, seed, selection)
    assert torch.equal(fewer, ids[:11])


def test_the_last_tenth_is_kept_to_validate_on():
    documents = numbered([20] * 50)
    for selection in ("document-crop", "stream-crop"):
        ids = sample_recovery(documents, number_tokenizer, 200, 500, 12, 0, selection)
        assert 900 <= ids[:200].min() < 910
        assert 880 <= ids[200:].max() < 900


@pytest.mark.parametrize(
    ("lengths", "validated"),
    [([20, 20, *[3] * 40], 1), ([*[3] * 40, 20, 20], 41), ([20, *[3] * 40, 20, 3], 41), ([20, 20], 1)],
)
def test_documents_that_are_long_enough_are_shared_out_where_the_tenth_has_none_or_all(lengths, validated):
    documents = numbered(lengths)
    ids = sample_recovery(documents, number_tokenizer, 4, 30, 12, 0)
    assert set(ids[:4].flatten().tolist()) <= set(map(int, documents[validated].split()))
    assert not set(ids[4:].flatten().tolist()) & set(map(int, documents[validated].split()))


@pytest.mark.parametrize(
    ("lengths", "selection", "message"),
    [
        ([3, 20, 3], "document-crop", "1 document of the text .* more than 12 tokens .* 2 are needed"),
        ([20], "document-crop", "1 document of the text .* more than 12 tokens .* 2 are needed"),
        ([3] * 30, "document-crop", "no document of the text .* more than 12 tokens .* 2 are needed"),
        ([], "document-crop", "no document of the text .* more than 12 tokens .* 2 are needed"),
        ([20, 5], "stream-crop", "has 25 tokens .* 26 are needed"),
    ],
)
def test_a_text_too_small_to_train_and_validate_on_is_refused(lengths, selection, message):
    with pytest.raises(PrunebenchError, match=message):
        sample_recovery(numbered(lengths), number_tokenizer, 4, 3, 12, 0, selection)
    if selection == "stream-crop":
        assert len(sample_recovery(numbered([20, 6]), number_tokenizer, 4, 3, 12, 0, selection)) == 7


def test_the_search_for_documents_to_validate_on_is_bounded():
    tokenizer = CountingTokenizer(number_tokenizer)
    assert len(sample_recovery(numbered([20] * 20000), tokenizer, 4, 8, 12, 0)) == 12
    assert len(tokenizer.asked) < 20
    with pytest.raises(PrunebenchError, match="no document"):
        sample_recovery(numbered([3] * 20000), tokenizer, 4, 8, 12, 0)
    assert len(tokenizer.asked) < 3500
