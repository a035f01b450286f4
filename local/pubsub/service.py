"""The Pub/Sub service of one cloud: its broker, push delivery, REST routes and gRPC server.

It has methods for the stack and tests, and no behaviour of its own.
"""

import math
import time
from collections.abc import Mapping
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from starlette.routing import BaseRoute

from local.cloud import Cloud
from local.pubsub import rest
from local.pubsub.broker import Broker
from local.pubsub.delivery import Delivery
from local.pubsub.grpc_server import GrpcServer
from local.pubsub.model import EVENTARC, FORMAT_ATTRIBUTE, Draft, Json, duration
from local.pubsub.registry import Subscription


class PubSub:
    """`start()` starts push delivery; `routes()` serves REST, `grpc_server()` gRPC.

    Names may be short ("onboarding") or full ("projects/demo/topics/onboarding").
    """

    def __init__(self, cloud: Cloud, max_outstanding: int = 8) -> None:
        """`max_outstanding`: simultaneous pushes of each subscription."""
        self.cloud = cloud
        self.broker = Broker(cloud.clock, max_outstanding)
        self._delivery = Delivery(cloud, self.broker)

    def start(self) -> None:
        self._delivery.start()

    def stop(self) -> None:
        self._delivery.stop()

    def routes(self) -> list[BaseRoute]:
        return rest.routes(self.cloud, self.broker)

    def grpc_server(
        self,
        port: int = 0,
        *others: grpc.GenericRpcHandler,
        accounts: Mapping[str, int] | None = None,
    ) -> GrpcServer:
        """Start a gRPC server on 127.0.0.1, for PUBSUB_EMULATOR_HOST.

        `others`: further services on the same port; `accounts`: the port of each account.
        """
        return GrpcServer(self.cloud, self.broker, port, *others, accounts=accounts)

    def create_topic(self, name: str) -> str:
        """Create a topic unless it exists; its full name."""
        full = self._full("topics", name)
        with self.broker.changed:
            if all(topic["name"] != full for topic in self.broker.all_topics()):
                self.broker.create_topic(full, {})
        return full

    def subscribe(  # noqa: PLR0913 - each a setting of its own, all by name
        self,
        topic: str,
        push_endpoint: str = "",
        *,
        name: str,
        format: str = EVENTARC,
        ack_deadline_seconds: float = 10.0,
        min_backoff: float = 0.1,
        max_backoff: float = 60.0,
        dead_letter_topic: str | None = None,
        max_delivery_attempts: int = 5,
        ordered: bool = False,
    ) -> str:
        """Create a subscription (push, or pull without an endpoint); its full name.

        Times in seconds. The limits for API clients don't apply: the ack deadline may be below 10
        s, the number of attempts below 5.
        """
        body: Json = {
            "topic": self._full("topics", topic),
            "ackDeadlineSeconds": math.ceil(ack_deadline_seconds),
            "retryPolicy": {
                "minimumBackoff": duration(min_backoff),
                "maximumBackoff": duration(max_backoff),
            },
        }
        if ordered:
            body["enableMessageOrdering"] = True
        if push_endpoint:
            body["pushConfig"] = {
                "pushEndpoint": push_endpoint,
                "attributes": {FORMAT_ATTRIBUTE: format},
            }
        if dead_letter_topic is not None:
            body["deadLetterPolicy"] = {
                "deadLetterTopic": self._full("topics", dead_letter_topic),
                "maxDeliveryAttempts": max_delivery_attempts,
            }
        full = self._full("subscriptions", name)
        self.broker.create_subscription(full, body, own_deadline=ack_deadline_seconds)
        return full

    def publish(
        self,
        topic: str,
        data: bytes = b"",
        attributes: Mapping[str, str] | None = None,
        ordering_key: str = "",
    ) -> str:
        """Publish one message; its id."""
        draft = Draft(data, attributes or {}, ordering_key)
        return self.broker.publish(self._full("topics", topic), [draft])[0]

    def redeliver(self, message_id: str) -> int:
        """Deliver one of the newest 1,000 messages again; the number of its subscriptions."""
        return self.broker.redeliver(message_id)

    def undelivered(self) -> int:
        """The number of unacknowledged messages of push subscriptions."""
        return self.broker.undelivered()

    def idle(self, timeout: float) -> bool:
        """Wait until all push subscriptions are empty; False if they aren't after `timeout` s.

        Real time. A message that waits for a back-off counts; messages of pull subscriptions don't.
        """
        end = time.monotonic() + timeout
        with self.broker.changed:
            while self.broker.undelivered():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.broker.changed.wait(left)
        return True

    def resources(self) -> list[dict[str, Any]]:
        """Topics and subscriptions for `/_admin/resources`."""
        topics = [{"kind": "pubsub.topic", **topic} for topic in self.broker.all_topics()]
        with self.broker.changed:
            return topics + [_described(one) for one in self.broker.all_subscriptions()]

    def _full(self, collection: str, name: str) -> str:
        return name if "/" in name else f"projects/{self.cloud.project}/{collection}/{name}"


def _described(subscription: Subscription) -> dict[str, Any]:
    statistics = {
        "delivered": subscription.delivered,
        "failed": subscription.failed,
        "deadLettered": subscription.dead_lettered,
        "undelivered": len(subscription.backlog),
        "outstanding": subscription.backlog.leased,
    }
    return {"kind": "pubsub.subscription", **subscription.resource, "statistics": statistics}
