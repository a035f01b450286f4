"""Counts the calls to the state: at the port, and where there is a wire, on the wire."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Self, cast

import grpc  # type: ignore[import-untyped] # it ships no types
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport

from shared.ports import EnvironmentStore


class _CountingStore:
    def __init__(self, store: EnvironmentStore, counts: Counter[str]) -> None:
        self._store = store
        self._counts = counts
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def counted(*args: Any, **options: Any) -> Any:
            with self._lock:
                self._counts[name] += 1
            return method(*args, **options)

        return counted


def counting(store: EnvironmentStore, counts: Counter[str]) -> EnvironmentStore:
    """``store``, with the calls of its methods counted by name: each is one remote call."""
    return cast(EnvironmentStore, _CountingStore(store, counts))


class Wire(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc] # google's
    """Counts what a Firestore client really sends to ``address``, its own repeats included."""

    def __init__(self, counts: Counter[str], address: str) -> None:
        self._counts = counts
        self._channel = grpc.insecure_channel(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def client(self, project: str) -> firestore.Client:
        """Google's client, speaking through this."""
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call] # google's
        client = firestore.Client(project=project, credentials=credentials)
        channel = grpc.intercept_channel(self._channel, self)
        # The client takes no transport; this is where it keeps the one it makes at its first call.
        client._firestore_api_internal = FirestoreClient(
            transport=FirestoreGrpcTransport(channel=channel)
        )
        return client

    def intercept_unary_unary(self, proceed: Callable[..., Any], call: Any, request: Any) -> Any:
        """One request, one answer: a commit."""
        return self._counted(proceed, call, request)

    def intercept_unary_stream(self, proceed: Callable[..., Any], call: Any, request: Any) -> Any:
        """One request, many answers: a read or a query."""
        return self._counted(proceed, call, request)

    def _counted(self, proceed: Callable[..., Any], call: Any, request: Any) -> Any:
        self._counts[call.method.rpartition("/")[2]] += 1
        return proceed(call, request)
