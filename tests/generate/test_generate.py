"""From an idea over a server to a status: every reply becomes a method, and none does harm."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prunebench.config.schema import SandboxLimits
from prunebench.contract.tiny_models import tiny_calibration, tiny_model
from prunebench.errors import PrunebenchError
from prunebench.generate.ask import Request, generate
from prunebench.generate.prompt import Idea
from prunebench.judgement import judge
from prunebench.plugins.header import find_methods, read_header
from prunebench.prune.cell import prune_cell
from prunebench.sandbox.loading import open_method
from prunebench.sandbox.policy import Policy
from prunebench.targets import Target
from tests.generate.replies import REPLIES
from tests.generate.server import serving

IDEAS = [Idea(name=name, idea=f"The idea is {name}.") for name in REPLIES]
PROBE = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
needs_sandbox = pytest.mark.skipif(
    shutil.which("bwrap") is None or subprocess.run(PROBE, capture_output=True, check=False).returncode != 0,
    reason="bubblewrap does not work here: WHAT A MODEL WROTE IS NOT TESTED (apt-get install bubblewrap)",
)
EXPECTED = {
    "good": ("ok", ""),
    "shape": ("rejected", r"returned a saliency"),
    "loop": ("timeout", r"took (longer|more CPU time) than sandbox.minutes"),
    "bomb": ("oom", ""),
    "network": ("error", r"(OSError|ConnectionRefusedError|PermissionError)"),
    "deletion": ("error", r"(FileNotFoundError|OSError|PermissionError)"),
    "injection": ("ok", ""),
    "nothing": ("error", r"holds no code"),
    "two": ("ok", ""),
    "syntax": ("error", r"not valid Python"),
    "header": ("error", r"unknown key 'colour'"),
    "bare": ("ok", ""),
    "cut": ("error", r"not valid Python"),
}


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious.txt"
    path.write_text("keep me")
    return path


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def generated(tmp_path: Path, precious: Path, listening: socket.socket) -> Path:
    """A folder of methods whose `generated/` has what the server answered."""

    def reply(body: dict[str, Any]) -> str:
        name = re.search(r"The idea is (\w+)\.", body["messages"][0]["content"])
        assert name is not None
        text = REPLIES[name[1]]
        return text.replace("PRECIOUS", str(precious)).replace("PORT", str(listening.getsockname()[1]))

    with serving(reply) as (url, received):
        answers = list(generate(IDEAS, Request(url, "tiny"), 1, tmp_path / "generated"))
    assert len(received) == len(answers) == len(IDEAS)
    assert {answer.name for answer in answers} == {f"llm_{name}_0" for name in REPLIES}
    for answer in answers:
        assert bool(answer.problem) == (answer.name in ("llm_nothing_0", "llm_syntax_0", "llm_header_0", "llm_cut_0"))
    return tmp_path


def status_of(name: str, folder: Path, limits: SandboxLimits) -> tuple[str, str]:
    try:
        with open_method(name, [folder], Policy(limits)) as method:
            prune_cell(tiny_model("opt"), method, Target.parse("u50"), tiny_calibration())
    except PrunebenchError as error:
        return judge(error, ())
    return "ok", ""


@needs_sandbox
def test_every_reply_gets_its_status(generated: Path, precious: Path, listening: socket.socket) -> None:
    for name, (status, reason) in EXPECTED.items():
        limits = SandboxLimits(minutes=0.05 if name == "loop" else 5, memory_gb=0.5)
        found = status_of(f"llm_{name}_0", generated, limits)
        assert found[0] == status, (name, found)
        assert re.search(reason, found[1]), (name, found)
    assert precious.read_text() == "keep me"
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_what_is_stored_says_where_it_comes_from(generated: Path) -> None:
    files = find_methods([generated])
    assert sorted(files) == sorted(f"llm_{name}_0" for name in REPLIES)
    record = json.loads((generated / "generated/llm_good_0-reply.json").read_text())
    assert record["text"] == REPLIES["good"]
    assert record["code"] == files["llm_good_0"].read_text()
    assert record["code"] in record["text"]
    assert record["model"] == "tiny"
    assert record["template"] == "method-1"
    assert len(record["prompt_sha256"]) == 64
    assert {"temperature", "max_tokens", "seed", "date", "endpoint", "finish_reason", "idea"} <= record.keys()


def test_a_machine_s_word_that_a_person_wrote_it_does_not_count(generated: Path) -> None:
    path = find_methods([generated])["llm_injection_0"]
    assert '"origin": "human"' in path.read_text()
    assert read_header(path).origin == "llm"


def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    folder = tmp_path / "generated"
    with serving(lambda body: REPLIES["good"]) as (url, received):
        first = list(generate(IDEAS[:1], Request(url, "tiny"), 1, folder))
        second = list(generate(IDEAS[:1], Request(url, "tiny"), 2, folder))
        assert [answer.asked for answer in first + second] == [True, False, True]
        assert [body["seed"] for body in received] == [0, 1]
        with pytest.raises(PrunebenchError, match="of another model, prompt or setting"):
            list(generate(IDEAS[:1], Request(url, "other"), 1, folder))


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"tiny at http://127\.0\.0\.1:9/v1 did not answer"):
        list(generate(IDEAS[:1], Request("http://127.0.0.1:9/v1", "tiny"), 1, tmp_path / "generated"))
    assert not (tmp_path / "generated").exists() or not list((tmp_path / "generated").iterdir())
