"""The gRPC face of Pub/Sub: google.pubsub.v1 Publisher and Subscriber, for PUBSUB_EMULATOR_HOST.

Served without generated stubs: a method's name and the client library's own message types suffice.
Resources cross in their JSON form, which both faces share; messages, the busy path, cross directly.
"""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # ships no types
from google.pubsub_v1 import types

from local.api.rpc import errors_to, serve
from local.api.unserved import UnservedRpcs
from local.cloud import Cloud
from local.errors import ApiError
from local.iam.callers import OWNER
from local.pubsub.broker import Broker, Handed
from local.pubsub.model import Draft
from local.pubsub.rest import PULL_WAIT_SECONDS
from local.pubsub.rpc_methods import Pb, Serve, as_json, page, proto, unary
from local.pubsub.rpc_snapshots import snapshot_handlers

_THREADS = 64  # a waiting pull and an open stream keep one each
_LARGEST_REQUEST = 20 * 1024 * 1024  # our own limit answers first, in Google's words
_STREAM_CHECK_SECONDS = 0.5  # how soon an idle stream notices that its client is gone

# The protobuf classes under the client library's wrappers: what is on the wire, and faster.
_Message, _Received = types.PubsubMessage.pb(), types.ReceivedMessage.pb()
_Empty = empty_pb2.Empty


class GrpcServer:
    """Both services on 127.0.0.1, and `others` beside them; `port` 0 picks a free one.

    `accounts`: the port of each that has one of its own; `addresses` has where they are.
    """

    def __init__(
        self,
        cloud: Cloud,
        broker: Broker,
        port: int = 0,
        *others: grpc.GenericRpcHandler,
        accounts: Mapping[str, int] | None = None,
    ) -> None:
        handlers = (
            grpc.method_handlers_generic_handler(
                "google.pubsub.v1.Publisher", _Publisher(cloud, broker).handlers()
            ),
            grpc.method_handlers_generic_handler(
                "google.pubsub.v1.Subscriber",
                _Subscriber(cloud, broker).handlers() | snapshot_handlers(cloud, broker),
            ),
            *others,
            UnservedRpcs(),
        )
        self._servers: list[Any] = []
        self.port = self._serve(handlers, port, OWNER)
        self.addresses = {
            account: f"127.0.0.1:{self._serve(handlers, own, account)}"
            for account, own in (accounts or {}).items()
        }

    def _serve(self, handlers: tuple[grpc.GenericRpcHandler, ...], port: int, account: str) -> int:
        server, bound = serve(
            handlers, account, port=port, threads=_THREADS, largest=_LARGEST_REQUEST
        )
        self._servers.append(server)
        return bound

    @property
    def address(self) -> str:
        """For PUBSUB_EMULATOR_HOST."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        for stopping in [server.stop(grace=None) for server in self._servers]:
            stopping.wait()


class _Publisher:
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


class _Subscriber:
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
            # Half of it: an answer after the client's deadline would lease messages to nobody.
            wait = min(wait, left / 2)
        handed = self._broker.pull(request.subscription, request.max_messages, wait)
        received = [_received(one) for one in handed]
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
        """StreamingPull: messages as they come, until the client goes away."""
        first = next(requests)
        name = first.subscription
        with errors_to(context), self._cloud.call("pubsub", "subscriptions.streamingPull", name):
            self._broker.subscription(name)
            threading.Thread(target=self._listen, args=(name, requests), daemon=True).start()
            limit = first.max_outstanding_messages or 1_000
            deadline = first.stream_ack_deadline_seconds
            while context.is_active():
                handed = self._broker.pull(name, limit, _STREAM_CHECK_SECONDS, deadline)
                if handed:
                    received = [_received(one) for one in handed]
                    yield types.StreamingPullResponse.pb()(received_messages=received)

    def _listen(self, name: str, requests: Iterator[Pb]) -> None:
        """Acknowledgements may come on the stream itself."""
        try:
            for request in requests:
                self._broker.acknowledge(name, request.ack_ids)
                deadlines = zip(
                    request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
                )
                for ack_id, seconds in deadlines:
                    self._broker.modify_ack_deadline(name, [ack_id], seconds)
        except (ApiError, grpc.RpcError):
            return  # the client or the subscription is gone: the sending side sees it, too


def _received(handed: Handed) -> Pb:
    message = handed.message
    received = _Received(
        ack_id=handed.ack_id,
        message=_Message(
            data=message.data,
            attributes=message.attributes,
            message_id=message.id,
            ordering_key=message.ordering_key,
        ),
        delivery_attempt=handed.attempt if handed.settings.max_attempts else 0,
    )
    received.message.publish_time.FromDatetime(message.published)
    return received


def _require(values: Any, complaint: str) -> None:
    if not values:
        raise ApiError.invalid(complaint)
