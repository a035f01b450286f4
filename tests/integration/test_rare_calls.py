"""Calls that are rare: the accounts have the permissions for them, too."""

from __future__ import annotations

from tests.integration.client import Client
from tests.integration.conftest import StartStack


def test_a_disk_that_outlives_its_notebook_is_deleted_with_the_rest(client: Client) -> None:
    email = "ana@example.com"
    client.join(email)
    client.until(email, "ready")
    _, _, _, zone, _, instance = client.notebook(email)["name"].split("/")
    disk = f"{zone}/disks/{instance}-data-workspace"
    client.http.put(
        f"{client.cloud_url}/_admin/disks/{zone}/{instance}-data-workspace/kept",
        json={"kept": True},
    ).raise_for_status()
    client.leave(email, immediate=True)
    client.until(email, "removed")
    assert client.calls_of("compute", "disks.delete", target=disk), "the notebook left it there"
    assert not [one for one in client.resources("compute.disk") if disk in one["name"]]


def test_a_workload_that_somebody_else_just_ended_is_observed(client: Client) -> None:
    """To end it once more is refused: FAILED_PRECONDITION."""
    email = "ben@example.com"
    client.join(email, profile="data-scientist")
    client.until(email, "ready")
    session, cluster = client.start_session(email), client.start_cluster(email)
    client.tick("2m")
    refused = {"when": "after", "error": {"status": "FAILED_PRECONDITION"}, "service": "dataproc"}
    with (
        client.fault(method="sessions.terminate", match=session, times=1, **refused),
        client.fault(method="clusters.delete", match=cluster, times=1, **refused),
    ):
        client.leave(email)
    client.until(email, "suspended")
    assert client.calls_of("dataproc", "sessions.get", target=session)
    assert client.calls_of("dataproc", "clusters.get", target=cluster)


def test_a_restore_with_a_lost_answer_is_found_among_the_operations(client: Client) -> None:
    email = "chen@example.com"
    client.join(email, profile="data-scientist")
    client.until(email, "ready")
    client.write_work(email, "three weeks of work")
    client.leave(email, immediate=True)
    client.until(email, "removed")
    with client.fault(
        service="notebooks", method="instances.restore", when="after", drop=True, times=1
    ):
        client.join(email, profile="data-scientist")
        client.until(email, "ready")
    assert client.read_work(email) == "three weeks of work"
    assert client.calls_of("notebooks", "operations.list")
    assert len(client.calls_of("notebooks", "instances.restore")) == 1


def test_with_many_creations_the_tick_reads_the_list(start_stack: StartStack) -> None:
    client = start_stack()
    people = [f"person-{number}@example.com" for number in range(101)]
    client.send("onboarding", *({"email": email} for email in people))
    client.wait()
    client.tick()
    asked = client.calls_of("notebooks", "instances.list")
    assert [(call["caller"], call["outcome"]) for call in asked] == [("reconcile", "OK")]
    (line,) = client.log("reconcile", action="tick.due")
    assert line["at_work"] == len(people)
