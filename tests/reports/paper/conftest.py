from pathlib import Path

import pytest

from prunebench.reports.paper.build import build_paper
from tests.reports.paper.small import write_paper, write_run


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all that is made of the small paper; the page is beside it."""
    root = tmp_path_factory.mktemp("paper")
    page = root / "reports" / "small.html"
    build_paper(write_paper(root / "small"), *write_run(root / "run"), page)
    return page.with_suffix("")
