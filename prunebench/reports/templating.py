"""How pages are made from the files in `templates/`."""

import base64
import hashlib
import json
from functools import cache, cached_property
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


class Script:
    """A script to be put into a page, where nothing but such very texts may run, whatever a title contains."""

    def __init__(self, text: Markup) -> None:
        self.text = text

    @cached_property
    def hash(self) -> str:
        """What a Content-Security-Policy names it by."""
        return f"sha256-{base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()}"


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
    templates.globals["theme"] = Script(_asset(templates, "theme.js"))
    return templates


def asset(name: str) -> Markup:
    """A style sheet or script of the templates' folder, to be put into a page as it is."""
    return _asset(environment(), name)


def _asset(templates: Environment, name: str) -> Markup:
    assert templates.loader is not None
    return Markup(templates.loader.get_source(templates, name)[0].strip() + "\n")


def _plain(value: Any) -> str:
    """A provenance value for reading."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
