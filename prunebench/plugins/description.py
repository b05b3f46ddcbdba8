"""What reports say of a method, also of one whose file cannot be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prunebench.errors import PrunebenchError
from prunebench.plugins.header import is_generated, read_header


@dataclass(frozen=True)
class Description:
    """The part of a header that people see.

    Attributes:
        title, family, origin, cite: as in `Header`; family and origin are empty where nobody knows them.
        cause: what the idea's published code did, or why it failed.
    """

    title: str
    family: str = ""
    origin: str = ""
    cite: str = ""
    cause: str = ""


def variant_title(method: str, methods: Mapping[str, Description]) -> str:
    """The title of a method, with the parameters of its variant if it is one; `methods` are without."""
    base, _, variant = method.partition("@")
    title = methods[base].title
    return f"{title} ({variant.replace(',', ', ')})" if variant else title


def describe_method(name: str, path: Path) -> Description:
    """From the file's header; of a broken file its name, and its origin if the folder tells that."""
    try:
        header = read_header(path)
    except PrunebenchError:
        return Description(name, origin="llm" if is_generated(path) else "")
    cause = header.published.cause if header.published else ""
    return Description(header.title, header.family, header.origin, header.cite, cause)
