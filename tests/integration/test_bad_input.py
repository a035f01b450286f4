"""Bad events through real deliveries: acknowledged, parked with a reason, shown, logged once."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
import requests

from tests.integration.client import Client, eventually

ANA = "ana@example.com"
KINDS = ("notebooks.instance", "dataproc.sessionTemplate", "storage.object")

HUGE = json.dumps({"email": ANA, "reason": "x" * 9_000_000}).encode()

REFUSED: dict[str, tuple[str, bytes]] = {
    "not-json": ("not-json", b"email: ana@example.com"),
    "no-object": ("wrong-shape", b'["ana@example.com"]'),
    "null": ("wrong-shape", b"null"),
    "cut-short": ("not-json", b'{"email": "ana@example.com"'),
    "two-values": ("not-json", b'{"email": "ana@example.com"} {}'),
    "deeply-nested": ("wrong-shape", b"[" * 60_000),
    "nested-in-a-field": ("unknown-field", b'{"x": ' + b"[" * 60_000),
    "invalid-utf8": ("not-json", b'{"email": "an\xff\xfe@example.com"}'),
    "utf16": ("not-json", '{"email": "ana@example.com"}'.encode("utf-16")),
    "nul-byte": ("not-json", b'{"email": "ana@example.com"}\x00'),
    "nine-megabytes": ("too-large", HUGE),
    "missing-email": ("wrong-shape", b"{}"),
    "email-null": ("wrong-shape", b'{"email": null}'),
    "email-number": ("wrong-shape", b'{"email": 7}'),
    "email-list": ("wrong-shape", b'{"email": ["ana@example.com"]}'),
    "groups-text": ("wrong-shape", b'{"email": "ana@example.com", "groups": "analysts"}'),
    "time-without-zone": (
        "wrong-shape",
        b'{"email": "ana@example.com", "occurred_at": "2026-01-01T00:00:00"}',
    ),
    "immediate-text": ("wrong-shape", b'{"email": "ana@example.com", "immediate": "yes"}'),
    "given-twice": ("wrong-shape", b'{"email": "ana@example.com", "email": "bo@example.com"}'),
    "unknown-field": ("unknown-field", b'{"email": "ana@example.com", "proflie": "analyst"}'),
    "from-the-future": (
        "from-the-future",
        b'{"email": "ana@example.com", "occurred_at": "2099-01-01T00:00:00Z"}',
    ),
    "group": ("not-a-person", b'{"email": "group:analysts@example.com"}'),
    "group-by-address": ("not-a-person", b'{"email": "analysts@example.com"}'),
    "service-account": (
        "not-a-person",
        b'{"email": "etl@demo.iam.gserviceaccount.com"}',
    ),
    "foreign-domain": ("foreign-domain", b'{"email": "ana@elsewhere.test"}'),
    "subdomain": ("foreign-domain", b'{"email": "ana@evil.example.com"}'),
    "unknown-profile": ("unknown-profile", b'{"email": "ana@example.com", "profile": "analist"}'),
    "path-in-email": ("bad-email", b'{"email": "../../ana@example.com"}'),
    "html-in-email": ("bad-email", b'{"email": "<b>ana</b>@example.com"}'),
    "newline-in-email": ("bad-email", b'{"email": "ana@example.com\\nlabels: {}"}'),
    "look-alike-email": ("bad-email", '{"email": "\u0430na@example.com"}'.encode()),
    "path-in-profile": ("unknown-profile", b'{"email": "ana@example.com", "profile": "../x"}'),
}


# A leave asks nothing of the profiles (so that leaving never fails): neither of these is seen then.
JOINS_ONLY = {"unknown-profile", "path-in-profile", "group-by-address"}
CASES = [("onboarding", case) for case in REFUSED]
CASES += [("offboarding", case) for case in REFUSED if case not in JOINS_ONLY]
FUNCTION = {"onboarding": "onboard", "offboarding": "offboard"}


class World(NamedTuple):
    """What must not change when an event is refused."""

    resources: int
    environments: int


def world(client: Client) -> World:
    return World(sum(len(client.resources(k)) for k in KINDS), len(client.environments()))


def assert_parked(client: Client, function: str, message_id: str, code: str) -> dict[str, Any]:
    """Parked once, logged once as a warning, and acknowledged."""
    assert client.stack.local.pubsub.undelivered() == 0
    parked = [p for p in client.parked() if message_id in p["id"]]
    assert [p["code"] for p in parked] == [code]
    warnings = client.log(function, message_id=message_id, severity="WARNING")
    assert [(w["action"], w["code"]) for w in warnings] == [("event.parked", code)]
    assert warnings[0]["message"] == parked[0]["reason"]
    assert len(parked[0]["sample"]) <= 2000
    return dict(parked[0])


@pytest.mark.parametrize(("topic", "case"), CASES)
def test_an_event_that_cannot_be_used_is_parked(client: Client, topic: str, case: str) -> None:
    code, data = REFUSED[case]
    before = world(client)
    failures = client.failed("onboard") + client.failed("offboard")

    (message_id,) = client.send(topic, data)
    client.wait()

    parked = assert_parked(client, FUNCTION[topic], message_id, code)
    assert parked["size"] == len(data)
    assert world(client) == before
    assert client.failed("onboard") + client.failed("offboard") == failures, "acknowledged at once"
    assert client.dead_lettered() == 0


def test_a_message_of_attributes_only_is_parked(client: Client) -> None:
    (message_id,) = client.send("onboarding", b"", attributes={"email": ANA})
    client.wait()
    assert_parked(client, "onboard", message_id, "not-json")


@pytest.mark.parametrize("topic", ["converge", "reconcile"])
@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("not-json", b"due"),
        ("not-json", b""),
        ("unknown-field", b'{"scope": "due", "email": "ana@example.com", "force": true}'),
        ("wrong-shape", b"{}"),
    ],
)
def test_the_inner_topics_park_what_they_cannot_read(
    client: Client, topic: str, code: str, data: bytes
) -> None:
    attributes = {"why": "an empty message needs some"} if not data else None
    (message_id,) = client.send(topic, data, attributes=attributes)
    client.wait()
    assert_parked(client, topic, message_id, code)


def test_converging_somebody_unknown_is_parked(client: Client) -> None:
    (message_id,) = client.send("converge", {"key": "nobody-aaaaaaaaaaaa"})
    client.wait()
    assert_parked(client, "converge", message_id, "unknown-person")


def test_a_rejected_event_that_is_repeated_is_parked_and_logged_once(client: Client) -> None:
    (message_id,) = client.send("onboarding", {"emial": ANA})
    client.wait()
    assert client.stack.local.pubsub.redeliver(message_id) == 1
    client.wait()
    eventually(
        lambda: len(client.calls_of("pubsub", "push", target=message_id)) == 2, "a second delivery"
    )
    assert_parked(client, "onboard", message_id, "unknown-field")


def test_a_plain_push_subscription_works_like_eventarcs(client: Client) -> None:
    endpoint = client.subscription("onboard")["pushConfig"]["pushEndpoint"]
    pubsub = client.stack.local.pubsub
    topic = pubsub.create_topic("plain")
    pubsub.subscribe(topic, f"{endpoint}/{topic}", name="plain", format="pubsub")
    client.send("plain", {"email": "raw@example.com"})
    (message_id,) = client.send("plain", b"not json")
    client.wait()
    assert client.environment("raw@example.com")["phase"] == "provisioning"
    assert_parked(client, "onboard", message_id, "not-json")


def test_a_plain_push_without_data_is_acknowledged_and_parked(client: Client) -> None:
    endpoint = client.subscription("offboard")["pushConfig"]["pushEndpoint"]
    pubsub = client.stack.local.pubsub
    topic = pubsub.create_topic("plain-leavers")
    pubsub.subscribe(topic, f"{endpoint}/{topic}", name="plain-leavers", format="pubsub")
    (message_id,) = client.send("plain-leavers", b"", attributes={"email": ANA})
    client.wait()
    parked = assert_parked(client, "offboard", message_id, "not-json")
    assert "the message has no data" in parked["reason"]
    assert client.failed("plain-leavers") == 0
    assert client.dead_lettered() == 0


@pytest.mark.parametrize("data", ["", 5, None])
def test_a_push_with_data_that_is_not_text_is_parked(client: Client, data: object) -> None:
    endpoint = client.subscription("onboard")["pushConfig"]["pushEndpoint"]
    message_id = f"odd-data-{data}"
    body = {"message": {"messageId": message_id, "data": data}, "subscription": "s"}
    assert requests.post(endpoint, json=body, timeout=10).status_code == 200
    assert_parked(client, "onboard", message_id, "not-json")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"hello", "the body is not JSON"),
        (b"[]", "the body has no 'subscription'"),
        (b'{"message": null, "subscription": "s"}', "'message' is not an object"),
    ],
)
@pytest.mark.parametrize("function", ["onboard", "converge"])
def test_a_body_that_is_not_a_push_is_refused_and_not_parked(
    client: Client, function: str, body: bytes, said: str
) -> None:
    endpoint = client.subscription(function)["pushConfig"]["pushEndpoint"]
    before = client.parked()
    answer = requests.post(endpoint, body, headers={"Content-Type": "application/json"}, timeout=10)
    assert answer.status_code == 400
    assert answer.text.startswith(said)
    assert client.parked() == before
    (line,) = client.log(function, action="push.refused", message=answer.text.strip())
    assert line["severity"] == "WARNING"


def test_a_delivery_that_is_not_a_pubsub_message_is_parked(client: Client) -> None:
    endpoint = client.subscription("onboard")["pushConfig"]["pushEndpoint"]
    headers = {
        "ce-id": "odd-1",
        "ce-source": "//pubsub.googleapis.com/projects/demo/topics/onboarding",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "Content-Type": "application/json",
    }
    bodies = ({"message": "text"}, {"message": {"data": "%%%", "messageId": "odd-2"}}, ["list"])
    for body in bodies:
        assert requests.post(endpoint, json=body, headers=headers, timeout=10).ok
    # Without a message id of its own it is known by the CloudEvent's, so the third is the first's
    # redelivery.
    assert_parked(client, "onboard", "odd-1", "not-json")
    assert_parked(client, "onboard", "odd-2", "not-json")
