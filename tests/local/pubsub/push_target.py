"""An HTTP endpoint for push tests that records requests and gives scripted answers."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Push:
    path: str
    headers: dict[str, str]  # names in lower case
    body: dict[str, Any]
    at: float

    @property
    def message(self) -> dict[str, Any]:
        return self.body["message"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Python's default of 5 is too small: waiting connections would be delayed by a second.
    request_queue_size = 128


class PushTarget:
    """`answer` gets every push and returns the status; the default is always 204."""

    def __init__(self, answer: Callable[[Push], int] = lambda push: 204) -> None:
        self.answer = answer
        self.got: list[Push] = []
        self.now = self.most = 0  # simultaneous requests: current and maximum
        self._arrived = threading.Condition()
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                target._serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/push"

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        push = Push(handler.path, headers, json.loads(body), time.monotonic())
        with self._arrived:
            self.got.append(push)
            self.now += 1
            self.most = max(self.most, self.now)
            self._arrived.notify_all()
        status = self.answer(push)
        with self._arrived:
            self.now -= 1
        try:
            handler.send_response(status)
            handler.end_headers()
        except OSError:
            pass  # the sender has timed out

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Push]:
        """The pushes so far, once there are `count` of them; fails after `timeout`."""
        with self._arrived:
            arrived = self._arrived.wait_for(lambda: len(self.got) >= count, timeout)
        assert arrived, f"{len(self.got)} pushes of {count} after {timeout} s"
        return list(self.got)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def fail_first(times: int, status: int = 500) -> Callable[[Push], int]:
    """An answer that fails the first pushes and acknowledges all later ones."""
    seen = iter(range(times))
    return lambda push: 204 if next(seen, None) is None else status
