"""Shared by the gRPC methods: `Cloud.call`, and conversion of messages.

It must not know what a method does.
"""

from collections.abc import Callable
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf import json_format  # type: ignore[import-untyped]  # ships no types

from local.api.rpc import errors_to
from local.cloud import Cloud
from local.cloud.delayed_requests import repeatable
from local.pubsub.model import Json
from local.pubsub.rest import DEFAULT_PAGE, LARGEST_PAGE

# The field of a request with its resource's name; the first that the message has.
_TARGETS = ("name", "subscription", "snapshot", "topic", "project")

Pb = Any  # a protobuf message of any type
Serve = Callable[[Pb, grpc.ServicerContext], Pb]


def unary(cloud: Cloud, method: str, request: Any, serve: Serve) -> Any:
    """The handler of a unary method, with `Cloud.call`; errors become gRPC statuses."""
    fields = request.pb().DESCRIPTOR.fields_by_name
    field = next(name for name in _TARGETS if name in fields)

    def handle(message: Pb, context: grpc.ServicerContext) -> Pb:
        def work() -> Pb:
            target = getattr(message, field)
            with cloud.call("pubsub", method, getattr(target, "name", target)):
                return serve(message, context)

        with errors_to(context), repeatable(work):
            return work()

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request.pb().FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def as_json(message: Pb) -> Json:
    body: Json = json_format.MessageToDict(message)
    return body


def proto(kind: Any, body: Json) -> Pb:
    return json_format.ParseDict(body, kind.pb()())


def page(request: Pb) -> tuple[int, str]:
    return min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE), request.page_token
