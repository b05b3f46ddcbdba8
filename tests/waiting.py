"""Waiting for what other processes do."""

import time
from collections.abc import Callable


def wait_until(true: Callable[[], object], what: str, seconds: float = 180) -> None:
    """Return when it is; fail if that takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
