"""Skeletons for a new method: a file that already works, and a test against an oracle that already passes."""

import keyword
from pathlib import Path
from string import Template

from prunebench.errors import PrunebenchError, unknown_name
from prunebench.files import write_text
from prunebench.plugins.header import NAME, find_methods

_TEMPLATES = Path(__file__).parent / "templates"
# Kind of method -> the templates of its file and of its test.
_KINDS = {
    "score": ("score", "test_linear"),
    "layer": ("layer", "test_linear"),
    "units": ("units", "test_units"),
    "model": ("model", "test_model"),
}


def new_method(
    name: str, kind: str, methods: Path = Path("methods"), tests: Path = Path("tests/methods")
) -> list[Path]:
    """Write `NAME.py` into `methods` and `test_NAME.py` into `tests`: magnitude pruning to start from.

    Args:
        kind: `score`, `layer`, `units` or `model`, the function the method will define.

    Returns:
        The files written.

    Raises:
        PrunebenchError: the name is taken or unsafe in file names, the kind is unknown, or there is no such folder of
            methods.
    """
    if not NAME.fullmatch(name):
        raise PrunebenchError(f"{name!r} cannot be a method's name: use only a-z, 0-9 and _, and begin with no _")
    if keyword.iskeyword(name) or name[0].isdigit():
        raise PrunebenchError(f"{name!r} cannot be a method's name: begin with a letter, and take no word of Python")
    if kind not in _KINDS:
        raise unknown_name("kind of method", kind, _KINDS)
    if not methods.is_dir():
        raise PrunebenchError(f"there is no folder {methods} here; run this in the project's folder or give --methods")
    files = [methods / f"{name}.py", tests / f"test_{name}.py"]
    existing = find_methods([methods])
    for path in ([existing[name]] if name in existing else []) + files:
        if path.exists():
            raise PrunebenchError(f"{path} exists already; choose another name")
    title = name.replace("_", " ").capitalize()
    for path, template in zip(files, _KINDS[kind], strict=True):
        text = Template((_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8"))
        write_text(path, text.substitute(title=title, name=name))
    return files
