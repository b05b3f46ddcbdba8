"""Foreign text in GitHub's markdown is shown as it is."""

import pytest

from prunebench.reports.markdown import escape, table

HOSTILE = [
    "<script>alert(1)</script>", "a | b", "`x`", "[a](b)", "![a](b)", "**bold** _it_ ~~gone~~", "# no heading",
    "https://a.example", "www.a.example", "@someone", "$x$", "&lt;", "<!-- -->", "a\nb", "\x1b[31mred", "back\\slash",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_foreign_is_markup(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it missing: markdown is not rendered")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    rows = table(["one", "two"], [[escape(text), "x"]], [False, True])
    tokens = parser.parse("\n".join(rows))
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert {child.type for child in cells[2].children} == {"text"} | {
        child.type for child in cells[2].children if child.type == "text_special"
    }
    shown = "".join(child.content for child in cells[2].children)
    assert shown == " ".join(text.split()).replace("\x1b", "?")


def test_a_link_and_a_mention_of_github_are_broken_up() -> None:
    assert escape("www.a.example https://b @c") == r"www\.a.example https\://b \@c"


def test_columns_are_set_left_and_right() -> None:
    assert table(["a", "b"], [["1", "2"]], [False, True]) == ["| a | b |", "| --- | ---: |", "| 1 | 2 |"]
