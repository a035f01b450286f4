"""The gcloud commands of the README, as typed, against the whole stack."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml

from tests.integration.client import Client
from tests.support.gcloud import Gcloud

EMAIL = "ana@example.com"


@pytest.fixture
def gcloud(client: Client, gcloud_command: Gcloud) -> Gcloud:
    """gcloud as in a shell that has sourced endpoints.env."""
    return gcloud_command.pointed_at(client.stack.gcloud_environment())


def test_an_admin_runs_join_to_removal_with_gcloud(
    client: Client, gcloud: Gcloud, tmp_path: Path
) -> None:
    message = json.dumps({"email": EMAIL, "profile": "data-scientist"})
    gcloud("pubsub", "topics", "publish", "onboarding", f"--message={message}")
    client.wait()
    shown = client.until(EMAIL, "ready")
    notebook = f"nb-{shown['key']}"

    listed = json.loads(
        gcloud("workbench", "instances", "list", "--location=us-central1-a", "--format=json")
    )
    assert [(n["name"].rpartition("/")[2], n["state"]) for n in listed] == [(notebook, "ACTIVE")]
    described = yaml.safe_load(
        gcloud("workbench", "instances", "describe", notebook, "--location=us-central1-a")
    )
    assert described["instanceOwners"] == [EMAIL]

    templates = gcloud("beta", "dataproc", "session-templates", "list", "--location=us-central1")
    assert f"st-{shown['key']}-spark" in templates

    url = f"gs://demo-templates/people/{shown['key']}/small.yaml"
    assert url in gcloud("storage", "ls", "-r", "gs://demo-templates/")
    client.set(operation_seconds=0)  # gcloud waits for operations in real time
    (tmp_path / "mine.yaml").write_text(gcloud("storage", "cat", url))
    region = "--region=us-central1"
    gcloud("dataproc", "clusters", "import", "mine", region, f"--source={tmp_path / 'mine.yaml'}")
    clusters = ("dataproc", "clusters", "list", region, "--format=json")
    (cluster,) = json.loads(gcloud(*clusters))
    properties = cluster["config"]["softwareConfig"]["properties"]
    assert properties["dataproc:dataproc.personal-auth.user"] == EMAIL
    assert cluster["config"]["endpointConfig"]["enableHttpPortAccess"] is True

    message = json.dumps({"email": EMAIL})
    gcloud("pubsub", "topics", "publish", "offboarding", f"--message={message}")
    client.wait()
    client.until(EMAIL, "suspended")
    assert url not in gcloud("storage", "ls", "-r", "gs://demo-templates/")
    assert json.loads(gcloud(*clusters)) == []

    client.tick("31d")
    client.until(EMAIL, "removed")
    (snapshot,) = json.loads(gcloud("compute", "snapshots", "list", "--format=json"))
    assert snapshot["status"] == "READY"
    assert snapshot["labels"]["benchkeeper-person"] == shown["key"]
    assert snapshot["sourceDisk"].endswith(f"/{notebook}-data-workspace")
    client.set(operation_seconds=None)


def test_an_admin_holds_somebody_with_gcloud_and_reads_the_announcements(
    client: Client, gcloud: Gcloud
) -> None:
    email = "chen@example.com"
    client.join(email)
    command = {"action": "hold", "email": email, "reason": "case 4711", "by": "legal@example.com"}
    gcloud("pubsub", "topics", "publish", "admin-events", f"--message={json.dumps(command)}")
    client.wait()
    history = client.environment(email)["history"]
    assert [e["text"] for e in history if e["action"] == "order.applied"] == [
        "hold by legal@example.com (case 4711)"
    ]

    pull = ("pubsub", "subscriptions", "pull", "environment-events", "--auto-ack", "--limit=100")
    pulled = json.loads(gcloud(*pull, "--format=json"))
    announced = [json.loads(base64.b64decode(one["message"]["data"]))["data"] for one in pulled]
    assert [(e["news"], e["reason"]) for e in announced if e["email"] == email] == [
        ("held", "case 4711")
    ]


def test_a_notebook_deleted_by_others_is_created_again_at_the_next_event(
    client: Client, gcloud: Gcloud
) -> None:
    email = "ben@example.com"
    client.join(email)
    shown = client.until(email, "ready")
    client.set(operation_seconds=0)
    gcloud(
        "workbench", "instances", "delete", f"nb-{shown['key']}", "--location=us-central1-a",
        "--quiet",
    )  # fmt: skip
    client.set(operation_seconds=None)
    assert client.notebooks_of(email) == []

    client.join(email)
    client.until(email, "ready")
    assert len(client.notebooks_of(email)) == 1
