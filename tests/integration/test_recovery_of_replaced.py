"""docs/disaster-recovery.md: replaced notebooks after their record was lost."""

from __future__ import annotations

import shlex
from datetime import datetime

import pytest

from demo.stage import Json
from tests.integration.client import TIMEOUT_SECONDS, Client
from tests.integration.test_deploy_docs import blocks
from tests.integration.test_recovery import PROFILE, lose_everything, settled
from tests.support.gcloud import Gcloud

OLD, NEW = "hana.old@example.com", "hana@example.com"
LOCATION = "projects/demo/locations/us-central1"
GIL, IVY, KIM = "gil@example.com", "ivy@example.com", "kim@example.com"


@pytest.fixture(scope="module")
def lost(client: Client) -> Client:
    """Three people whose notebooks were replaced, and one whose was not; their records are lost."""
    settled(client, KIM, "ready")
    for email in (GIL, IVY):
        settled(client, email, "ready")
        client.command("recreate", email)
        replaced(client, email)
    settled(client, OLD, "ready")
    client.join(NEW, previous_email=OLD, profile=PROFILE)
    replaced(client, NEW)
    start_session(client, NEW)
    lose_everything(client)
    return client


def replaced(client: Client, email: str) -> Json:
    """Tick until the person has one notebook, a successor; returns it."""
    for _ in range(30):
        client.tick()
        notebooks = client.notebooks_of(email)
        settled = client.environment(email)["phase"] == "ready"
        if settled and len(notebooks) == 1 and name_of(notebooks[0]).count("-") > 2:
            return notebooks[0]
    raise AssertionError(f"{email} has {notebooks}")


def start_session(client: Client, email: str) -> None:
    """A Spark session of that owner, from their template."""
    key = client.environment(email)["key"]
    template = f"{LOCATION}/sessionTemplates/st-{key}-spark"
    client.http.post(
        f"{client.cloud_url}/v1/{LOCATION}/sessions",
        params={"sessionId": "hanas"},
        json={"sessionTemplate": template, "user": email},
        timeout=TIMEOUT_SECONDS,
    ).raise_for_status()


def name_of(notebook: Json) -> str:
    return str(notebook["name"]).rpartition("/")[2]


def disk_of(client: Client, notebook: Json) -> str:
    _, _, _, zone, _, name = str(notebook["name"]).split("/")
    return f"{client.cloud_url}/_admin/disks/{zone}/{name}-data-workspace"


def work_in(client: Client, notebook: Json) -> str:
    return str(
        client.http.get(disk_of(client, notebook), timeout=TIMEOUT_SECONDS).json()["content"]
    )


def test_the_command_of_the_guide_lists_them(lost: Client, gcloud_command: Gcloud) -> None:
    (block,) = [b for b in blocks("disaster-recovery") if "name~-" in b]
    gcloud = gcloud_command.pointed_at(lost.stack.gcloud_environment())
    done = gcloud.run(*shlex.split(block)[1:])
    owners = {line.split()[0].strip("[']") for line in done.stdout.splitlines()}
    assert owners == {GIL, IVY, NEW}, done.stderr
    assert [n["name"] for n in lost.notebooks_of(KIM)] != []


def test_after_a_join_a_recreate_leaves_the_notebook_with_the_work_alone(lost: Client) -> None:
    (first,) = lost.notebooks_of(GIL)
    lost.join(GIL, profile=PROFILE)
    lost.until(GIL, "ready")
    (second,) = [n for n in lost.notebooks_of(GIL) if n["name"] != first["name"]]
    body = {"content": "what was done since"}
    lost.http.put(disk_of(lost, second), json=body, timeout=TIMEOUT_SECONDS).raise_for_status()
    lost.command("recreate", GIL)
    for _ in range(15):
        lost.tick()
    lost.until(GIL, "ready")
    names = {n["name"] for n in lost.notebooks_of(GIL)}
    assert first["name"] in names
    assert second["name"] not in names
    (third,) = [n for n in lost.notebooks_of(GIL) if n["name"] != first["name"]]
    assert work_in(lost, first) == "the work of gil@example.com"
    assert work_in(lost, third) == "what was done since"
    assert lost.find("notebooks.instance", first["name"])["state"] == "ACTIVE"


def test_a_leave_before_the_join_brings_the_work_back(lost: Client) -> None:
    lost.leave(IVY, immediate=True)
    left = lost.until(IVY, "removed")
    assert left["leaving"]["snapshots"] != []
    lost.join(IVY, profile=PROFILE)
    lost.until(IVY, "ready")
    assert len(lost.notebooks_of(IVY)) == 1
    assert lost.read_work(IVY) == "the work of ivy@example.com"


def test_a_leave_of_a_later_address_finds_resources_labelled_with_the_first(lost: Client) -> None:
    (notebook,) = lost.notebooks_of(NEW)
    lost.leave(NEW)
    shown = lost.until(NEW, "suspended")
    assert notebook["labels"]["benchkeeper-person"] != shown["key"]
    assert [n["state"] for n in lost.notebooks_of(NEW)] == ["STOPPED"]
    assert lost.find("dataproc.session", f"{LOCATION}/sessions/hanas")["state"] == "TERMINATED"
    until = datetime.fromisoformat(shown["removal_at"]) - datetime.fromisoformat(shown["left_at"])
    assert until.days == 30, "no profile of the person is known"
    lost.tick("31d")
    lost.until(NEW, "removed")
    assert lost.notebooks_of(NEW) == []
    assert [s["status"] for s in lost.snapshots_of(NEW)] == ["READY"]
    kept = [t["labels"]["benchkeeper-person"] for t in lost.resources("dataproc.sessionTemplate")]
    assert notebook["labels"]["benchkeeper-person"] in kept, "nothing says whose that is"
