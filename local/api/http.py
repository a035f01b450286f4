"""HTTP for the faces: requests in, JSON or errors out, and a server that runs in a thread.

A face writes plain functions from `Incoming` to an answer; this module reads bodies, runs the
functions in a thread pool, and turns their exceptions into Google's error envelope or a cut
connection. It must not know any service.
"""

import json
import re
import socket
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import anyio.to_thread
import uvicorn
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from local.api.unserved import Unserved
from local.cloud import Cloud
from local.cloud.delayed_requests import repeatable
from local.errors import ApiError, ConnectionDropped
from local.iam.callers import by_port
from local.iam.permissions import When, brought_by

# The last part of a path may end in a custom verb: "instances/nb1:diagnose" is not an instance.
_LAST_PLACEHOLDER = re.compile(r"\{(\w+)\}((?::\w+)?)$")

# Requests that may be in hand at once; one that waits (a pull, a delay) keeps its thread.
_limiter = CapacityLimiter(128)
_PEOPLE = ("curl/", "wget/", "httpie/", "mozilla/")  # how their User-Agents begin
_CUT = "local.cut"  # the ASGI extension by which an answer can cut its connection


class _IdConvertor(StringConvertor):
    regex = "[^/:]+"


register_url_convertor("id", _IdConvertor())


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request, its body already read."""

    method: str
    path: str  # percent-decoded
    raw_path: str  # as sent, without the query: "%2F" in an object's name is still there
    params: Mapping[str, str]  # from the route's {placeholders}, decoded
    query: QueryParams
    headers: Headers
    body: bytes
    base_url: str  # "http://127.0.0.1:8080", to build links to ourselves

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object; else 400."""
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise ApiError.invalid(f"Invalid JSON payload received. {error}") from error
        if not isinstance(value, dict):
            raise ApiError.invalid("Invalid JSON payload received. The root must be an object.")
        return value

    def brought(self) -> tuple[When, ...]:
        """What the body brings along that needs further permissions; a wrong one brings nothing."""
        try:
            return brought_by(self.json())
        except ApiError:  # said properly by the method itself
            return ()


Answer = Response | Mapping[str, Any]
Handler = Callable[[Incoming], Answer]


def route(method: str, path: str, handler: Handler) -> Route:
    """A Starlette route for one HTTP method; the handler runs in a thread and may block.

    A mapping it returns is sent as JSON; ApiError and ConnectionDropped may be raised.
    """

    def serve(incoming: Incoming) -> Answer:
        if method == "GET":  # a read has no effect, so there is nothing to carry out later
            return handler(incoming)
        with repeatable(lambda: handler(incoming)):
            return handler(incoming)

    async def endpoint(request: Request) -> Response:
        incoming = _incoming(request, await request.body())
        answer = await anyio.to_thread.run_sync(serve, incoming, limiter=_limiter)
        return answer if isinstance(answer, Response) else _json_answer(request, answer)

    return Route(_LAST_PLACEHOLDER.sub(r"{\1:id}\2", path), endpoint, methods=[method])


def build_app(cloud: Cloud, faces: Iterable[Iterable[BaseRoute]]) -> Starlette:
    """One application out of every face's routes.

    A request that no face takes is refused by name (see `unserved`) and logged as service
    "unknown": a client that calls something the local cloud lacks should be seen, not guessed at.
    """

    served = [known for face in faces for known in face]
    unserved = Unserved(served)

    def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        target = request.url.path
        try:
            with cloud.call("unknown", request.method, target):
                raise unserved.refusal(request.method, target)
        except ApiError as raised:
            return _error_answer(request, raised)

    return Starlette(
        routes=served,
        exception_handlers={
            ApiError: _error_answer,
            ConnectionDropped: lambda request, error: _Cut(),
            HTTPException: unknown,
        },
    )


def _incoming(request: Request, body: bytes) -> Incoming:
    return Incoming(
        method=request.method,
        path=request.url.path,
        raw_path=request.scope["raw_path"].decode("latin-1"),
        params=dict(request.path_params),
        query=request.query_params,
        headers=request.headers,
        body=body,
        base_url=str(request.base_url).rstrip("/"),
    )


def _error_answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _json_answer(request, error.to_json(), error.http)


def _json_answer(request: Request, body: Mapping[str, Any], status: int = 200) -> Response:
    """JSON with a line break at its end, indented where curl or the like shows it to a person."""
    reader = request.headers.get("User-Agent", "").lower()
    indent, separators = (2, None) if reader.startswith(_PEOPLE) else (None, (",", ":"))
    text = json.dumps(
        body, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )
    return Response(text + "\n", status, media_type="application/json")


class _Cut(Response):
    """No answer at all: closes the connection, so that the client sees it break."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][_CUT]()
        # Returning at once would make uvicorn answer 500 into a connection that is still closing.
        while (await receive())["type"] != "http.disconnect":
            pass


class _Protocol(H11Protocol):
    """uvicorn's HTTP, plus a handle in the scope to cut the connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        inner: ASGIApp = config.loaded_app

        async def with_cut(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_CUT] = self.transport.abort
            await inner(scope, receive, send)

        self.app = with_cut


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class Server:
    """An application served on loopback from a thread of this process.

    `with Server(app) as server: requests.get(server.url)`; port 0 picks a free one, known at once.
    `accounts`: the port of each that has one of its own; `urls` has where they are.
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
        """Stop serving; requests in hand have 2 s to end."""
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
    """A socket for each port on loopback, all of them or none."""
    sockets = []
    try:
        for port in ports:
            # asyncio turns TCP_NODELAY on only where the protocol is named: without it, a socket of
            # protocol 0 costs a client 44 ms a call (Nagle against delayed acknowledgements).
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
