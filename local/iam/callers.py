"""The account that sends a request, identified by the port at which the request arrives.

Google identifies a caller by its token, but the functions' clients send no tokens here. So each
account has its own REST port and gRPC port. Requests to the cloud's main ports (from gcloud, curl,
a test) are the owner's. It must not know permissions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from starlette.types import ASGIApp, Receive, Scope, Send

OWNER = "owner"
USER_EMAIL = "caller@example.com"  # shown as the creator of resources, since nobody signs in

_caller: ContextVar[str] = ContextVar("caller", default=OWNER)


def caller() -> str:
    """The account that sent the request being served, or ``OWNER``."""
    return _caller.get()


def by_port(app: ASGIApp, accounts: Mapping[int, str]) -> ASGIApp:
    """Wrap an application so that each request gets the account of its port."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        # No reset: the server runs each request in its own context.
        _, port = scope["server"]
        _caller.set(accounts.get(port, OWNER))
        await app(scope, receive, send)

    return called


class CalledBy(grpc.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """For a gRPC server of one account: all its requests get that account."""

    def __init__(self, account: str) -> None:
        self._account = account

    def intercept_service(
        self, continuation: Callable[[Any], Any], handler_call_details: Any
    ) -> Any:
        """Set the account here: gRPC runs the handler in the same context as this look-up."""
        _caller.set(self._account)
        return continuation(handler_call_details)
