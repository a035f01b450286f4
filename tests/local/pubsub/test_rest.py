"""Pub/Sub over REST."""

from collections.abc import Iterator

import pytest
import requests

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.pubsub import PubSub
from tests.local.pubsub import harness
from tests.local.pubsub.harness import SUBSCRIPTION, TOPIC

cloud, pubsub = harness.cloud, harness.pubsub  # pytest finds fixtures by name


@pytest.fixture
def url(cloud: Cloud, pubsub: PubSub) -> Iterator[str]:
    with Server(build_app(cloud, [pubsub.routes()])) as server:
        yield f"{server.url}/v1/projects/demo"


class TestRest:
    def test_topics_and_messages(self, url: str) -> None:
        assert requests.put(f"{url}/topics/events", json={"labels": {"a": "b"}}).json() == {
            "name": TOPIC,
            "labels": {"a": "b"},
        }
        assert requests.get(f"{url}/topics").json() == {
            "topics": [{"name": TOPIC, "labels": {"a": "b"}}]
        }
        made = requests.put(f"{url}/subscriptions/reader", json={"topic": TOPIC}).json()
        assert made["ackDeadlineSeconds"] == 10
        assert requests.get(f"{url}/topics/events/subscriptions").json() == {
            "subscriptions": [SUBSCRIPTION]
        }
        # URL-safe base64 without padding is what some clients send.
        messages = {"messages": [{"data": "-_8", "attributes": {"k": "v"}}]}
        ids = requests.post(f"{url}/topics/events:publish", json=messages).json()["messageIds"]

        pulled = requests.post(f"{url}/subscriptions/reader:pull", json={"maxMessages": 3}).json()

        received = pulled["receivedMessages"]
        assert received[0]["message"]["data"] == "+/8="
        assert received[0]["message"]["attributes"] == {"k": "v"}
        assert [one["message"]["messageId"] for one in received] == ids
        acks = {"ackIds": [received[0]["ackId"]]}
        assert requests.post(f"{url}/subscriptions/reader:acknowledge", json=acks).json() == {}
        empty = {"maxMessages": 3, "returnImmediately": True}
        assert requests.post(f"{url}/subscriptions/reader:pull", json=empty).json() == {}
        assert requests.delete(f"{url}/subscriptions/reader").json() == {}
        assert requests.delete(f"{url}/topics/events").json() == {}
        assert requests.get(f"{url}/topics").json() == {}

    def test_a_message_with_deadline_0_is_delivered_again(self, pubsub: PubSub, url: str) -> None:
        pubsub.create_topic("events")
        pubsub.subscribe("events", name="reader", min_backoff=0)
        pubsub.publish("events", b"x")
        reader = f"{url}/subscriptions/reader"
        pulled = requests.post(f"{reader}:pull", json={"maxMessages": 1}).json()
        ack_id = pulled["receivedMessages"][0]["ackId"]
        requests.post(
            f"{reader}:modifyAckDeadline", json={"ackIds": [ack_id], "ackDeadlineSeconds": 0}
        ).raise_for_status()
        again = requests.post(f"{reader}:pull", json={"maxMessages": 1}).json()
        assert again["receivedMessages"][0]["ackId"] != ack_id

    @pytest.mark.parametrize(
        ("method", "path", "body", "field"),
        [
            ("PUT", "topics/events", {"label": {}}, "label"),
            ("PUT", "topics/events", {"state": "ACTIVE"}, "state"),
            ("PUT", "subscriptions/reader", {"ackDeadlineSeconds": 10}, "topic"),
            ("POST", "topics/events:publish", {"messages": [{"text": "x"}]}, "messages[0].text"),
            ("POST", "topics/events:publish", {"messages": [{"data": "*"}]}, "messages[0].data"),
            ("POST", "subscriptions/reader:pull", {}, "maxMessages"),
            ("GET", "topics?pagesize=3", None, "pagesize"),
        ],
    )
    def test_requests_that_do_not_fit_the_discovery_document_are_refused(
        self, url: str, method: str, path: str, body: dict[str, object] | None, field: str
    ) -> None:
        answer = requests.request(method, f"{url}/{path}", json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
        assert [one["field"] for one in error["details"][0]["fieldViolations"]] == [field]

    def test_errors_have_googles_envelope(self, url: str) -> None:
        message = {"messages": [{"data": "eA=="}]}
        answer = requests.post(f"{url}/topics/events:publish", json=message)
        assert answer.status_code == 404
        assert answer.json()["error"]["status"] == "NOT_FOUND"
        assert TOPIC in answer.json()["error"]["message"]

    def test_an_admin_route_redelivers_a_message(self, pubsub: PubSub, url: str) -> None:
        pubsub.create_topic("events")
        pubsub.subscribe("events", name="reader")
        message_id = pubsub.publish("events", b"x")
        admin = url.removesuffix("/v1/projects/demo") + "/_admin/pubsub/messages"
        assert requests.post(f"{admin}/{message_id}:redeliver").json() == {"subscriptions": 1}
        assert len(pubsub.broker.pull(SUBSCRIPTION, 10, 0)) == 2
        assert requests.post(f"{admin}/7:redeliver").status_code == 404
