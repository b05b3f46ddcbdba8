from pathlib import Path
from typing import Any

import pytest

from tests.config.project import write_project


@pytest.fixture
def mapping(tmp_path: Path) -> dict[str, Any]:
    """A valid config; tests spoil it."""
    return write_project(tmp_path)
