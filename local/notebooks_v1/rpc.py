"""Notebooks v1 over gRPC, for google-cloud-notebooks, whose v1 client has no other transport.

It needs no generated stubs, only method names and the client library's message types. Resources are
converted from JSON; fields unknown to the client's types are left out. It must not know what the
methods do.
"""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.longrunning import operations_pb2  # type: ignore[import-untyped]  # ships no types
from google.protobuf import empty_pb2, json_format  # type: ignore[import-untyped]  # ships no types

from local.api.rpc import errors_to, status
from local.api.store import page_size
from local.cloud import Cloud
from local.cloud.delayed_requests import repeatable
from local.errors import ApiError
from local.iam.permissions import conditions_of
from local.notebooks_v1.kinds import Json, Kind
from local.notebooks_v1.requests import KINDS, SERVICE, Request
from local.notebooks_v1.state import State

Pb = Any  # a protobuf message of any type

_OPERATIONS = "google.longrunning.Operations"
_SERVICES = {
    "runtimes": "google.cloud.notebooks.v1.ManagedNotebookService",
    "instances": "google.cloud.notebooks.v1.NotebookService",
}
# Methods whose fields, except the name, are a body in REST; for the others they are a query.
_WITH_BODY = ("start", "stop", "reset", "setLabels")
_PARENT = r"projects/[^/]+/locations/[^/]+"


class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """Serves every method; imports the client library at the first call."""

    def __init__(self, cloud: Cloud, state: State) -> None:
        self._cloud = cloud
        self._state = state

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method, or None (UNIMPLEMENTED)."""
        path: str = handler_call_details.method
        if path.split("/")[1] not in (*_SERVICES.values(), _OPERATIONS):
            return None
        return self._handlers.get(path)

    @cached_property
    def _handlers(self) -> dict[str, Any]:
        handlers = _operation_handlers(self._cloud, self._state)
        for kind in KINDS:
            for method in kind.methods:
                name = _rpc_name(kind, method)
                path = f"/{_SERVICES[kind.collection]}/{name}"
                handlers[path] = _method(self._cloud, self._state, kind, method)
        return handlers


def _rpc_name(kind: Kind, method: str) -> str:
    if method == "list":
        return f"List{kind.schema}s"
    return "SetInstanceLabels" if method == "setLabels" else method.capitalize() + kind.schema


def _method(cloud: Cloud, state: State, kind: Kind, method: str) -> Any:
    # Imported at the first call: it takes half a second.
    from google.cloud.notebooks_v1 import types

    name = _rpc_name(kind, method)
    answer = {
        "list": lambda: getattr(types, f"{name}Response").pb(),
        "get": lambda: getattr(types, kind.schema).pb(),
    }.get(method, lambda: operations_pb2.Operation)()

    def serve(message: Pb, context: grpc.ServicerContext) -> Pb:
        request, body = _read(kind, method, json_format.MessageToDict(message))

        def work() -> Pb:
            with cloud.call(SERVICE, request.call, request.target, *conditions_of(body)):
                _check_name(request)
                found = state.serve(request, body)
                if answer is operations_pb2.Operation:
                    return _operation(found)
                return json_format.ParseDict(found, answer(), ignore_unknown_fields=True)

        with errors_to(context), repeatable(work):
            return work()

    return _unary(serve, getattr(types, f"{name}Request").pb())


def _read(kind: Kind, method: str, fields: Json) -> tuple[Request, Json]:
    """The request and the body that REST would have, from a request message."""
    name = fields.pop("name", "") or fields.pop("parent", "")
    body: Json = fields.pop(kind.field, {})
    if method in _WITH_BODY:
        return Request(kind, method, name, {}), fields
    return Request(kind, method, name, {key: str(value) for key, value in fields.items()}), body


def _check_name(request: Request) -> None:
    """Check the form of the name, which in REST the path ensures."""
    of_parent = request.method in ("list", "create")
    form = _PARENT if of_parent else f"{_PARENT}/{request.kind.collection}/[^/]+"
    if not re.fullmatch(form, request.name):
        field = "parent" if of_parent else "name"
        violation = f'{field}: "{request.name}" is not of the form {form}'
        raise ApiError.invalid("Invalid request: " + violation, [violation])


def _operation_handlers(cloud: Cloud, state: State) -> dict[str, Any]:
    known = state.operations

    def get(message: Pb) -> Pb:
        return _operation(known.get(message.name).to_json())

    def listed(message: Pb) -> Pb:
        size = page_size(str(message.page_size), 100, 1000)
        page, token = known.page(f"{message.name}/operations/", size, message.page_token)
        return operations_pb2.ListOperationsResponse(
            operations=[_operation(one) for one in page], next_page_token=token
        )

    def cancel(message: Pb) -> Pb:
        known.cancel(message.name)
        return empty_pb2.Empty()

    def delete(message: Pb) -> Pb:
        known.delete(message.name)
        return empty_pb2.Empty()

    def handler(method: str, request: Any, work: Callable[[Pb], Pb]) -> Any:
        def serve(message: Pb, context: grpc.ServicerContext) -> Pb:
            call = cloud.call(SERVICE, f"operations.{method}", message.name)
            with errors_to(context), call, known.settled():
                return work(message)

        return _unary(serve, request)

    return {
        f"/{_OPERATIONS}/GetOperation": handler("get", operations_pb2.GetOperationRequest, get),
        f"/{_OPERATIONS}/ListOperations": handler(
            "list", operations_pb2.ListOperationsRequest, listed
        ),
        f"/{_OPERATIONS}/CancelOperation": handler(
            "cancel", operations_pb2.CancelOperationRequest, cancel
        ),
        f"/{_OPERATIONS}/DeleteOperation": handler(
            "delete", operations_pb2.DeleteOperationRequest, delete
        ),
    }


def _operation(described: Json) -> Pb:
    """The message for an operation's JSON."""
    error = described.pop("error", None)
    message = json_format.ParseDict(
        described, operations_pb2.Operation(), ignore_unknown_fields=True
    )
    if error is not None:
        message.error.CopyFrom(status(error))
    return message


def _unary(serve: Callable[[Pb, grpc.ServicerContext], Pb], request: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        serve,
        request_deserializer=request.FromString,
        response_serializer=lambda answer: answer.SerializeToString(),
    )
