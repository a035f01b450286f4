"""Bad events through real deliveries: acknowledged, parked with a reason, seen, logged once."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NamedTuple

import pytest
import requests
import yaml

from tests.integration.client import Client, eventually

pytestmark = pytest.mark.xdist_group("integration-bad-input")

ANA = "ana@example.com"
KINDS = ("notebooks.instance", "dataproc.sessionTemplate", "storage.object")

BOMB = b'{"email": ' + b"[" * 100_000
HUGE = json.dumps({"email": ANA, "reason": "x" * 9_000_000}).encode()

REFUSED: dict[str, tuple[str, bytes]] = {
    "not-json": ("not-json", b"email: ana@example.com"),
    "no-object": ("wrong-shape", b'["ana@example.com"]'),
    "null": ("wrong-shape", b"null"),
    "cut-short": ("not-json", b'{"email": "ana@example.com"'),
    "two-values": ("not-json", b'{"email": "ana@example.com"} {}'),
    "deeply-nested": ("not-json", BOMB[:60_000]),
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
    "look-alike-email": ("bad-email", '{"email": "аna@example.com"}'.encode()),
    "path-in-profile": ("unknown-profile", b'{"email": "ana@example.com", "profile": "../x"}'),
}


class World(NamedTuple):
    """What must not change when an event is refused."""

    resources: int
    environments: int


def world(client: Client) -> World:
    return World(sum(len(client.resources(k)) for k in KINDS), len(client.environments()))


def assert_parked(client: Client, function: str, message_id: str, code: str) -> dict[str, Any]:
    """Parked once, logged once as a warning, and gone from the subscription."""
    assert client.stack.local.pubsub.undelivered() == 0
    parked = [p for p in client.parked() if message_id in p["id"]]
    assert [p["code"] for p in parked] == [code]
    warnings = client.log(function, message_id=message_id, severity="WARNING")
    assert [(w["action"], w["code"]) for w in warnings] == [("event.parked", code)]
    assert warnings[0]["message"] == parked[0]["reason"]
    assert len(parked[0]["sample"]) <= 2000
    return dict(parked[0])


@pytest.mark.parametrize("topic", ["onboarding", "offboarding"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_acted_on_is_parked(client: Client, topic: str, case: str) -> None:
    code, data = REFUSED[case]
    if topic == "offboarding" and code in ("unknown-profile",):
        pytest.skip("a leave asks nothing of the profiles, so that leaving never fails")
    if topic == "offboarding" and case == "group-by-address":
        pytest.skip("that it is a group is known from the profiles, which a leave doesn't ask")
    before = world(client)
    failures = client.failed("onboard") + client.failed("offboard")

    (message_id,) = client.send(topic, data)
    client.wait()

    function = {"onboarding": "onboard", "offboarding": "offboard"}[topic]
    parked = assert_parked(client, function, message_id, code)
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
    (message_id,) = client.send("converge", {"email": "nobody@example.com"})
    client.wait()
    assert_parked(client, "converge", message_id, "unknown-person")


def test_a_refused_event_that_comes_again_is_parked_and_logged_once(client: Client) -> None:
    (message_id,) = client.send("onboarding", {"emial": ANA})
    client.wait()
    assert client.stack.local.pubsub.redeliver(message_id) == 1
    client.wait()
    eventually(
        lambda: len(client.calls_of("pubsub", "push", target=message_id)) == 2, "a second delivery"
    )
    assert_parked(client, "onboard", message_id, "unknown-field")


TRICKS = {
    "yaml": "x: {y: [1, *a]} # !!python/object/apply:os.system",
    "yaml-block": "'\": |- &a >",
    "html": "<script>alert('x')</script>&amp;\"",
    "path": "../../../people/someone-else/small.yaml%2F..",
    "template": "{{7*7}} ${HOME} $(id) `id` %s %(x)s",
    "label": "managed-by=somebody,benchkeeper-person:other",
    "words": "null",
    "number": "0o14",
}
FIELDS = ("display_name", "team", "cost_center", "reason", "person_id", "groups", "event_id")


@pytest.mark.parametrize("trick", TRICKS)
def test_a_persons_text_stays_text(client: Client, trick: str) -> None:
    """Invariant 10: no text becomes YAML structure, a path, a label key, or HTML."""
    text = TRICKS[trick]
    told = {name: text for name in FIELDS}
    told |= {"person_id": text.replace(" ", "_"), "event_id": text.replace(" ", "_")}
    email, plain = f"trick-{trick}@example.com", f"plain-{trick}@example.com"
    client.join(plain, profile="data-scientist", team="core", cost_center="cc-1")
    client.join(email, profile="data-scientist", **{**told, "groups": [text]})

    shown = client.ask(f"/environments/{email}")
    assert shown.headers["Content-Type"] == "application/json"
    environment = shown.json()
    assert environment["person"]["display_name"] == text, "kept and shown as it was sent"
    key = environment["key"]

    names = [r["name"] for kind in KINDS for r in client.resources(kind) if key in r["name"]]
    assert len(names) == 3, "a notebook, a session template, a cluster template; nothing beside"
    assert f"people/{key}/small.yaml" in "\n".join(names)
    (notebook,) = client.notebooks_of(email)
    (other,) = client.notebooks_of(plain)
    assert notebook["labels"].keys() == other["labels"].keys()
    assert all(re.fullmatch(r"[a-z0-9_-]{1,63}", v) for v in notebook["labels"].values())
    assert shape(cluster_of(client, key)) == shape(
        cluster_of(client, client.environment(plain)["key"])
    )


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", ["a\nlabels: {}", "a\x00b", "a\u202eb", "a" * 5000])
def test_control_characters_and_endless_text_are_refused(
    client: Client, field: str, text: str
) -> None:
    value = [text] if field == "groups" else text
    (message_id,) = client.send("onboarding", {"email": ANA, field: value})
    client.wait()
    parked = assert_parked(client, "onboard", message_id, "wrong-shape")
    assert field in parked["reason"]


def cluster_of(client: Client, key: str) -> Any:
    """A person's cluster template, parsed."""
    url = f"{client.cloud_url}/download/storage/v1/b/demo-templates/o/people%2F{key}%2Fsmall.yaml"
    answer = requests.get(url, params={"alt": "media"}, timeout=10)
    answer.raise_for_status()
    return yaml.safe_load(answer.content)


def shape(value: Any) -> Any:
    """The structure of a document without its texts."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


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


def test_a_delivery_that_is_no_pubsub_message_is_parked(client: Client) -> None:
    endpoint = client.subscription("onboard")["pushConfig"]["pushEndpoint"]
    headers = {
        "ce-id": "odd-1",
        "ce-source": "//pubsub.googleapis.com/projects/demo/topics/onboarding",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "Content-Type": "application/json",
    }
    bodies = ({"message": "text"}, {"message": {"data": "%%%", "messageId": "odd-2"}}, ["list"])
    codes = [
        requests.post(endpoint, json=body, headers=headers, timeout=10).status_code
        for body in bodies
    ]
    assert codes == [200, 200, 200]
    kept = {p["id"]: p["sample"] for p in client.parked() if "odd-" in p["id"]}
    assert set(kept) == {"projects/demo/topics/onboarding-odd-1", "onboarding-odd-2"} or len(kept)
    assert base64.b64encode(b"x")
