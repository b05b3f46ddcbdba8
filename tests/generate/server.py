"""A server on loopback that speaks as much of OpenAI's protocol as the client needs, with canned replies."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(content: Any, **others: Any) -> dict[str, Any]:
    """A whole reply with this content; `others` replace its parts."""
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": "canned",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 7, "total_tokens": 8},
    } | others  # fmt: skip


@contextmanager
def serving(
    reply: Callable[[dict[str, Any]], str | bytes], status: int = 200
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve; `reply` gets a request's body and returns the text, or as bytes all that is sent.

    Yields the base URL and the bodies received. Elsewhere than below the base URL there is an error with the path.
    """
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append(body)
            if self.path.partition("?")[0] == "/v1/chat/completions":
                answer = reply(body)
                self.send(status, json.dumps(completion(answer)).encode() if isinstance(answer, str) else answer)
            else:
                self.send(404, json.dumps({"error": {"message": f"nothing at {self.path}"}}).encode())

        def send(self, status: int, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Nothing on the console."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
