"""The shipped methods of `methods/generated` keep the contract where they run: in the sandbox."""

from pathlib import Path

import pytest

from prunebench.contract.checks import checks_for, run_check
from prunebench.plugins.header import find_methods
from prunebench.sandbox.loading import open_method
from prunebench.sandbox.policy import Policy
from tests.bwrap import needs_sandbox

pytestmark = pytest.mark.slow

METHODS = Path(__file__).parents[2] / "methods"
GENERATED = [name for name, path in find_methods([METHODS]).items() if name.startswith("aigc_")]


def test_there_are_ten() -> None:
    assert len(GENERATED) == 10


@needs_sandbox
@pytest.mark.parametrize("name", GENERATED)
def test_the_contract_is_kept_in_the_sandbox(name: str) -> None:
    with open_method(name, [METHODS], Policy()) as method:
        for check in checks_for(method.header):
            run_check(check, method)
