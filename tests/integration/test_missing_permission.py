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
