"""The main job, from the event to the notebook and back, through the real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1, storage
from google.cloud.dataproc_v1 import AuthenticationConfig, SessionTemplateControllerClient

from tests.integration.client import Client
from tests.integration.conftest import StartStack

END_USER = AuthenticationConfig.AuthenticationType.END_USER_CREDENTIALS


@pytest.fixture(scope="module")
def client(start_stack: StartStack) -> Client:
    """With the scheduler's own tick: here time passes as it does in the cloud."""
    return start_stack(tick_seconds=60)


@pytest.fixture
def bucket(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Bucket]:
    """The bucket of the people's cluster templates, through Google's own client."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", client.cloud_url)
    google = storage.Client(project="demo", credentials=AnonymousCredentials())
    yield google.bucket("demo-templates")
    google.close()


@pytest.fixture
def templates(client: Client) -> Iterator[SessionTemplateControllerClient]:
    google = SessionTemplateControllerClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": client.cloud_url},
    )
    yield google
    google.transport.close()


def minutes_until(client: Client, email: str, phase: str) -> None:
    """Let the scheduler's minutes pass until the person is in ``phase``."""
    for _ in range(10):
        if client.environment(email)["phase"] == phase:
            return
        client.pass_time("60s")
    pytest.fail(f"{email} isn't {phase} after ten minutes: {client.environment(email)}")


