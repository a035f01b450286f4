"""The REST client over real sockets: its requests, and its faults for bad answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from google.auth.credentials import AnonymousCredentials
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.api.http_server import Server
from shared.adapters.google_api.rest import Rest
from shared.domain.faults import CloudFault, Disposition

pytestmark = pytest.mark.slow


def echo(request: Request) -> Response:
    return JSONResponse(
        {
            "path": request.scope["raw_path"].decode(),
            "method": request.method,
            "query": str(request.url.query),
            "authorization": request.headers.get("authorization", ""),
        }
    )


ANSWERS = {
    "html": lambda: HTMLResponse("<h1>welcome</h1>"),
    "gateway": lambda: HTMLResponse("<h1>oops</h1>", status_code=502),
    "list": lambda: JSONResponse([1]),
    "moved": lambda: RedirectResponse("/echo/elsewhere"),
    "unauthenticated": lambda: JSONResponse({"error": {"code": 401}}, status_code=401),
}


def canned(request: Request) -> Response:
    return ANSWERS[request.path_params["what"]]()


@pytest.fixture
def rest() -> Iterator[Rest]:
    verbs = ["GET", "POST", "PATCH", "DELETE"]
    app = Starlette(
        routes=[
            Route("/echo/{rest:path}", echo, methods=verbs),
            Route("/{what}", canned, methods=verbs),
        ]
    )
    with Server(app) as server:
        yield Rest(f"{server.url}/", AnonymousCredentials())


def test_a_call_sends_its_path_and_parameters_and_no_token(rest: Rest) -> None:
    seen = rest.post("echo/v2/instances/a b:start", {}, requestId="r/1")
    assert seen == {
        "path": "/echo/v2/instances/a%20b:start",
        "method": "POST",
        "query": "requestId=r%2F1",
        "authorization": "",
    }


def test_each_method_sends_its_verb(rest: Rest) -> None:
    patched = rest.patch("echo/x", {}, updateMask="labels,gce_setup.tags")
    assert (patched["method"], patched["query"]) == ("PATCH", "updateMask=labels%2Cgce_setup.tags")
    assert rest.get("echo/x", pageToken="a b")["query"] == "pageToken=a+b"
    assert rest.delete("echo/x")["method"] == "DELETE"
    assert rest.ask("echo/x:check", {})["method"] == "POST"


def test_ask_and_get_are_never_uncertain(rest: Rest) -> None:
    for call in (lambda: rest.ask("gateway", {}), lambda: rest.get("gateway")):
        with pytest.raises(CloudFault) as caught:
            call()
        assert caught.value.disposition is Disposition.TEMPORARY
    with pytest.raises(CloudFault) as caught:
        rest.patch("gateway", {})
    assert caught.value.disposition is Disposition.UNCERTAIN


@pytest.mark.parametrize(
    ("what", "code", "on_change"),
    [
        ("html", "NO_ANSWER", Disposition.UNCERTAIN),
        ("list", "NO_ANSWER", Disposition.UNCERTAIN),
        ("gateway", "UNAVAILABLE", Disposition.UNCERTAIN),
        ("moved", "HTTP_307", Disposition.UNCERTAIN),
        ("unauthenticated", "NO_CREDENTIALS", Disposition.TEMPORARY),
    ],
)
def test_a_bad_answer_is_a_fault(rest: Rest, what: str, code: str, on_change: Disposition) -> None:
    with pytest.raises(CloudFault) as caught:
        rest.post(what, {})
    assert (caught.value.code, caught.value.disposition) == (code, on_change)
    with pytest.raises(CloudFault) as caught:
        rest.get(what)
    assert caught.value.disposition is Disposition.TEMPORARY


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_refused_connection_is_temporary() -> None:
    rest = Rest(f"http://127.0.0.1:{free_port()}", AnonymousCredentials())
    with pytest.raises(CloudFault) as caught:
        rest.post("v2/x", {})
    assert (caught.value.code, caught.value.disposition) == ("NO_CONNECTION", Disposition.TEMPORARY)


def test_a_server_that_never_answers_times_out() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        rest = Rest(
            f"http://127.0.0.1:{silent.getsockname()[1]}", AnonymousCredentials(), read_seconds=0.2
        )
        with pytest.raises(CloudFault) as caught:
            rest.delete("v2/x")
    assert (caught.value.code, caught.value.disposition) == ("NO_ANSWER", Disposition.UNCERTAIN)


def test_it_can_be_used_from_several_threads(rest: Rest) -> None:
    failures: list[CloudFault] = []

    def call() -> None:
        try:
            for _ in range(10):
                rest.get("echo/x")
        except CloudFault as fault:
            failures.append(fault)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
