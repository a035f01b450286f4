"""Admin commands on `admin-events`: hold, release, retry, with sender and reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.client import Client

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "no-such-action": ("wrong-shape", {"action": "delete"}),
    "no-reason": ("wrong-shape", {"reason": None}),
    "unknown-field": ("unknown-field", {"force": True}),
    "not-a-person": ("not-a-person", {"email": "group:analysts@example.com"}),
    "unknown-person": ("unknown-person", {"email": "nobody@example.com"}),
    "from-the-future": ("from-the-future", {"occurred_at": "2099-01-01T00:00:00Z"}),
}


def said(client: Client, email: str, action: str) -> list[str]:
    """The sentences of a person's history under ``action``, oldest first."""
    history = reversed(client.environment(email)["history"])
    return [entry["text"] for entry in history if entry["action"] == action]


def test_under_a_hold_everything_stays_until_the_release(client: Client) -> None:
    email = "ana@example.com"
    client.join(email)
    client.until(email, "ready")
    client.command("hold", email, hold="CASE-4711", reason="a lawsuit", by="legal@example.com")
    client.command("hold", email, hold="AUDIT-9", reason="an audit")
    client.tick()
    client.tick()
    assert client.notebook(email)["enableDeletionProtection"] is True

    client.leave(email, immediate=True)
    shown = client.until(email, "suspended")
    assert shown["held"] is True
    assert [(hold["id"], hold["reason"], hold["by"]) for hold in shown["holds"]] == [
        ("CASE-4711", "a lawsuit", "legal@example.com"),
        ("AUDIT-9", "an audit", ""),
    ]
    client.tick("60d")
    client.tick()
    assert client.notebook(email)["state"] == "STOPPED", "access has ended, nothing is deleted"
    assert client.snapshots_of(email) == []
    key = shown["key"]
    assert [t for t in client.resources("dataproc.sessionTemplate") if key in t["name"]]

    client.command("release", email, reason="which one?")
    client.command("release", email, hold="CASE-4711", reason="settled", by="legal@example.com")
    client.tick("1h")
    client.tick()
    assert client.notebook(email)["state"] == "STOPPED", "one hold is left"
    [parked] = [p for p in client.parked() if p["email"] == email]
    assert (parked["topic"], parked["code"]) == ("admin-events", "several-holds")

    client.command("release", email, reason="over")
    client.until(email, "removed")
    assert client.notebook(email) == {}
    assert [s["status"] for s in client.snapshots_of(email)] == ["READY"]
    assert said(client, email, "order.applied") == [
        "hold CASE-4711 by legal@example.com (a lawsuit)",
        "hold AUDIT-9 (an audit)",
        "release CASE-4711 by legal@example.com (settled); lifts CASE-4711 (a lawsuit); "
        "still held by AUDIT-9 (an audit)",
        "release (over); lifts AUDIT-9 (an audit)",
    ]


def test_a_hold_does_not_prevent_working_or_ending_a_session(client: Client) -> None:
    email = "ben@example.com"
    client.join(email)
    client.until(email, "ready")
    session = client.start_session(email)
    client.command("hold", email)
    client.tick("2m")
    assert client.environment(email)["phase"] == "ready"
    assert client.find("dataproc.session", session)["state"] == "ACTIVE"
    client.leave(email)
    client.until(email, "suspended")
    assert client.find("dataproc.session", session)["state"] == "TERMINATED"


def test_a_retry_continues_at_once_after_a_permanent_failure(client: Client) -> None:
    email = "chen@example.com"
    denied = {"status": "PERMISSION_DENIED", "message": "not for you"}
    with client.fault(
        service="notebooks", method="instances.create", match="/nb-chen-", error=denied
    ):
        client.join(email)
        shown = client.until(email, "provisioning", health="quarantined", max_ticks=3)
        assert "not for you" in shown["problem"]
        client.tick("10m")
        assert client.environment(email)["health"] == "quarantined", "for hours"

    before = len(client.calls_of("notebooks", "instances.create", target=shown["key"]))
    client.command("retry", email, reason="granted the role", by="ops@example.com")
    after = len(client.calls_of("notebooks", "instances.create", target=shown["key"]))
    assert after == before + 1, "by the command itself"
    client.until(email, "ready")
    assert said(client, email, "order.applied") == ["retry by ops@example.com (granted the role)"]


def test_a_command_is_applied_once_and_an_older_one_does_not_win(client: Client) -> None:
    email = "dora@example.com"
    client.join(email)
    earlier = client.now()
    client.command("hold", email, event_id="hold-1")
    client.command("hold", email, event_id="hold-1")
    client.command("release", email, occurred_at=earlier)
    assert [a for a in client.actions_of(email) if a.startswith("order.")] == [
        "order.applied",
        "order.duplicate",
        "order.stale",
    ]
    assert client.environment(email)["held"] is True


@pytest.mark.parametrize("case", REFUSED)
def test_a_command_that_cannot_be_carried_out_is_parked(client: Client, case: str) -> None:
    code, fields = REFUSED[case]
    command = {"action": "hold", "email": "emil@example.com", "reason": "because"} | fields
    (message_id,) = client.send("admin-events", command)
    client.wait()
    (parked,) = [p for p in client.parked() if p["id"] == f"admin-events-{message_id}"]
    assert parked["code"] == code
    assert client.failed("admin") == 0
