"""The REST API of Pub/Sub, at the paths of its discovery document.

It checks bodies and queries against that document and passes them to the broker.
"""

from collections.abc import Callable
from typing import Any

from starlette.routing import BaseRoute

from local.api.discovery import Discovery
from local.api.http import Incoming, route
from local.api.json_values import as_bytes
from local.api.store import page_size
from local.cloud import Cloud
from local.pubsub.broker import Broker, Leased
from local.pubsub.envelope import message_json
from local.pubsub.model import Draft, Json

PULL_WAIT_SECONDS = 2.0  # for the first message, unless returnImmediately is set
DEFAULT_PAGE, LARGEST_PAGE = 100, 1_000

_TOPIC = "/v1/projects/{project}/topics/{topic}"
_SNAPSHOT = "/v1/projects/{project}/snapshots/{snapshot}"
_SUBSCRIPTION = "/v1/projects/{project}/subscriptions/{subscription}"


def routes(cloud: Cloud, broker: Broker) -> list[BaseRoute]:
    api = _RestApi(cloud, broker)
    return [
        route("POST", f"{_TOPIC}:publish", api.publish),
        route("GET", f"{_TOPIC}/subscriptions", api.list_topic_subscriptions),
        route("GET", f"{_TOPIC}/snapshots", api.list_topic_snapshots),
        route("PUT", _TOPIC, api.create_topic),
        route("PATCH", _TOPIC, api.update_topic),
        route("GET", _TOPIC, api.get_topic),
        route("DELETE", _TOPIC, api.delete_topic),
        route("GET", "/v1/projects/{project}/topics", api.list_topics),
        route("POST", f"{_SUBSCRIPTION}:pull", api.pull),
        route("POST", f"{_SUBSCRIPTION}:acknowledge", api.acknowledge),
        route("POST", f"{_SUBSCRIPTION}:modifyAckDeadline", api.modify_ack_deadline),
        route("POST", f"{_SUBSCRIPTION}:modifyPushConfig", api.modify_push_config),
        route("POST", f"{_SUBSCRIPTION}:seek", api.seek),
        route("PATCH", _SUBSCRIPTION, api.update_subscription),
        route("PUT", _SUBSCRIPTION, api.create_subscription),
        route("GET", _SUBSCRIPTION, api.get_subscription),
        route("DELETE", _SUBSCRIPTION, api.delete_subscription),
        route("GET", "/v1/projects/{project}/subscriptions", api.list_subscriptions),
        route("PUT", _SNAPSHOT, api.create_snapshot),
        route("GET", _SNAPSHOT, api.get_snapshot),
        route("DELETE", _SNAPSHOT, api.delete_snapshot),
        route("GET", "/v1/projects/{project}/snapshots", api.list_snapshots),
        route("POST", "/_admin/pubsub/messages/{message}:redeliver", api.redeliver),
    ]


