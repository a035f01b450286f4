"""An HTTP server on loopback that runs in a thread.

It must not know what it serves.
"""

import socket
import threading
from asyncio import AbstractEventLoop
from collections.abc import Iterable, Mapping
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from local.api.http import ABORT
from local.iam.callers import by_port


class _Protocol(H11Protocol):
    """uvicorn's HTTP protocol, with a function in the scope that closes the connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        inner: ASGIApp = config.loaded_app

        async def with_abort(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[ABORT] = self.transport.abort
            await inner(scope, receive, send)

        self.app = with_abort


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class Server:
    """An application served on loopback by a thread of this process.

    `with Server(app) as server: requests.get(server.url)`. Port 0 takes a free port, known at once.
    `accounts`: the port of each account that has its own; `urls` has their URLs.
    """

    def __init__(
        self, app: ASGIApp, port: int = 0, accounts: Mapping[str, int] | None = None
    ) -> None:
        accounts = accounts or {}
        self._sockets = _listening([port, *accounts.values()])
        self.port, *ports = (int(one.getsockname()[1]) for one in self._sockets)
        self.url = _url(self.port)
        self.urls = {name: _url(own) for name, own in zip(accounts, ports, strict=True)}
        config = Config(
            by_port(app, dict(zip(ports, accounts, strict=True))),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        self._uvicorn = _Uvicorn(config)
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=(self._sockets,), name="local-cloud-http", daemon=True
        )

    def start(self) -> None:
        """Serve; returns when requests are answered."""
        self._thread.start()
        if not self._uvicorn.ready.wait(10):
            raise RuntimeError("the HTTP server did not start in 10 s")

    def stop(self) -> None:
        """Stop serving; running requests get 2 s to finish."""
        self._uvicorn.should_exit = True
        if self._thread.is_alive():
            self._thread.join(10)
        for one in self._sockets:
            one.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _listening(ports: Iterable[int]) -> list[socket.socket]:
    """A socket for each port on loopback; none if one fails."""
    sockets = []
    try:
        for port in ports:
            # asyncio sets TCP_NODELAY only if the protocol is given; without it every call takes
            # 44 ms longer (Nagle's algorithm and delayed acknowledgements).
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
            one.listen(512)
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
