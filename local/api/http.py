"""Routes for HTTP APIs: plain functions from `Incoming` to an answer.

This module reads bodies, runs the functions in a thread pool, and turns their exceptions into
Google's error envelope or a closed connection. It must not know any service.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from local.api.unserved import Unserved
from local.cloud import Cloud
from local.cloud.delayed_requests import repeatable
from local.errors import ApiError, ConnectionDropped
from local.iam.permissions import When, conditions_of

# A path may end in a custom verb: "instances/nb1:diagnose" is not an instance's name.
_LAST_PLACEHOLDER = re.compile(r"\{(\w+)\}((?::\w+)?)$")

# Requests served at the same time; one that waits (a pull, a delay) keeps its thread.
_limiter = CapacityLimiter(128)
_PEOPLE = ("curl/", "wget/", "httpie/", "mozilla/")  # User-Agents whose answers people read
ABORT = "local.abort"  # the ASGI extension that closes the connection; see http_server


class _IdConvertor(StringConvertor):
    regex = "[^/:]+"


register_url_convertor("id", _IdConvertor())


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request, its body already read."""

    method: str
    path: str  # percent-decoded
    raw_path: str  # as sent, without the query: keeps "%2F" in an object's name
    params: Mapping[str, str]  # from the route's {placeholders}, decoded
    query: QueryParams
    headers: Headers
    body: bytes
    base_url: str  # "http://127.0.0.1:8080", for links to this server

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

    def permission_conditions(self) -> tuple[When, ...]:
        """Conditions that the body meets under which further permissions are needed."""
        try:
            return conditions_of(self.json())
        except ApiError:  # the method itself reports an invalid body
            return ()


Answer = Response | Mapping[str, Any]
Handler = Callable[[Incoming], Answer]


def route(method: str, path: str, handler: Handler) -> Route:
    """A Starlette route for one HTTP method; the handler runs in a thread and may block.

    A mapping it returns is sent as JSON; ApiError and ConnectionDropped may be raised.
    """

    def serve(incoming: Incoming) -> Answer:
        if method == "GET":  # a read has no effect that could be applied later
            return handler(incoming)
        with repeatable(lambda: handler(incoming)):
            return handler(incoming)

    async def endpoint(request: Request) -> Response:
        incoming = _incoming(request, await request.body())
        answer = await anyio.to_thread.run_sync(serve, incoming, limiter=_limiter)
        return answer if isinstance(answer, Response) else _json_answer(request, answer)

    return Route(_LAST_PLACEHOLDER.sub(r"{\1:id}\2", path), endpoint, methods=[method])


def build_app(cloud: Cloud, routes: Iterable[Iterable[BaseRoute]]) -> Starlette:
    """One application with the routes of several services.

    A request that matches no route is refused by name (see `unserved`) and logged as service
    "unknown", so that calls of methods which the local cloud lacks can be found.
    """

    served = [known for service in routes for known in service]
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
            ConnectionDropped: lambda request, error: _Aborted(),
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
    """JSON that ends with a line break; indented for clients that show it to people."""
    reader = request.headers.get("User-Agent", "").lower()
    indent, separators = (2, None) if reader.startswith(_PEOPLE) else (None, (",", ":"))
    text = json.dumps(
        body, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )
    return Response(text + "\n", status, media_type="application/json")


class _Aborted(Response):
    """No answer: closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][ABORT]()
        # Wait for the end of the connection: otherwise uvicorn would answer 500 on it.
        while (await receive())["type"] != "http.disconnect":
            pass
