"""Python code as HTML with the few colours that help reading; nothing of it is run."""

from itertools import groupby
from typing import Any

from markupsafe import Markup, escape
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String

# The first that a token is of; docstrings read like comments.
_CLASSES = (
    (String.Doc, "c"),
    (Comment, "c"),
    (Keyword, "k"),
    (String, "s"),
    (Number, "m"),
    (Name.Function, "f"),
)


def highlighted(source: str) -> Markup:
    """The text, escaped, with `<span class=…>` around some tokens.

    The classes: `c` comments, `k` keywords, `s` strings, `m` numbers, `f` names of functions where they are defined.
    """
    tokens = PythonLexer(stripnl=False, ensurenl=False).get_tokens(source)
    parts = []
    for name, group in groupby(tokens, key=lambda token: _class(token[0])):
        text = "".join(text for _, text in group)
        parts.append(Markup('<span class="{}">{}</span>').format(name, text) if name else escape(text))
    return Markup("").join(parts)


def _class(kind: Any) -> str:
    return next((name for token, name in _CLASSES if kind in token), "")
