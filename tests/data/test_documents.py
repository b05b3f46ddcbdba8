import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunebench.data.documents import Documents
from prunebench.errors import PrunebenchError


@settings(deadline=None)
@given(texts=st.lists(st.text(), max_size=6))
def test_documents_are_the_texts_of_the_file_in_any_order_of_access(texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("d") / "documents.jsonl"
    path.write_text(
        "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), "utf-8", newline=""
    )
    documents = Documents(path)
    assert len(documents) == len(texts)
    assert [documents[i] for i in reversed(range(len(texts)))] == texts[::-1]
    assert list(documents) == texts
    assert documents[1:4] == texts[1:4]
    assert documents[::-2] == texts[::-2]
    if texts:
        assert documents[-1] == texts[-1]
    with pytest.raises(IndexError):
        documents[len(texts)]


def test_an_absent_file_says_what_to_do(tmp_path):
    with pytest.raises(PrunebenchError, match="does not exist; run the workflow"):
        Documents(tmp_path / "documents.jsonl")
