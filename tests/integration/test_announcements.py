"""Announcements as others receive them: pulled from the topic's subscription by Google's client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from google.cloud import pubsub_v1

from demo.stage import Json
from tests.integration.client import Client

SCHEMA = Path(__file__).parents[2] / "docs" / "announcement.schema.json"
PATH = "projects/demo/subscriptions/environment-events"
DENIED = {"status": "PERMISSION_DENIED", "message": "not yours to publish to"}


class Mailbox:
    """Everything announced so far, each as often as it came."""

    def __init__(self, client: Client, google: pubsub_v1.SubscriberClient) -> None:
        self._client = client
        self._google = google
        self._all: list[Json] = []

    def of(self, email: str) -> list[Json]:
        """The announcements about one person, in the order of their numbers."""
        # A pull of nothing would wait for something.
        while self._client.subscription("environment-events")["statistics"]["undelivered"]:
            answer = self._google.pull(subscription=PATH, max_messages=1000)
            self._all += [json.loads(r.message.data) for r in answer.received_messages]
            ids = [received.ack_id for received in answer.received_messages]
            self._google.acknowledge(subscription=PATH, ack_ids=ids)
        found = [event for event in self._all if event["data"]["email"] == email]
        return sorted(found, key=lambda event: int(event["id"].rpartition("-")[2]))


@pytest.fixture(scope="module")
def mailbox(client: Client) -> Iterator[Mailbox]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", client.stack.local.grpc_address)
        google = pubsub_v1.SubscriberClient()
    yield Mailbox(client, google)
    google.close()


def news(events: list[Json]) -> list[str]:
    return [event["data"]["news"] for event in events]


def test_every_phase_is_announced_from_the_join_to_the_return(
    client: Client, mailbox: Mailbox
) -> None:
    email = "ana@example.com"
    starts = datetime.fromisoformat(client.now()) + timedelta(hours=1)
    client.join(email, effective_at=starts.isoformat())
    client.tick("61m")
    ready = client.until(email, "ready")
    client.command("hold", email, reason="case 4711")
    client.command("release", email, reason="case closed")
    client.leave(email)
    suspended = client.until(email, "suspended")
    client.tick("15d")
    client.until(email, "removed")
    client.join(email)
    client.until(email, "ready")

    events = mailbox.of(email)
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for event in events for error in validator.iter_errors(event)] == []
    assert news(events) == [
        "scheduled", "ready", "held", "released", "suspended", "removed", "restored", "ready",
    ]  # fmt: skip
    key = ready["key"]
    assert [e["id"] for e in events] == [f"{key}-{n}" for n in range(1, len(events) + 1)]
    assert {e["source"] for e in events} == {f"/projects/demo/environments/{key}"}
    assert {e["subject"] for e in events} == {key}
    assert [e["type"].rpartition(".")[2] for e in events] == news(events)

    by_news = dict(zip(news(events)[:6], events[:6], strict=True))
    assert datetime.fromisoformat(by_news["scheduled"]["data"]["effective_at"]) == starts
    assert by_news["ready"]["data"]["notebook"] == ready["notebook"]
    assert by_news["held"]["data"]["reason"] == "case 4711"
    assert by_news["suspended"]["data"]["effective_at"] == suspended["removal_at"]
    assert by_news["removed"]["data"]["snapshot"] == client.snapshots_of(email)[0]["name"]


def test_a_failure_and_a_quarantine_are_announced_with_their_reasons(
    client: Client, mailbox: Mailbox
) -> None:
    email = "ben@example.com"
    busy = {"status": "INTERNAL", "message": "oops"}
    fault = {"service": "notebooks", "method": "instances.create", "match": "/nb-ben-"}
    with client.fault(**fault, error=busy, times=1):
        client.join(email)
        client.until(email, "provisioning", health="retrying", max_ticks=3)
    with client.fault(**fault, error={"status": "PERMISSION_DENIED", "message": "not for you"}):
        client.until(email, "provisioning", health="quarantined")
    events = mailbox.of(email)
    assert news(events) == ["failed", "quarantined"]
    assert "not for you" in events[1]["data"]["reason"]


def test_a_refused_announcement_is_published_later_and_delays_nothing(
    client: Client, mailbox: Mailbox
) -> None:
    email = "chen@example.com"
    client.join(email)
    topic = {"service": "pubsub", "method": "topics.publish", "match": "environment-events"}
    with client.fault(**topic, error=DENIED):
        client.until(email, "ready")
        client.leave(email)
        client.until(email, "suspended")
    assert mailbox.of(email) == []
    client.tick("2m")
    assert news(mailbox.of(email)) == ["ready", "suspended"]


def test_an_unconfirmed_announcement_is_published_again_under_the_same_id(
    client: Client, mailbox: Mailbox
) -> None:
    email = "dora@example.com"
    client.join(email)
    topic = {"service": "pubsub", "method": "topics.publish", "match": "environment-events"}
    with client.fault(**topic, error=DENIED, when="after", times=1):
        client.until(email, "ready")
    client.tick("2m")
    events = mailbox.of(email)
    assert news(events) == ["ready", "ready"]
    assert events[0] == events[1], "the same id and the same words"
