"""What is known to be wrong or unclear in a paper, out of the README of its folder, as LaTeX."""

from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from prunebench.reports.latex import breakable

PROBLEMS = "What is wrong or unclear in the paper"  # the heading, in every paper's README

_BLOCKS = {
    "bullet_list_open": r"\begin{itemize}",
    "bullet_list_close": r"\end{itemize}",
    "ordered_list_open": r"\begin{enumerate}",
    "ordered_list_close": r"\end{enumerate}",
    "list_item_open": r"\item",
    "paragraph_close": "",
}
_SPANS = {
    "strong_open": r"\textbf{",
    "strong_close": "}",
    "em_open": r"\emph{",
    "em_close": "}",
    "softbreak": "\n",
    "hardbreak": "\n",
}


def problems_tex(readme: str) -> list[str]:
    """The section under `PROBLEMS` of a README in Markdown, without its heading, as LaTeX; empty if there is none.

    Paragraphs and lists with bold, emphasised and literal words are kept; of anything else, its text.
    """
    return [line for token in _below(MarkdownIt().parse(readme)) for line in _lines(token)]


def _below(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens from the heading to the next one of its level, or a higher one."""
    inside, level = False, ""
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            if inside and token.tag <= level:
                return
            if tokens[place + 1].content == PROBLEMS:
                inside, level = True, token.tag
        elif inside and not (token.type == "inline" and token.content == PROBLEMS):
            yield token


def _lines(token: Token) -> list[str]:
    if token.type == "inline":
        return ["".join(map(_span, token.children or ()))]
    if token.type in ("fence", "code_block"):
        return [rf"\texttt{{{breakable(token.content)}}}"]
    return [_BLOCKS[token.type]] if token.type in _BLOCKS else []


def _span(token: Token) -> str:
    if token.type == "code_inline":
        return rf"\texttt{{{breakable(token.content)}}}"
    return _SPANS.get(token.type, breakable(token.content))