class _RestApi:
    def __init__(self, cloud: Cloud, broker: Broker) -> None:
        self._cloud = cloud
        self._broker = broker
        self._discovery = Discovery("pubsub", "v1")

    def create_topic(self, request: Incoming) -> Json:
        name = _topic(request)
        with self._cloud.call("pubsub", "topics.create", name):
            body = self._body(request, "topics.create", "Topic", {"name": name})
            return self._broker.create_topic(name, body)

    def update_topic(self, request: Incoming) -> Json:
        name = _topic(request)
        with self._cloud.call("pubsub", "topics.patch", name):
            body = self._body(request, "topics.patch", "UpdateTopicRequest", partial=True)
            return self._broker.update_topic(
                name, body.get("topic", {}), body.get("updateMask", "")
            )

    def get_topic(self, request: Incoming) -> Json:
        name = _topic(request)
        with self._cloud.call("pubsub", "topics.get", name):
            self._check_query(request, "topics.get")
            return self._broker.topic(name)

    def list_topics(self, request: Incoming) -> Json:
        return self._list(request, "topics", self._broker.topics)

    def delete_topic(self, request: Incoming) -> Json:
        name = _topic(request)
        with self._cloud.call("pubsub", "topics.delete", name):
            self._check_query(request, "topics.delete")
            self._broker.delete_topic(name)
        return {}

    def list_topic_subscriptions(self, request: Incoming) -> Json:
        """A list of names; the list of a project has whole resources."""
        topic = _topic(request)
        with self._cloud.call("pubsub", "topics.subscriptions.list", topic):
            size, token = self._page(request, "topics.subscriptions.list")
            found, following = self._broker.subscriptions("", size, token, topic)
        return _without_empty(subscriptions=[one["name"] for one in found], nextPageToken=following)

    def publish(self, request: Incoming) -> Json:
        name = _topic(request)
        with self._cloud.call("pubsub", "topics.publish", name):
            body = self._body(request, "topics.publish", "PublishRequest")
            drafts = [_draft(message) for message in body["messages"]]
            return {"messageIds": self._broker.publish(name, drafts)}

    def create_subscription(self, request: Incoming) -> Json:
        name = _subscription(request)
        with self._cloud.call("pubsub", "subscriptions.create", name):
            body = self._body(request, "subscriptions.create", "Subscription", {"name": name})
            return self._broker.create_subscription(name, body)

    def update_subscription(self, request: Incoming) -> Json:
        name, method = _subscription(request), "subscriptions.patch"
        with self._cloud.call("pubsub", method, name):
            # An update has only the fields to change, so required ones may be missing.
            body = self._body(request, method, "UpdateSubscriptionRequest", partial=True)
            resource, mask = body.get("subscription", {}), body.get("updateMask", "")
            return self._broker.update_subscription(name, resource, mask)

    def get_subscription(self, request: Incoming) -> Json:
        name = _subscription(request)
        with self._cloud.call("pubsub", "subscriptions.get", name):
            self._check_query(request, "subscriptions.get")
            return self._broker.subscription(name)

    def list_subscriptions(self, request: Incoming) -> Json:
        return self._list(request, "subscriptions", self._broker.subscriptions)

    def delete_subscription(self, request: Incoming) -> Json:
        name = _subscription(request)
        with self._cloud.call("pubsub", "subscriptions.delete", name):
            self._check_query(request, "subscriptions.delete")
            self._broker.delete_subscription(name)
        return {}

    def pull(self, request: Incoming) -> Json:
        name = _subscription(request)
        with self._cloud.call("pubsub", "subscriptions.pull", name):
            body = self._body(request, "subscriptions.pull", "PullRequest")
            wait = 0.0 if body.get("returnImmediately") else PULL_WAIT_SECONDS
            leased = self._broker.pull(name, body["maxMessages"], wait)
        return _without_empty(receivedMessages=[_received(one) for one in leased])

    def acknowledge(self, request: Incoming) -> Json:
        name = _subscription(request)
        with self._cloud.call("pubsub", "subscriptions.acknowledge", name):
            body = self._body(request, "subscriptions.acknowledge", "AcknowledgeRequest")
            self._broker.acknowledge(name, body["ackIds"])
        return {}

    def modify_ack_deadline(self, request: Incoming) -> Json:
        name = _subscription(request)
        method = "subscriptions.modifyAckDeadline"
        with self._cloud.call("pubsub", method, name):
            body = self._body(request, method, "ModifyAckDeadlineRequest")
            self._broker.modify_ack_deadline(name, body["ackIds"], body["ackDeadlineSeconds"])
        return {}

    def modify_push_config(self, request: Incoming) -> Json:
        name = _subscription(request)
        method = "subscriptions.modifyPushConfig"
        with self._cloud.call("pubsub", method, name):
            body = self._body(request, method, "ModifyPushConfigRequest")
            self._broker.modify_push(name, body["pushConfig"])
        return {}

    def seek(self, request: Incoming) -> Json:
        name = _subscription(request)
        with self._cloud.call("pubsub", "subscriptions.seek", name):
            self._broker.seek(name, self._body(request, "subscriptions.seek", "SeekRequest"))
        return {}

    def create_snapshot(self, request: Incoming) -> Json:
        name = _snapshot(request)
        with self._cloud.call("pubsub", "snapshots.create", name):
            body = self._body(request, "snapshots.create", "CreateSnapshotRequest")
            return self._broker.create_snapshot(name, body)

    def get_snapshot(self, request: Incoming) -> Json:
        name = _snapshot(request)
        with self._cloud.call("pubsub", "snapshots.get", name):
            self._check_query(request, "snapshots.get")
            return self._broker.snapshot(name)

    def list_snapshots(self, request: Incoming) -> Json:
        return self._list(request, "snapshots", self._broker.snapshots)

    def list_topic_snapshots(self, request: Incoming) -> Json:
        """A list of names, as for a topic's subscriptions."""
        topic = _topic(request)
        with self._cloud.call("pubsub", "topics.snapshots.list", topic):
            size, token = self._page(request, "topics.snapshots.list")
            found, following = self._broker.snapshots("", size, token, topic)
        return _without_empty(snapshots=[one["name"] for one in found], nextPageToken=following)

    def delete_snapshot(self, request: Incoming) -> Json:
        name = _snapshot(request)
        with self._cloud.call("pubsub", "snapshots.delete", name):
            self._check_query(request, "snapshots.delete")
            self._broker.delete_snapshot(name)
        return {}

    def redeliver(self, request: Incoming) -> Json:
        # An admin route, not an API call: not logged, no faults.
        return {"subscriptions": self._broker.redeliver(request.params["message"])}

    def _list(
        self,
        request: Incoming,
        collection: str,
        read: Callable[[str, int, str], tuple[list[Json], str]],
    ) -> Json:
        project = f"projects/{request.params['project']}"
        with self._cloud.call("pubsub", f"{collection}.list", project):
            found, following = read(project, *self._page(request, f"{collection}.list"))
        return _without_empty(**{collection: found}, nextPageToken=following)

    def _page(self, request: Incoming, method: str) -> tuple[int, str]:
        self._check_query(request, method)
        size = page_size(request.query.get("pageSize"), DEFAULT_PAGE, LARGEST_PAGE)
        return size, request.query.get("pageToken", "")

    def _body(
        self,
        request: Incoming,
        method: str,
        schema: str,
        from_path: Json | None = None,
        *,
        partial: bool = False,
    ) -> Json:
        self._check_query(request, method)
        # Fields that are in the path needn't be in the body.
        body = {**request.json(), **(from_path or {})}
        self._discovery.check(schema, body, partial=partial)
        return self._discovery.normalised(schema, body)

    def _check_query(self, request: Incoming, method: str) -> None:
        self._discovery.check_query(f"pubsub.projects.{method}", request.query.multi_items())


def _topic(request: Incoming) -> str:
    return f"projects/{request.params['project']}/topics/{request.params['topic']}"


def _subscription(request: Incoming) -> str:
    return f"projects/{request.params['project']}/subscriptions/{request.params['subscription']}"


def _snapshot(request: Incoming) -> str:
    return f"projects/{request.params['project']}/snapshots/{request.params['snapshot']}"


def _draft(message: Json) -> Draft:
    return Draft(
        data=as_bytes(message.get("data", "")),
        attributes=message.get("attributes", {}),
        ordering_key=message.get("orderingKey", ""),
    )


def _received(leased: Leased) -> Json:
    received: Json = {"ackId": leased.ack_id, "message": message_json(leased.message)}
    if leased.settings.max_attempts:
        received["deliveryAttempt"] = leased.attempt
    return received


def _without_empty(**fields: Any) -> Json:
    """Google's JSON leaves out empty fields."""
    return {name: value for name, value in fields.items() if value}
