"""The real `gcloud pubsub` with the local cloud, if gcloud is installed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.pubsub import PubSub
from tests.local.pubsub import harness
from tests.support.gcloud import Gcloud as GcloudCommand

cloud, pubsub = harness.cloud, harness.pubsub  # pytest finds fixtures by name

Gcloud = Callable[..., Any]


@pytest.fixture
def gcloud(cloud: Cloud, pubsub: PubSub, gcloud_command: GcloudCommand) -> Iterator[Gcloud]:
    """Run `gcloud pubsub …`; its output as JSON. A failure raises with its error message."""
    with Server(build_app(cloud, [pubsub.routes()])) as server:
        gcloud_command.pointed_at({"CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"{server.url}/"})

        def run(*arguments: str) -> Any:
            return json.loads(gcloud_command("pubsub", *arguments, "--format=json") or "null")

        yield run


def test_topics_and_messages(gcloud: Gcloud, cloud: Cloud) -> None:
    gcloud("topics", "create", "onboarding", "--labels=team=data")
    assert gcloud("topics", "list") == [
        {"name": "projects/demo/topics/onboarding", "labels": {"team": "data"}}
    ]
    gcloud("subscriptions", "create", "reader", "--topic=onboarding", "--ack-deadline=30")
    (listed,) = gcloud("subscriptions", "list")
    assert listed["name"] == "projects/demo/subscriptions/reader"
    assert listed["ackDeadlineSeconds"] == 30

    message = '{"email":"ana@example.com"}'
    published = gcloud(
        "topics", "publish", "onboarding", f"--message={message}", "--attribute=kind=join"
    )
    (pulled,) = gcloud("subscriptions", "pull", "reader", "--auto-ack")

    assert [pulled["message"]["messageId"]] == published["messageIds"]
    assert pulled["message"]["data"] == "eyJlbWFpbCI6ImFuYUBleGFtcGxlLmNvbSJ9"
    assert pulled["message"]["attributes"] == {"kind": "join"}
    assert pulled["ackStatus"] == "SUCCESS"
    assert cloud.calls.counts() == {
        "pubsub.subscriptions.acknowledge": 1,
        "pubsub.subscriptions.create": 1,
        "pubsub.subscriptions.list": 1,
        "pubsub.subscriptions.pull": 1,
        "pubsub.topics.create": 1,
        "pubsub.topics.list": 1,
        "pubsub.topics.publish": 1,
    }


def test_an_error_is_shown_like_googles(gcloud: Gcloud) -> None:
    with pytest.raises(AssertionError, match=r"NOT_FOUND.*projects/demo/topics/missing"):
        gcloud("topics", "publish", "missing", "--message=x")


def test_push_subscription_is_created_and_described(gcloud: Gcloud, pubsub: PubSub) -> None:
    for topic in ("onboarding", "dead"):
        pubsub.create_topic(topic)
    gcloud(
        "subscriptions",
        "create",
        "push",
        "--topic=onboarding",
        "--push-endpoint=http://127.0.0.1:9/",
        "--dead-letter-topic=dead",
        "--max-delivery-attempts=7",
        "--min-retry-delay=1s",
        "--max-retry-delay=20s",
    )
    described = gcloud("subscriptions", "describe", "push")
    assert described["pushConfig"]["pushEndpoint"] == "http://127.0.0.1:9/"
    assert described["deadLetterPolicy"]["maxDeliveryAttempts"] == 7
    assert described["retryPolicy"] == {"minimumBackoff": "1s", "maximumBackoff": "20s"}
