"""Tests that need the sandbox skip, loudly, where bubblewrap is missing or is not allowed to work."""

import shutil
import subprocess

import pytest


def _obstacle() -> str:
    """Why nothing can be run under bubblewrap here; empty where it can."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (apt-get install bubblewrap)"
    probe = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"bubblewrap does not work here ({tried.stderr.strip()})" if tried.returncode else ""


_OBSTACLE = _obstacle()
needs_sandbox = pytest.mark.skipif(bool(_OBSTACLE), reason=f"{_OBSTACLE}: THE SANDBOX IS NOT TESTED")
