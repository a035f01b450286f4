"""Who sends a request: the address at which it came in says so.

Google knows a caller by its token; the clients of the functions send none here. So each account has
a port of its own for REST and for gRPC, in front of one cloud. Whoever comes to the cloud's main
ports (gcloud, curl, a test) is the owner. It must not know what an account may do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from starlette.types import ASGIApp, Receive, Scope, Send

OWNER = "owner"

_caller: ContextVar[str] = ContextVar("caller", default=OWNER)


def caller() -> str:
    """The account that sent the request being served, or ``OWNER``."""
    return _caller.get()


def by_port(app: ASGIApp, accounts: Mapping[int, str]) -> ASGIApp:
    """The application; a request that came in at one of these ports is the account's there."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        # The server runs each request in a context of its own: nothing has to be set back.
        _, port = scope["server"]
        _caller.set(accounts.get(port, OWNER))
        await app(scope, receive, send)

    return called


class CalledBy(grpc.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """For a gRPC server of one account: each of its requests is that account's."""

    def __init__(self, account: str) -> None:
        self._account = account

    def intercept_service(
        self, continuation: Callable[[Any], Any], handler_call_details: Any
    ) -> Any:
        """gRPC runs the handler in the context in which it is looked up."""
        _caller.set(self._account)
        return continuation(handler_call_details)
