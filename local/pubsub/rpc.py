"""The gRPC services Publisher and Subscriber of google.pubsub.v1.

They need no generated stubs, only method names and the client library's message types. Resources
are converted from and to JSON, as in REST; messages are converted directly, for speed.
"""

import threading
from collections.abc import Iterator
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # ships no types
from google.pubsub_v1 import types

from local.api.rpc import errors_to
from local.cloud import Cloud
from local.errors import ApiError
from local.pubsub.broker import Broker, Leased
from local.pubsub.model import Draft
from local.pubsub.rest import PULL_WAIT_SECONDS
from local.pubsub.rpc_methods import Pb, Serve, as_json, page, proto, unary

_STREAM_CHECK_SECONDS = 0.5  # how often an idle stream checks that its client is connected

# The protobuf classes inside the client library's wrappers, which are slower.
_Message, _Received = types.PubsubMessage.pb(), types.ReceivedMessage.pb()
_Empty = empty_pb2.Empty


class Publisher:
    def __init__(self, cloud: Cloud, broker: Broker) -> None:
        self._cloud = cloud
        self._broker = broker

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        methods: dict[str, tuple[str, Any, Serve]] = {
            "CreateTopic": ("create", types.Topic, self._create),
            "GetTopic": ("get", types.GetTopicRequest, self._get),
            "ListTopics": ("list", types.ListTopicsRequest, self._list),
            "ListTopicSubscriptions": (
                "subscriptions.list",
                types.ListTopicSubscriptionsRequest,
                self._list_subscriptions,
            ),
            "UpdateTopic": ("patch", types.UpdateTopicRequest, self._update),
            "DeleteTopic": ("delete", types.DeleteTopicRequest, self._delete),
            "Publish": ("publish", types.PublishRequest, self._publish),
        }
        return {
            name: unary(self._cloud, f"topics.{method}", request, serve)
            for name, (method, request, serve) in methods.items()
        }

    def _create(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        return proto(types.Topic, self._broker.create_topic(request.name, as_json(request)))

    def _get(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        return proto(types.Topic, self._broker.topic(request.topic))

    def _list(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        topics, token = self._broker.topics(request.project, *page(request))
        return proto(types.ListTopicsResponse, {"topics": topics, "nextPageToken": token})

    def _list_subscriptions(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        found, token = self._broker.subscriptions("", *page(request), request.topic)
        names = [subscription["name"] for subscription in found]
        response = {"subscriptions": names, "nextPageToken": token}
        return proto(types.ListTopicSubscriptionsResponse, response)

    def _delete(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        self._broker.delete_topic(request.topic)
        return _Empty()

    def _update(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        body = as_json(request)
        changed, mask = body.get("topic", {}), body.get("updateMask", "")
        return proto(types.Topic, self._broker.update_topic(request.topic.name, changed, mask))

    def _publish(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        drafts = [
            Draft(message.data, dict(message.attributes), message.ordering_key)
            for message in request.messages
        ]
        ids = self._broker.publish(request.topic, drafts)
        return types.PublishResponse.pb()(message_ids=ids)


class Subscriber:
    def __init__(self, cloud: Cloud, broker: Broker) -> None:
        self._cloud = cloud
        self._broker = broker

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        methods: dict[str, tuple[str, Any, Serve]] = {
            "CreateSubscription": ("create", types.Subscription, self._create),
            "GetSubscription": ("get", types.GetSubscriptionRequest, self._get),
            "ListSubscriptions": ("list", types.ListSubscriptionsRequest, self._list),
            "DeleteSubscription": ("delete", types.DeleteSubscriptionRequest, self._delete),
            "Pull": ("pull", types.PullRequest, self._pull),
            "Acknowledge": ("acknowledge", types.AcknowledgeRequest, self._acknowledge),
            "ModifyAckDeadline": (
                "modifyAckDeadline",
                types.ModifyAckDeadlineRequest,
                self._modify_deadline,
            ),
            "ModifyPushConfig": (
                "modifyPushConfig",
                types.ModifyPushConfigRequest,
                self._modify_push,
            ),
            "UpdateSubscription": ("patch", types.UpdateSubscriptionRequest, self._update),
            "Seek": ("seek", types.SeekRequest, self._seek),
        }
        handlers = {
            name: unary(self._cloud, f"subscriptions.{method}", request, serve)
            for name, (method, request, serve) in methods.items()
        }
        handlers["StreamingPull"] = grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=types.StreamingPullRequest.pb().FromString,
            response_serializer=types.StreamingPullResponse.pb().SerializeToString,
        )
        return handlers

    def _create(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        resource = self._broker.create_subscription(request.name, as_json(request))
        return proto(types.Subscription, resource)

    def _get(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        return proto(types.Subscription, self._broker.subscription(request.subscription))

    def _list(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        found, token = self._broker.subscriptions(request.project, *page(request))
        response = {"subscriptions": found, "nextPageToken": token}
        return proto(types.ListSubscriptionsResponse, response)

    def _delete(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        self._broker.delete_subscription(request.subscription)
        return _Empty()

    def _pull(self, request: Pb, context: grpc.ServicerContext) -> Pb:
        wait = 0.0 if request.return_immediately else PULL_WAIT_SECONDS
        left = context.time_remaining()
        if left is not None:
            # Half of it: after the client's deadline, messages would be leased to nobody.
            wait = min(wait, left / 2)
        leased = self._broker.pull(request.subscription, request.max_messages, wait)
        received = [_received(one) for one in leased]
        return types.PullResponse.pb()(received_messages=received)

    def _acknowledge(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        _require(request.ack_ids, "No ack ids specified.")
        self._broker.acknowledge(request.subscription, request.ack_ids)
        return _Empty()

    def _modify_deadline(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        _require(request.ack_ids, "No ack ids specified.")
        self._broker.modify_ack_deadline(
            request.subscription, request.ack_ids, request.ack_deadline_seconds
        )
        return _Empty()

    def _modify_push(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        self._broker.modify_push(request.subscription, as_json(request.push_config))
        return _Empty()

    def _update(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        body = as_json(request)
        changed, mask = body.get("subscription", {}), body.get("updateMask", "")
        name = request.subscription.name
        return proto(types.Subscription, self._broker.update_subscription(name, changed, mask))

    def _seek(self, request: Pb, _: grpc.ServicerContext) -> Pb:
        self._broker.seek(request.subscription, as_json(request))
        return types.SeekResponse.pb()()

    def _stream(self, requests: Iterator[Pb], context: grpc.ServicerContext) -> Iterator[Pb]:
        """StreamingPull: sends messages until the client disconnects."""
        first = next(requests)
        name = first.subscription
        with errors_to(context), self._cloud.call("pubsub", "subscriptions.streamingPull", name):
            self._broker.subscription(name)
            threading.Thread(target=self._listen, args=(name, requests), daemon=True).start()
            limit = first.max_outstanding_messages or 1_000
            deadline = first.stream_ack_deadline_seconds
            while context.is_active():
                leased = self._broker.pull(name, limit, _STREAM_CHECK_SECONDS, deadline)
                if leased:
                    received = [_received(one) for one in leased]
                    yield types.StreamingPullResponse.pb()(received_messages=received)

    def _listen(self, name: str, requests: Iterator[Pb]) -> None:
        """Handle acknowledgements and deadlines that the client sends on the stream."""
        try:
            for request in requests:
                self._broker.acknowledge(name, request.ack_ids)
                deadlines = zip(
                    request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
                )
                for ack_id, seconds in deadlines:
                    self._broker.modify_ack_deadline(name, [ack_id], seconds)
        except (ApiError, grpc.RpcError):
            return  # client or subscription gone; `_stream` ends too


def _received(leased: Leased) -> Pb:
    message = leased.message
    received = _Received(
        ack_id=leased.ack_id,
        message=_Message(
            data=message.data,
            attributes=message.attributes,
            message_id=message.id,
            ordering_key=message.ordering_key,
        ),
        delivery_attempt=leased.attempt if leased.settings.max_attempts else 0,
    )
    received.message.publish_time.FromDatetime(message.published)
    return received


def _require(values: Any, complaint: str) -> None:
    if not values:
        raise ApiError.invalid(complaint)
