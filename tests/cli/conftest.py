"""A project folder with this repository's config and methods, and a way to run the command in it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from prunebench.cli.app import main
from tests.shipped_project import enter_shipped_project


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return enter_shipped_project(tmp_path, monkeypatch)


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> Result:
        monkeypatch.setattr("sys.argv", ["prunebench", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return Result(int(stopped.value.code or 0), captured.out, captured.err)

    return run
