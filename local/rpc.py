"""What the gRPC faces share: our errors as gRPC statuses.

It must not know any service.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf import any_pb2, json_format  # type: ignore[import-untyped]  # ships no types
from google.rpc import (  # type: ignore[import-untyped]  # ships no types
    error_details_pb2,  # noqa: F401 - known to json_format only once it is imported
    status_pb2,
)

from local.errors import ApiError, ConnectionDropped

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS = "grpc-status-details-bin"  # where Google's clients look for more than code and message


@contextmanager
def errors_to(context: grpc.ServicerContext) -> Iterator[None]:
    """End the call with the status of what is raised inside."""
    try:
        yield
    except ApiError as error:
        if error.details:
            detailed = status(error.to_status()).SerializeToString()
            context.set_trailing_metadata(((_DETAILS, detailed),))
        context.abort(_CODES[error.rpc_code], error.message)
    except ConnectionDropped:
        # How a client sees a connection that breaks before the answer.
        context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")


def status(described: dict[str, Any]) -> Any:
    """The message google.rpc.Status of its JSON; leaves out details of types nobody here knows."""
    message = status_pb2.Status(code=described["code"], message=described["message"])
    for detail in described.get("details", []):
        try:
            message.details.append(json_format.ParseDict(detail, any_pb2.Any()))
        except json_format.ParseError:
            continue  # a scripted fault may carry any "@type"; REST passes it on as it is
    return message
