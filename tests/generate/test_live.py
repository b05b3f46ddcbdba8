"""The live track against a real server: the default model is asked, and whatever it writes gets a status."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from prunebench.assets.models import materialise_model
from prunebench.config.load import load_config
from prunebench.config.schema import SandboxLimits
from prunebench.config.strict import read_yaml
from prunebench.errors import PrunebenchError
from prunebench.generate.ask import generate
from prunebench.generate.prompt import read_ideas
from prunebench.generate.server import Request
from tests.bwrap import needs_sandbox
from tests.generate.test_generate import status_of

ROOT = Path(__file__).parents[2]
NAME = "smollm2-135m"
STATUSES = {"ok", "na", "error", "rejected", "timeout", "oom"}

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture(scope="module")
def default_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assets")
    spec = load_config(read_yaml(ROOT / "config/config.yaml")).model_registry[NAME]
    try:
        materialise_model(NAME, spec, folder / NAME, downloads=folder / "downloads")
    except PrunebenchError as error:
        if "could not be reached" in str(error):
            pytest.skip(str(error))
        raise
    return folder / NAME


@pytest.fixture
def endpoint(default_model: Path, tmp_path: Path) -> Iterator[str]:
    """`transformers serve` on loopback, with that model and nothing from the hub."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    # Into a file: nobody empties a pipe while the server answers.
    log = tmp_path / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--device", "cpu", "--dtype", "bfloat16", str(default_model)],
            env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_until_it_answers(server, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()
        # pytest shows it only beside a failure.
        print(f"the end of what the server wrote:\n{_tail(log)}")


def _wait_until_it_answers(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(240):
        time.sleep(0.5)
        if server.poll() is not None:
            pytest.fail(f"the server ended: {_tail(log)}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            continue
    pytest.fail(f"the server did not answer within two minutes: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_bytes()[-2000:].decode(errors="replace")


@needs_sandbox
def test_what_the_default_model_writes_is_stored_and_gets_a_status(
    endpoint: str, default_model: Path, tmp_path: Path
) -> None:
    ideas = read_ideas(ROOT / "config/ideas.yaml")[:1]
    request = Request(endpoint, str(default_model), max_tokens=64)
    answers = list(generate(ideas, request, 1, tmp_path / "generated"))
    assert [answer.asked for answer in answers] == [True]
    for answer in answers:
        record = json.loads((tmp_path / f"generated/{answer.name}-reply.json").read_text())
        assert record["text"]
        assert record["tokens"]
        assert record["raw"]["choices"][0]["message"]["content"] == record["text"]
        assert (tmp_path / f"generated/{answer.name}.py").read_bytes() == record["code"].encode()
        status, reason = status_of(answer.name, tmp_path, SandboxLimits(minutes=1, memory_gb=0.5))
        assert status in STATUSES
        assert bool(reason) == (status != "ok")