def test_a_join_published_by_googles_client_becomes_a_ready_environment(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", client.stack.local.grpc_address)
    google = pubsub_v1.PublisherClient()
    topic = google.topic_path("demo", "onboarding")
    google.publish(topic, b'{"email": "Ana@Example.com"}').result(timeout=10)
    google.stop()
    google.transport.close()
    client.wait()

    begun = client.environment("ana@example.com")
    assert begun["phase"] == "provisioning"
    assert {r["under_way"] for r in begun["resources"]} == {"create", None}
    minutes_until(client, "ana@example.com", "ready")

    ready = client.environment("ana@example.com")
    assert {(r["kind"], r["slot"]): r["observed"] for r in ready["resources"]} == {
        ("workbench", "main"): "ready",
        ("session-template", "spark"): "ready",
    }
    client.consent("ana@example.com")
    client.pass_time("121m")  # until the owner has consented they are asked after, now and then
    opened = client.environment("ana@example.com")
    assert (opened["consent"], opened["problem"]) == ("opened", "")
    assert opened["next_look_at"] is None, "what is as it should be costs nothing"


def test_the_notebook_is_the_persons_own_and_says_who_pays(client: Client) -> None:
    client.join("ben.o-hara@example.com", team="Pricing", cost_center="CC-1001")
    (notebook,) = client.notebooks_of("ben.o-hara@example.com")
    key = client.environment("ben.o-hara@example.com")["key"]

    assert notebook["name"] == f"projects/demo/locations/us-central1-a/instances/nb-{key}"
    assert notebook["enableManagedEuc"] is True
    assert notebook["labels"]["managed-by"] == "benchkeeper"
    assert notebook["labels"]["benchkeeper-person"] == key
    assert notebook["labels"]["benchkeeper-profile"] == "analyst"
    assert notebook["labels"]["cost-center"].startswith("cc-1001")
    assert notebook["labels"]["team"].startswith("pricing")
    assert "example" not in " ".join(notebook["labels"].values()), "bills are widely read"
    setup = notebook["gceSetup"]
    assert setup["metadata"]["idle-timeout-seconds"] == "3600"
    assert setup["metadata"]["notebook-disable-downloads"] == "true"
    assert setup["metadata"]["notebook-disable-terminal"] == "true"
    assert setup["disablePublicIp"] is True
    assert "serviceAccounts" not in setup, "on the owner's credentials there is no other identity"


def test_templates_read_back_through_googles_clients(
    client: Client, bucket: storage.Bucket, templates: SessionTemplateControllerClient
) -> None:
    client.join("chen@example.com", profile="data-scientist", cost_center="cc-2002")
    key = client.environment("chen@example.com")["key"]

    parent = "projects/demo/locations/us-central1"
    (found,) = [t for t in templates.list_session_templates(parent=parent) if key in t.name]
    execution = found.environment_config.execution_config
    assert execution.authentication_config.user_workload_authentication_type == END_USER
    assert dict(found.labels)["cost-center"] == "cc-2002"

    text = bucket.blob(f"people/{key}/small.yaml").download_as_bytes()
    cluster = yaml.safe_load(text)
    properties = cluster["config"]["softwareConfig"]["properties"]
    assert properties["dataproc:dataproc.personal-auth.user"] == "chen@example.com"
    assert cluster["config"]["endpointConfig"] == {"enableHttpPortAccess": True}
    assert cluster["labels"]["benchkeeper-person"] == key


def test_a_leave_stops_the_notebook_and_the_grace_period_ends_with_the_removal(
    client: Client, bucket: storage.Bucket, templates: SessionTemplateControllerClient
) -> None:
    client.join("dora@example.com", profile="data-scientist")
    minutes_until(client, "dora@example.com", "ready")
    key = client.environment("dora@example.com")["key"]

    client.leave("dora@example.com", reason="left the company")
    parent = "projects/demo/locations/us-central1"
    assert not [t for t in templates.list_session_templates(parent=parent) if key in t.name]
    assert not list(bucket.list_blobs(prefix=f"people/{key}/"))
    assert client.environment("dora@example.com")["phase"] == "suspending"
    minutes_until(client, "dora@example.com", "suspended")
    (notebook,) = client.notebooks_of("dora@example.com")
    assert notebook["state"] == "STOPPED"

    client.pass_time("29d")  # of 30
    (notebook,) = client.notebooks_of("dora@example.com")
    assert notebook["state"] == "STOPPED", "no disk is deleted before the grace period is over"
    client.pass_time("25h")
    minutes_until(client, "dora@example.com", "removed")
    assert client.notebooks_of("dora@example.com") == []
    assert "intent.applied" in client.actions_of("dora@example.com"), (
        "the history outlives the notebook"
    )


def test_a_return_within_the_grace_period_finds_the_same_notebook(client: Client) -> None:
    client.join("emil@example.com")
    minutes_until(client, "emil@example.com", "ready")
    (before,) = client.notebooks_of("emil@example.com")
    client.leave("emil@example.com")
    minutes_until(client, "emil@example.com", "suspended")

    client.pass_time("10d")
    client.join("emil@example.com")
    minutes_until(client, "emil@example.com", "ready")
    client.pass_time("20d")

    (after,) = client.notebooks_of("emil@example.com")
    assert (after["id"], after["state"]) == (before["id"], "ACTIVE")
    assert client.environment("emil@example.com")["removal_at"] is None


def test_an_immediate_leave_removes_without_a_grace_period(client: Client) -> None:
    client.join("fay@example.com")
    minutes_until(client, "fay@example.com", "ready")
    client.leave("fay@example.com", immediate=True, reason="terminated")
    minutes_until(client, "fay@example.com", "removed")
    assert client.notebooks_of("fay@example.com") == []


def test_a_scheduled_event_takes_effect_at_its_time_and_not_before(client: Client) -> None:
    now = client.now()
    year = int(now[:4])
    starts, ends = f"{year + 1}{now[4:10]}T00:00:00Z", f"{year + 2}{now[4:10]}T00:00:00Z"
    client.join("gus@example.com", effective_at=starts)
    assert client.environment("gus@example.com")["phase"] == "scheduled"
    client.pass_time("300d")
    assert client.notebooks_of("gus@example.com") == [], "not yet"
    client.pass_time("66d")
    minutes_until(client, "gus@example.com", "ready")

    client.leave("gus@example.com", effective_at=ends)
    client.pass_time("300d")
    assert client.environment("gus@example.com")["phase"] == "ready", "still present"
    client.pass_time("66d")
    minutes_until(client, "gus@example.com", "suspended")
    (notebook,) = client.notebooks_of("gus@example.com")
    assert notebook["state"] == "STOPPED"


def test_a_grace_period_of_zero_removes_at_once(start_stack: StartStack, tmp_path: Path) -> None:
    profiles = {
        "version": 1,
        "default": "visitor",
        "profiles": {
            "visitor": {
                "grace": 0,
                "network": {"network": "default", "subnet": "default", "public_ip": False},
                "workbench": {
                    "zones": ["us-central1-b"],
                    "machine_type": "e2-standard-2",
                    "boot_disk": {"size_gb": 150, "type": "PD_BALANCED"},
                    "data_disk": {"size_gb": 100, "type": "PD_BALANCED"},
                    "idle_minutes": 30,
                },
            }
        },
    }
    (tmp_path / "profiles.yaml").write_text(yaml.safe_dump(profiles))
    visitors = start_stack(profiles=tmp_path)
    visitors.join("hana@example.com")
    visitors.until("hana@example.com", "ready")
    (notebook,) = visitors.notebooks_of("hana@example.com")
    assert "/us-central1-b/" in notebook["name"]

    visitors.leave("hana@example.com")
    assert len(visitors.calls_of("notebooks", "instances.delete")) == 1, "at once, by the event"
    assert visitors.calls_of("notebooks", "instances.stop") == []
    visitors.until("hana@example.com", "removed")
    assert visitors.notebooks_of("hana@example.com") == []
