"""How pages are made from the files in `templates/`."""

import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def environment() -> Environment:
    """The templates: everything put into them is escaped, a name they do not know is an error."""
    templates = Environment(
        loader=PackageLoader("prunebench.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["plain"] = _plain
    compact = {"sort_keys": False, "ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    templates.policies["json.dumps_kwargs"] = compact
    return templates


def asset(name: str) -> str:
    """A style sheet or script of the templates' folder, to be put into a page."""
    templates = environment()
    assert templates.loader is not None
    return templates.loader.get_source(templates, name)[0].strip() + "\n"


def _plain(value: Any) -> str:
    """A provenance value for reading."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
