"""What a header lets a variant choose, the method knows."""

import contextlib
from pathlib import Path

import pytest

from prunebench.errors import NotApplicable
from prunebench.plugins.header import find_methods, read_header
from prunebench.plugins.loader import load_method
from prunebench.prune.cell import prune_cell
from prunebench.targets import Target
from tests.methods.whole import deep_model
from tests.oracles import METHODS_FOLDER
from tests.tiny_models import random_ids

SPECS = [
    f"{name}@{key}={value}"
    for name, path in find_methods([Path(METHODS_FOLDER)]).items()
    for key, values in read_header(path).choices.items()
    for value in values
]


@pytest.mark.parametrize("spec", SPECS)
def test_every_choice_runs(spec: str) -> None:
    method = load_method(spec, [METHODS_FOLDER])
    token = "s34" if method.header.patterns == ["structured"] else "u50"
    with contextlib.suppress(NotApplicable):
        prune_cell(deep_model("llama"), method, Target.parse(token), random_ids())
