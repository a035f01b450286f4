"""What the gRPC APIs share: a server for one account, and errors as gRPC statuses.

It must not know any service.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf import any_pb2, json_format  # type: ignore[import-untyped]  # ships no types
from google.rpc import (  # type: ignore[import-untyped]  # ships no types
    error_details_pb2,  # noqa: F401 - known to json_format only once it is imported
    status_pb2,
)

from local.errors import ApiError, ConnectionDropped
from local.iam.callers import CalledBy

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS = "grpc-status-details-bin"  # where Google's clients read error details


def serve(
    handlers: Sequence[grpc.GenericRpcHandler],
    account: str,
    *,
    port: int = 0,
    threads: int,
    largest: int = -1,
) -> tuple[Any, int]:
    """Start a server on 127.0.0.1 for the requests of ``account``; the server and its port.

    ``largest``: the most bytes of a request; -1 for no limit.
    """
    server = grpc.server(
        ThreadPoolExecutor(threads, thread_name_prefix=f"grpc-{account}"),
        interceptors=(CalledBy(account),),
        options=[
            ("grpc.max_receive_message_length", largest),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # a port in use must be an error
        ],
    )
    server.add_generic_rpc_handlers(tuple(handlers))
    bound: int = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


@contextmanager
def errors_to(context: grpc.ServicerContext) -> Iterator[None]:
    """End the call with the gRPC status of an error raised inside."""
    try:
        yield
    except ApiError as error:
        if error.details:
            detailed = status(error.to_status()).SerializeToString()
            context.set_trailing_metadata(((_DETAILS, detailed),))
        context.abort(_CODES[error.rpc_code], error.message)
    except ConnectionDropped:
        # What a client reports for a connection that was closed before the answer.
        context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")


def status(described: dict[str, Any]) -> Any:
    """google.rpc.Status from its JSON, without details of unknown types."""
    message = status_pb2.Status(code=described["code"], message=described["message"])
    for detail in described.get("details", []):
        try:
            message.details.append(json_format.ParseDict(detail, any_pb2.Any()))
        except json_format.ParseError:
            continue  # a scripted fault may have any "@type"; REST returns it unchanged
    return message
