import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What `make docs` runs, in a process of its own: its hooks may import anything but torch. Not --quiet: then MkDocs does
# not count warnings, and --strict means nothing.
_BUILD = """
import sys
from mkdocs.__main__ import cli
cli(["build", "--strict", "--site-dir", sys.argv[1]], standalone_mode=False)
sys.exit("torch was imported" if "torch" in sys.modules else 0)
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built documentation."""
    pytest.importorskip("mkdocs", reason="mkdocs is missing: the documentation is not built")
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run([sys.executable, "-c", _BUILD, folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def hooks(monkeypatch):
    """Lets a test import the modules of docs/hooks."""
    monkeypatch.syspath_prepend(str(ROOT / "docs/hooks"))
