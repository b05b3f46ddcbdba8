"""From an idea over a server to a status: every reply becomes a method, and none does harm."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prunebench.config.schema import SandboxLimits
from prunebench.contract.tiny_models import tiny_calibration, tiny_model
from prunebench.errors import PrunebenchError
from prunebench.generate.ask import generate
from prunebench.generate.prompt import Idea
from prunebench.generate.server import Request
from prunebench.judgement import judge
from prunebench.plugins.header import find_methods, read_header
from prunebench.prune.cell import prune_cell
from prunebench.sandbox.loading import open_method
from prunebench.sandbox.policy import Policy
from prunebench.targets import Target
from tests.bwrap import needs_sandbox
from tests.generate.replies import REPLIES
from tests.generate.server import serving

pytestmark = pytest.mark.slow

IDEAS = [Idea(name=name, idea=f"The idea is {name}.") for name in REPLIES]
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
    "parser": ("error", r"not valid Python"),
    "boolean": ("rejected", r"bool"),
    "applies": ("error", r"says that it does not apply"),
    "cut": ("error", r"not valid Python"),
}
NO_METHOD = {"nothing", "syntax", "header", "parser", "cut"}


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
        assert bool(answer.problem) == (answer.name in {f"llm_{name}_0" for name in NO_METHOD})
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


def test_a_machine_s_word_that_a_person_wrote_it_does_not_count(generated: Path) -> None:
    path = find_methods([generated])["llm_injection_0"]
    assert '"origin": "human"' in path.read_text()
    assert read_header(path).origin == "llm"


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"tiny at http://127\.0\.0\.1:9/v1 did not answer"):
        list(generate(IDEAS[:1], Request("http://127.0.0.1:9/v1", "tiny"), 1, tmp_path / "generated"))
    assert not (tmp_path / "generated").exists() or not list((tmp_path / "generated").iterdir())
