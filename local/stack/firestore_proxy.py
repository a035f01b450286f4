"""A gRPC proxy that checks permissions before Google's Firestore emulator, which checks none.

One server for each account forwards every call unchanged, inside `Cloud.call`: so calls are logged,
and scripted faults and permissions apply. It reads only the parts of a request on which the needed
permissions depend, as documented by Google:
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

Conditions = tuple[When, ...]


class FirestoreProxy:
    """``addresses``: for each account its address for FIRESTORE_EMULATOR_HOST."""

    def __init__(self, emulator: str, cloud: Cloud, accounts: Iterable[str]) -> None:
        self._emulator = emulator
        self._cloud = cloud
        self._accounts = list(accounts)
        self._servers: list[Any] = []
        self.addresses: dict[str, str] = {}

    def start(self) -> None:
        """Start a server for every account."""
        self._channel = grpc.insecure_channel(
            self._emulator, [("grpc.max_receive_message_length", -1)]
        )
        for account in self._accounts:
            forwarding = _Forwarding(self._cloud, self._channel)
            server, port = serve([forwarding], account, threads=_THREADS)
            self.addresses[account] = f"127.0.0.1:{port}"
            self._servers.append(server)

    def stop(self) -> None:
        """Stop the servers; the emulator keeps running."""
        for stopping in [server.stop(grace=None) for server in self._servers]:
            stopping.wait()
        self._channel.close()


class _Forwarding(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """Forwards bytes as streams; a unary call is a stream of one message."""

    def __init__(self, cloud: Cloud, channel: Any) -> None:
        self._cloud = cloud
        self._channel = channel

    def service(self, handler_call_details: Any) -> Any:
        path = str(handler_call_details.method)
        method = path.removeprefix(_SERVICE)
        metadata = [(k, v) for k, v in handler_call_details.invocation_metadata if _is_forwarded(k)]
        forward = self._channel.stream_stream(path)

        def forwarded(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            first = next(requests)
            target, conditions = _read(method, first)
            with errors_to(context), self._cloud.call("firestore", method, target, *conditions):
                answers = forward(
                    iter([first]), metadata=metadata, timeout=context.time_remaining()
                )
                try:
                    yield from answers
                except grpc.RpcError as error:
                    context.set_trailing_metadata(error.trailing_metadata() or ())
                    raise ApiError(error.code().name, error.details() or "") from error

        return grpc.stream_stream_rpc_method_handler(forwarded)


def _is_forwarded(key: str) -> bool:
    """False for metadata that the transport writes itself."""
    return key != "user-agent" and not key.startswith("grpc-")


def _read(method: str, message: bytes) -> tuple[str, Conditions]:
    """The resource of a call, and the conditions it meets that need further permissions."""
    if method not in _READERS:
        return "", ()
    kind, read = _READERS[method]
    return read(kind.deserialize(message))


def _writes(request: Any) -> tuple[str, Conditions]:
    writes = list(request.writes)
    first = writes[0].update.name or writes[0].delete if writes else request.database
    return first, tuple({when for write in writes for when in _of_write(write)})


def _of_write(write: Any) -> Conditions:
    if write.delete:
        return (When.DELETES,)
    condition = write.current_document
    if "exists" in condition:
        return (When.UPDATES,) if condition.exists else (When.CREATES,)
    return (When.UPDATES,) if "update_time" in condition else (When.CREATES, When.UPDATES)


def _documents(request: Any) -> tuple[str, Conditions]:
    return next(iter(request.documents), request.database), _transaction(request)


def _query(request: Any) -> tuple[str, Conditions]:
    return _collection(request, request.structured_query), _transaction(request)


def _aggregation(request: Any) -> tuple[str, Conditions]:
    query = request.structured_aggregation_query.structured_query
    return _collection(request, query), _transaction(request)


def _collection(request: Any, query: Any) -> str:
    return "/".join([request.parent, *(one.collection_id for one in query.from_)])


def _transaction(request: Any) -> Conditions:
    begins = "new_transaction" in request or request.transaction
    return (When.TRANSACTION,) if begins else ()


# Requests whose content changes the needed permissions.
_READERS: dict[str, tuple[Any, Callable[[Any], tuple[str, Conditions]]]] = {
    "BatchGetDocuments": (types.BatchGetDocumentsRequest, _documents),
    "BatchWrite": (types.BatchWriteRequest, _writes),
    "Commit": (types.CommitRequest, _writes),
    "RunAggregationQuery": (types.RunAggregationQueryRequest, _aggregation),
    "RunQuery": (types.RunQueryRequest, _query),
}
