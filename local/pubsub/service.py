"""Pub/Sub of one cloud: what the stack, the tests and the admin face hold in their hands.

Ties the state, its delivery threads and the two faces together; has no behaviour of its own.
"""

import math
import time
from collections.abc import Mapping
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from starlette.routing import BaseRoute

from local.cloud import Cloud
from local.pubsub import rest, rpc
from local.pubsub.broker import Broker
from local.pubsub.delivery import Delivery
from local.pubsub.model import EVENTARC, FORMAT_ATTRIBUTE, Draft, Json, duration
from local.pubsub.registry import Subscription


class PubSub:
    """`start()` begins push delivery; `routes()` and `grpc_server()` are the faces.

    Names may be short ("onboarding") or full ("projects/demo/topics/onboarding").
    """

    def __init__(self, cloud: Cloud, max_outstanding: int = 8) -> None:
        """`max_outstanding`: pushes under way at once, for each subscription."""
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
    ) -> rpc.GrpcServer:
        """Publisher and Subscriber on 127.0.0.1, started; for PUBSUB_EMULATOR_HOST.

        `others`: services that share the port; `accounts`: those with a port of their own.
        """
        return rpc.GrpcServer(self.cloud, self.broker, port, *others, accounts=accounts)

    def create_topic(self, name: str) -> str:
        """Create a topic if it isn't there; its full name."""
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

        Times in seconds. Unlike an API client, the caller may choose an ack deadline below 10 s and
        fewer than 5 attempts.
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
        """Deliver one of the newest 1,000 messages again; how many subscriptions get it."""
        return self.broker.redeliver(message_id)

    def undelivered(self) -> int:
        """Messages of push subscriptions that aren't acknowledged yet."""
        return self.broker.undelivered()

    def idle(self, timeout: float) -> bool:
        """Wait (real seconds) until every push subscription is empty; False when it never was.

        A message that waits for its back-off is not through, so it isn't idle. Pull subscriptions
        don't count: nobody may ever pull.
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
        """Topics and subscriptions for the admin face."""
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
