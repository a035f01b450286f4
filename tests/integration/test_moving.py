"""Moves are made in place where possible; a change of address keeps the data."""

from __future__ import annotations

from tests.integration.client import Client

WORK = "model.ipynb: three weeks of work"


def test_a_new_address_has_the_work_of_the_old_one(client: Client) -> None:
    old, new = "ana.ortiz@example.com", "ana.weber@example.com"
    client.join(old)
    client.until(old, "ready")
    client.write_work(old, WORK)

    client.join(new, previous_email=old)
    assert client.environment(new)["notebook"] == ""
    client.until(new, "ready", max_ticks=20)
    (notebook,) = client.notebooks_of(new)
    assert notebook["state"] == "ACTIVE"
    assert client.read_work(new) == WORK

    for _ in range(3):
        client.tick()
    assert client.notebooks_of(old) == [], "it went once its data was in the new one"
    shown = client.environment(old)
    assert shown == client.environment(new), "one person under both addresses"
    assert (shown["email"], shown["phase"], shown["leaving"]) == (new, "ready", None)
    assert [(a["email"], a["until"] is None) for a in shown["addresses"]] == [
        (old, False),
        (new, True),
    ]
    assert client.ask(f"/environments/{old}/leaving").json()["leavings"] == []


def test_a_new_profile_changes_the_notebook_in_place(client: Client) -> None:
    email = "ben@example.com"
    client.join(email, profile="analyst", team="Pricing", cost_center="cc-1")
    client.until(email, "ready")
    client.write_work(email, WORK)
    before = client.notebook(email)
    assert before["gceSetup"]["machineType"].endswith("e2-standard-4")

    client.join(email, profile="spark-engineer", team="Platform", cost_center="cc-2")
    client.until(email, "ready")
    after = client.notebook(email)
    assert (after["id"], after["state"]) == (before["id"], "ACTIVE")
    assert after["gceSetup"]["machineType"].endswith("e2-standard-8")
    assert after["labels"]["cost-center"] == "cc-2"
    assert after["labels"]["benchkeeper-profile"] == "spark-engineer"
    assert after["gceSetup"]["metadata"]["notebook-disable-terminal"] == "false"
    assert client.read_work(email) == WORK
    shown = client.environment(email)
    outdated = [e["text"] for e in shown["history"] if e["action"] == "resource.outdated"]
    assert len(outdated) == 1
    assert "data disk" in outdated[0].lower() or "dataDisks" in outdated[0]
