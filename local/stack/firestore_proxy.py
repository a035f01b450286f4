"""Checks permissions in front of Google's Firestore emulator, which checks none.

One gRPC server for each account passes every call on as it is, after the gate of the local cloud:
so it is logged, open to faults, and refused like any other. It reads of a request only what decides
about permissions, as Google documents them:
https://docs.cloud.google.com/firestore/docs/security/iam.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.cloud.firestore_v1 import types

from local.api.rpc import errors_to, serve
from local.cloud import Cloud
from local.errors import ApiError
from local.iam.permissions import When

_SERVICE = "/google.firestore.v1.Firestore/"
_THREADS = 16

Given = tuple[When, ...]


class FirestoreGate:
    """``addresses`` has an address for each account, for FIRESTORE_EMULATOR_HOST."""

    def __init__(self, emulator: str, cloud: Cloud, accounts: Iterable[str]) -> None:
        self._emulator = emulator
        self._cloud = cloud
        self._accounts = list(accounts)
        self._servers: list[Any] = []
        self.addresses: dict[str, str] = {}

    def start(self) -> None:
        """Serve every account."""
        self._channel = grpc.insecure_channel(
            self._emulator, [("grpc.max_receive_message_length", -1)]
        )
        for account in self._accounts:
            passing = _Passing(self._cloud, self._channel)
            server, port = serve([passing], account, threads=_THREADS)
            self.addresses[account] = f"127.0.0.1:{port}"
            self._servers.append(server)

    def stop(self) -> None:
        """Stop serving; the emulator runs on."""
        for stopping in [server.stop(grace=None) for server in self._servers]:
            stopping.wait()
        self._channel.close()


class _Passing(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """Passes bytes on: on the wire, a unary call is a stream of one message."""

    def __init__(self, cloud: Cloud, channel: Any) -> None:
        self._cloud = cloud
        self._channel = channel

    def service(self, handler_call_details: Any) -> Any:
        path = str(handler_call_details.method)
        method = path.removeprefix(_SERVICE)
        metadata = [(k, v) for k, v in handler_call_details.invocation_metadata if _passes(k)]
        forward = self._channel.stream_stream(path)

        def passed(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            first = next(requests)
            target, given = _read(method, first)
            with errors_to(context), self._cloud.call("firestore", method, target, *given):
                answers = forward(
                    iter([first]), metadata=metadata, timeout=context.time_remaining()
                )
                try:
                    yield from answers
                except grpc.RpcError as error:
                    context.set_trailing_metadata(error.trailing_metadata() or ())
                    raise ApiError(error.code().name, error.details() or "") from error

        return grpc.stream_stream_rpc_method_handler(passed)


def _passes(key: str) -> bool:
    """Not what the transport writes itself."""
    return key != "user-agent" and not key.startswith("grpc-")


def _read(method: str, message: bytes) -> tuple[str, Given]:
    """What a call is about, and what in it needs further permissions."""
    if method not in _READERS:
        return "", ()
    kind, read = _READERS[method]
    return read(kind.deserialize(message))


def _writes(request: Any) -> tuple[str, Given]:
    writes = list(request.writes)
    first = writes[0].update.name or writes[0].delete if writes else request.database
    return first, tuple({when for write in writes for when in _of_write(write)})


def _of_write(write: Any) -> Given:
    if write.delete:
        return (When.DELETES,)
    condition = write.current_document
    if "exists" in condition:
        return (When.UPDATES,) if condition.exists else (When.CREATES,)
    return (When.UPDATES,) if "update_time" in condition else (When.CREATES, When.UPDATES)


def _documents(request: Any) -> tuple[str, Given]:
    return next(iter(request.documents), request.database), _transaction(request)


def _query(request: Any) -> tuple[str, Given]:
    return _collection(request, request.structured_query), _transaction(request)


def _aggregation(request: Any) -> tuple[str, Given]:
    query = request.structured_aggregation_query.structured_query
    return _collection(request, query), _transaction(request)


def _collection(request: Any, query: Any) -> str:
    return "/".join([request.parent, *(one.collection_id for one in query.from_)])


def _transaction(request: Any) -> Given:
    begins = "new_transaction" in request or request.transaction
    return (When.TRANSACTION,) if begins else ()


# The requests to look into; every other method needs the same whatever it is asked.
_READERS: dict[str, tuple[Any, Callable[[Any], tuple[str, Given]]]] = {
    "BatchGetDocuments": (types.BatchGetDocumentsRequest, _documents),
    "BatchWrite": (types.BatchWriteRequest, _writes),
    "Commit": (types.CommitRequest, _writes),
    "RunAggregationQuery": (types.RunAggregationQueryRequest, _aggregation),
    "RunQuery": (types.RunQueryRequest, _query),
}
