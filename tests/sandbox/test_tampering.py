"""Methods that write into the pipe to their parent: no reply is believed, and none is read too far."""

from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from tests.bwrap import needs_sandbox
from tests.sandbox.conftest import Call, check_failure, check_timeout

METHOD = "tampering_method.py"
pytestmark = needs_sandbox

# mode: status, part of the reason
FORGERIES: dict[str, tuple[str, str]] = {
    "raw_pickle": ("rejected", "no message"),
    "endless_header": ("rejected", "no message"),
    "forged_size": ("rejected", "(33554432, 33554432)"),
    "forged_offsets": ("rejected", "no message"),
    "forged_name": ("rejected", "an unexpected tensor '../../xxx"),
    "forged_nesting": ("rejected", "no message"),
    "forged_message": ("rejected", "no message"),
    "forged_status": ("rejected", "no reply"),
}


@pytest.mark.parametrize("mode", FORGERIES)
def test_a_forged_reply_is_refused(call: Call, tmp_path: Path, mode: str) -> None:
    check_failure(call, mode, tmp_path / "mark", *FORGERIES[mode])


@pytest.mark.parametrize("mode", ["half_a_message", "closes_the_pipe"])
def test_silence_ends_when_its_time_is_over(hostile_file: Path, mode: str) -> None:
    check_timeout(hostile_file, mode)


def test_bytes_too_many_do_not_become_the_next_reply(call: Call) -> None:
    call("forged_success_and_more")
    with pytest.raises(PrunebenchError):
        call("good")
