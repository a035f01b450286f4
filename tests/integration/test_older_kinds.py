"""The two older kinds: found and removed when their owners leave; creation is refused.

They have been there since before the end, so they are planted.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.stack.stack import Stack
from tests.integration.client import Client
from tests.integration.conftest import StartStack
from tests.support.gcloud import Gcloud

NETWORK = {"network": "default", "subnet": "default", "public_ip": False}
WORKBENCH = {
    "zones": ["us-central1-a"],
    "machine_type": "e2-standard-2",
    "boot_disk": {"size_gb": 150, "type": "PD_BALANCED"},
    "data_disk": {"size_gb": 100, "type": "PD_BALANCED"},
    "idle_minutes": 30,
}
PROFILES: dict[str, Any] = {
    "version": 1,
    "default": "today",
    "profiles": {
        "today": {"grace": "14d", "network": NETWORK, "workbench": WORKBENCH},
        "yesterday": {
            "grace": "14d",
            "network": NETWORK,
            "managed_notebook": {"location": "us-central1", "machine_type": "n1-standard-4"},
        },
    },
}


class WithOlderKinds(Stack):
    """A stack whose functions handle the older kinds, too."""

    def environment(self, function: str) -> dict[str, str]:
        return super().environment(function) | {"OLDER_KINDS": "on"}


@pytest.fixture(scope="module")
def client(start_stack: StartStack, tmp_path_factory: pytest.TempPathFactory) -> Client:
    directory = tmp_path_factory.mktemp("profiles")
    (directory / "profiles.yaml").write_text(json.dumps(PROFILES))  # which is YAML, too
    return start_stack(kind=WithOlderKinds, profiles=directory)


def planted_hub(client: Client, hub: str, labels: dict[str, str]) -> str:
    """A Dataproc Hub from before the end; its name."""
    name = f"projects/demo/locations/us-central1-a/instances/{hub}"
    body = {"labels": labels, "metadata": {"dataproc-configs": "gs://demo-templates/people/"}}
    client.stack.local.notebooks_v1.seed(name, body)
    return name


def planted(client: Client, runtime: str, owner: str, labels: dict[str, str]) -> str:
    """A managed notebook from before the end; its name."""
    name = f"projects/demo/locations/us-central1/runtimes/{runtime}"
    body = {
        "accessConfig": {"accessType": "SINGLE_USER", "runtimeOwner": owner},
        "virtualMachine": {"virtualMachineConfig": {"labels": labels}},
    }
    client.stack.local.notebooks_v1.seed(name, body)
    return name


def ours(client: Client, email: str) -> dict[str, str]:
    key = client.environment(email)["key"]
    return {"managed-by": "benchkeeper", "benchkeeper-person": key}


def state_of(client: Client, runtime: str) -> str:
    return str(client.find("notebooks.runtime", runtime).get("state", ""))


def test_a_managed_notebook_of_a_leaver_is_found_stopped_and_removed(client: Client) -> None:
    email = "ana@example.com"
    client.join(email)
    client.until(email, "ready")
    theirs = planted(client, "ana-old", email, ours(client, email))
    foreign = planted(client, "bens-old", "ben@example.com", {})
    client.leave(email)
    client.tick()
    assert state_of(client, theirs) in ("STOPPING", "STOPPED")
    client.until(email, "suspended")
    assert state_of(client, theirs) == "STOPPED"
    client.tick("13d")
    assert state_of(client, theirs) == "STOPPED", "kept for the grace period, as every notebook"
    client.tick("25h")
    client.until(email, "removed")
    assert state_of(client, theirs) == ""
    assert state_of(client, foreign) == "ACTIVE"
    (record,) = client.ask(f"/environments/{email}/leaving").json()["leavings"]
    assert theirs in {thing["name"] for thing in record["had"]}


def test_one_without_our_labels_is_left_alone_and_reported(client: Client) -> None:
    email = "chen@example.com"
    client.join(email)
    client.until(email, "ready")
    unmarked = planted(client, "chens-old", email, {})
    client.leave(email, immediate=True)
    client.until(email, "removed")
    assert state_of(client, unmarked) == "ACTIVE"
    (record,) = client.ask(f"/environments/{email}/leaving").json()["leavings"]
    (leftover,) = record["scan"]["leftovers"]
    assert unmarked in leftover
    assert "labels" in leftover


def test_google_refuses_to_create_one_and_the_problem_names_the_kind_to_use(client: Client) -> None:
    email = "dora@example.com"
    client.join(email, profile="yesterday")
    shown = client.until(email, "provisioning", health="quarantined", max_ticks=3)
    assert "workbench" in shown["problem"]
    client.join(email, profile="today")
    client.until(email, "ready")
    assert len(client.notebooks_of(email)) == 1


def test_in_2023_google_created_them(client: Client) -> None:
    email = "emil@example.com"
    client.set(older_notebooks=True)
    client.join(email, profile="yesterday")
    shown = client.until(email, "ready")
    client.set(older_notebooks=False)
    (resource,) = [r for r in shown["resources"] if r["kind"] == "managed-notebook"]
    assert state_of(client, resource["name"]) == "ACTIVE"
    assert resource["link"].startswith("https://")
    client.leave(email)
    client.until(email, "suspended")
    client.join(email, profile="yesterday")
    client.until(email, "ready")
    assert state_of(client, resource["name"]) == "ACTIVE", "it starts again; only creation is over"


def test_gcloud_sees_a_leavers_hub_stopped_and_deleted(
    client: Client, gcloud_command: Gcloud
) -> None:
    email = "fay@example.com"
    client.join(email)
    hub = planted_hub(client, "fays-hub", ours(client, email))
    gcloud = gcloud_command.pointed_at(client.stack.gcloud_environment())
    ask = ("notebooks", "instances", "list", "--location=us-central1-a", "--format=json")

    def seen() -> list[tuple[str, str]]:
        return [(one["name"], one["state"]) for one in json.loads(gcloud(*ask))]

    assert seen() == [(hub, "ACTIVE")]
    client.leave(email)
    client.until(email, "suspended")
    assert seen() == [(hub, "STOPPED")]
    client.tick("15d")
    client.until(email, "removed")
    assert seen() == []
