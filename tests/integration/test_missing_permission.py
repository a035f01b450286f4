"""A missing permission: how an admin sees it, and what happens after granting."""

from __future__ import annotations

from tests.integration.client import Client


def revoke(client: Client, body: dict[str, list[str]]) -> None:
    """Take permissions from accounts, and give back whatever was taken before."""
    client.http.put(f"{client.cloud_url}/_admin/permissions", json=body).raise_for_status()


def test_a_missing_permission_is_named_and_after_granting_a_retry_continues(client: Client) -> None:
    email = "ana@example.com"
    revoke(client, {"*": ["notebooks.instances.create"]})
    client.join(email)
    shown = client.environment(email)
    assert (shown["phase"], shown["health"]) == ("provisioning", "quarantined")
    assert "Permission 'notebooks.instances.create' denied on resource" in shown["problem"]
    call = client.calls_of("notebooks", "instances.create", target=shown["key"])[-1]
    assert (call["caller"], call["lacks"]) == ("onboard", "notebooks.instances.create")

    revoke(client, {})
    client.command("retry", email)
    client.until(email, "ready")
    assert len(client.notebooks_of(email)) == 1


def test_after_granting_one_command_retries_everybody(client: Client) -> None:
    people = [f"many-{number}@example.com" for number in range(5)]
    revoke(client, {"*": ["notebooks.instances.create"]})
    client.send("onboarding", *({"email": email} for email in people))
    client.wait()
    query = {"problem": "PERMISSION_DENIED"}
    found = client.ask("/environments", **query).json()["environments"]
    assert sorted(e["email"] for e in found) == people
    assert client.ask("/counts").json()["problem"] == {"PERMISSION_DENIED": len(people)}

    revoke(client, {})
    order = {"action": "retry", **query, "reason": "granted", "by": "kim", "event_id": "INC-7"}
    (message_id,) = client.send("admin-events", order)
    client.wait()
    client.stack.local.pubsub.redeliver(message_id)
    client.wait()
    assert [e["count"] for e in client.log("admin", action="order.bulk")] == [len(people)] * 2
    for email in people:
        shown = client.until(email, "ready")
        orders = [e for e in shown["history"] if e["action"].startswith("order.")]
        assert orders[-1]["text"] == "retry by kim (granted)"
        assert {e["event_id"] for e in orders} == {f"INC-7/{shown['key']}"}
        assert [e["action"] for e in orders].count("order.applied") == 1
        assert len(client.notebooks_of(email)) == 1
    assert client.ask("/counts", **query).json()["environments"] == 0
    published = client.calls_of("pubsub", "topics.publish", target="topics/admin-events")
    assert {c["outcome"] for c in published if c["caller"] == "admin"} == {"OK"}
    assert client.parked() == []


def test_an_announcement_without_permission_is_published_after_granting(client: Client) -> None:
    email = "ben@example.com"
    client.join(email)
    revoke(client, {"converge": ["pubsub.topics.publish"]})
    client.until(email, "ready")
    (line, *_) = client.log("converge", action="announce.failed")
    assert "User not authorized to perform this action." in line["message"]

    revoke(client, {})
    client.tick("2m")
    topic = "topics/environment-events"
    published = client.calls_of("pubsub", "topics.publish", target=topic)
    mine = [call for call in published if call["caller"] == "converge"]
    assert mine[-2]["lacks"] == "pubsub.topics.publish"
    assert mine[-1]["outcome"] == "OK"
