"""A model hub on the loopback: enough of its HTTP interface for the real client libraries to download from."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"

# "models/owner/name" or "datasets/owner/name" -> file name -> content
Repositories = dict[str, dict[str, bytes]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repositories: Repositories
    gated: frozenset[str]
    requests: list[str]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.requests.append(f"{self.command} {path}")
        parts = path.removeprefix("api/").split("/")
        if parts[0] not in {"models", "datasets"}:
            parts.insert(0, "models")  # a model's files lie at the top, a dataset's below /datasets
        repository, rest = "/".join(parts[:3]), parts[3:]
        files = self.repositories.get(repository)
        if files is None:
            return self._refuse(404, "RepoNotFound")
        if repository in self.gated:
            return self._refuse(403, "GatedRepo")
        action, revision, *inner = [*rest, "revision", COMMIT][:2] + rest[2:]
        if revision not in {COMMIT, "main"}:
            return self._refuse(404, "RevisionNotFound")
        if action == "resolve":
            name = "/".join(inner)
            if name not in files:
                return self._refuse(404, "EntryNotFound")
            return self._send(files[name], "application/octet-stream", self._digest(files[name]))
        if action == "tree":
            return self._send_json(self._tree(files, "/".join([*inner, ""])))
        if action == "paths-info":
            wanted = json.loads(self._body)["paths"]
            return self._send_json([self._entry(name, files[name]) for name in wanted if name in files])
        if action == "revision":
            siblings = [{"rfilename": name} for name in files]
            name = repository.split("/", 1)[1]
            return self._send_json({"id": name, "sha": COMMIT, "private": False, "siblings": siblings, "tags": []})
        return self._refuse(404, "EntryNotFound")

    @staticmethod
    def _digest(content: bytes) -> str:
        return hashlib.sha1(content).hexdigest()

    def _entry(self, name: str, content: bytes) -> dict[str, object]:
        return {"type": "file", "path": name, "size": len(content), "oid": self._digest(content)}

    def _tree(self, files: dict[str, bytes], under: str) -> list[dict[str, object]]:
        """The folder's files and subfolders; all files below it if the query asks for `recursive`."""
        below = {name: content for name, content in files.items() if name.startswith(under)}
        if "recursive=true" in urlsplit(self.path).query.lower():
            return [self._entry(name, content) for name, content in below.items()]
        direct = [self._entry(name, content) for name, content in below.items() if "/" not in name[len(under) :]]
        folders = {under + name[len(under) :].split("/")[0] for name in below if "/" in name[len(under) :]}
        return direct + [{"type": "directory", "path": name, "oid": "0" * 40, "size": 0} for name in sorted(folders)]

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), "application/json", "none")

    def _send(self, content: bytes, kind: str, etag: str) -> None:
        start = 0
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(content) - 1), len(content) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
            content = content[start : end + 1]
        else:
            self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stand_in_hub(repositories: Repositories, gated: frozenset[str] = frozenset()) -> Iterator[tuple[str, list[str]]]:
    """Serve the repositories, each at `COMMIT`; gives the address for HF_ENDPOINT and the requests as they come."""
    requests: list[str] = []
    handler = type("Handler", (_Handler,), {"repositories": repositories, "gated": gated, "requests": requests})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
