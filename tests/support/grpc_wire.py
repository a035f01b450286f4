"""Between Google's Firestore client and the emulator: counts the calls, and fails on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from google.api_core.exceptions import Aborted, ServiceUnavailable
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport


class Wire(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc]
    """``calls`` are the methods called, each with its deadline in seconds.

    ``contend``: so many requests are refused because of contention; ``lose_answers``: so many are
    carried out and look as if they weren't.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, float | None]] = []
        self.lose_answers = 0
        self.contend = 0

    def intercept_unary_unary(self, proceed: Callable[..., Any], call: Any, request: Any) -> Any:
        self._note(call)
        if self.contend:
            self.contend -= 1
            raise Aborted("too much contention")
        answer = proceed(call, request)
        if self.lose_answers:
            self.lose_answers -= 1
            answer.result()  # applied
            raise ServiceUnavailable("the answer was lost")
        return answer

    def intercept_unary_stream(self, proceed: Callable[..., Any], call: Any, request: Any) -> Any:
        self._note(call)
        return proceed(call, request)

    def _note(self, call: Any) -> None:
        self.calls.append((call.method.rpartition("/")[2], call.timeout))

    def put_into(self, client: firestore.Client, host: str) -> grpc.Channel:
        """Let ``client`` speak through this; the caller closes the channel."""
        channel = grpc.insecure_channel(host)
        transport = FirestoreGrpcTransport(channel=grpc.intercept_channel(channel, self))
        client._firestore_api_internal = FirestoreClient(transport=transport)
        return channel
