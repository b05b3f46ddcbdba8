"""The command as a whole: quick to start, and errors for people."""

import subprocess
import sys

import pytest

from tests.cli.conftest import Run


def test_help_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys\n"
        "from prunebench.cli.app import main\n"
        "sys.argv = ['prunebench', '--help']\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = {'torch', 'transformers', 'numpy', 'pandas', 'pydantic', 'yaml', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    for command in ("check", "new-method", "generate", "export", "status", "retry"):
        assert command in result.stdout


def test_errors_are_one_line_without_a_traceback(run: Run) -> None:
    result = run("check", "wandaa")
    assert result.code == 2
    assert result.err == "prunebench: unknown method 'wandaa' in methods; did you mean 'wanda'?\n"
    assert result.out == ""


@pytest.mark.parametrize("command", ["status", "retry"])
def test_a_missing_config_is_told(run: Run, command: str) -> None:
    result = run(command, "--configfile", "config/other.yaml")
    assert result.code == 2
    assert "config/other.yaml does not exist; run this in the project's folder" in result.err
