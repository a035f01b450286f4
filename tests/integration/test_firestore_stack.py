"""The same life with Firestore as the state, on the official emulator."""

from __future__ import annotations

import pytest

from tests.integration.client import Client
from tests.integration.conftest import StartStack

COPIES = 10


@pytest.fixture(scope="module")
def client(start_stack: StartStack, firestore_emulator: str) -> Client:
    return start_stack(firestore=firestore_emulator)


def test_from_join_to_removal(client: Client) -> None:
    email = "ana@example.com"
    client.join(email, profile="data-scientist", team="Risk")
    client.until(email, "ready")
    assert len(client.notebooks_of(email)) == 1
    client.leave(email, reason="left the company")
    client.until(email, "suspended")
    assert [n["state"] for n in client.notebooks_of(email)] == ["STOPPED"]
    client.join(email, profile="data-scientist")
    client.until(email, "ready")
    client.leave(email)
    client.until(email, "suspended")
    client.tick("31d")
    client.until(email, "removed")
    assert client.notebooks_of(email) == []
    phases = [
        e["text"] for e in reversed(client.environment(email)["history"]) if "now " in e["text"]
    ]
    assert phases == [
        f"now {phase}"
        for phase in (
            "provisioning", "ready", "suspending", "suspended", "provisioning", "ready",
            "suspending", "suspended", "removing", "removed",
        )
    ]  # fmt: skip


def test_many_deliveries_at_once_make_one_notebook(client: Client) -> None:
    email = "ben@example.com"
    client.send("onboarding", *[{"email": email, "event_id": "join-1"}] * COPIES)
    client.wait()
    outcomes = [action for action in client.actions_of(email) if action.startswith("intent.")]
    assert sorted(outcomes) == ["intent.applied"] + ["intent.duplicate"] * (COPIES - 1)
    client.until(email, "ready")
    assert len(client.notebooks_of(email)) == 1


def test_a_rejected_event_is_parked_once(client: Client) -> None:
    (message_id,) = client.send("onboarding", {"emial": "ana@example.com"})
    client.wait()
    client.stack.local.pubsub.redeliver(message_id)
    client.wait()
    assert [p["code"] for p in client.parked()] == ["unknown-field"]
    assert len(client.log("onboard", message_id=message_id, action="event.parked")) == 1


def test_a_tick_that_cannot_be_read_is_parked_too(client: Client) -> None:
    (message_id,) = client.send("reconcile", {"scope": "everything"})
    client.wait()
    assert len(client.log("reconcile", message_id=message_id, action="event.parked")) == 1


def test_the_fleet_is_listed_by_phase_and_in_pages(client: Client) -> None:
    people = [f"person-{number}@example.com" for number in range(7)]
    client.send("onboarding", *({"email": email} for email in people))
    client.wait()
    first = client.ask("/environments", phase="provisioning", limit="4").json()
    rest = client.ask(
        "/environments", phase="provisioning", limit="4", cursor=first["next_cursor"]
    ).json()
    listed = [e["email"] for e in first["environments"] + rest["environments"]]
    assert (sorted(listed), rest["next_cursor"]) == (people, "")


def test_the_fleet_is_filtered_and_counted(client: Client) -> None:
    email = "nina@example.com"
    client.join(email, team="Trésor", profile="data-scientist")
    client.until(email, "ready")
    client.leave(email, event_id="HR-9", effective_at="2098-01-01T00:00:00Z")
    for query in (
        {"team": "Trésor", "running": "true", "held": "false"},
        {"leaves_before": "2099-01-01", "team": "Trésor"},
    ):
        found = client.ask("/environments", **query).json()["environments"]
        assert [e["email"] for e in found] == [email]
        counts = client.ask("/counts", **query).json()
        assert (counts["environments"], counts["profile"]) == (1, {"data-scientist": 1})
    client.join(email, profile="data-scientist")
    listed = client.ask("/unchanged", verb="leave").json()["unchanged"]
    assert [(e["outcome"], e["event_id"]) for e in listed] == [("cancelled", "HR-9")]
