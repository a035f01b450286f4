"""Restoring an instance from a snapshot of a data disk."""

from typing import Any

import pytest

from tests.local.compute import harness
from tests.local.compute.harness import NOTEBOOKS, SNAPSHOTS, Api

api = harness.api  # pytest finds fixtures by name

FROM_S1 = {"snapshot": {"projectId": "demo", "snapshotId": "s1"}}


@pytest.fixture(autouse=True)
def _snapshot(api: Api) -> None:
    """A READY snapshot of a disk whose content then changes."""
    api.notebook()
    api.write("three weeks of it")
    api.snapshot()
    api.write("spoilt")
    api.wait()


def restore(api: Api, instance_id: str = "nb1", body: object = FROM_S1) -> dict[str, Any]:
    return api("POST", f"{NOTEBOOKS}/{instance_id}:restore", body)


def state(api: Api, instance_id: str = "nb1") -> str:
    return str(api("GET", f"{NOTEBOOKS}/{instance_id}")["state"])


def status(answer: dict[str, Any]) -> str:
    return str(answer["error"]["status"])


def test_the_content_is_restored_when_the_operation_ends(api: Api) -> None:
    operation = restore(api)
    assert operation["metadata"]["verb"] == "restore"
    assert operation["metadata"]["target"].endswith("/instances/nb1")
    api.wait(59)
    assert api.read() == "spoilt"
    api.wait(1)
    assert api.read() == "three weeks of it"
    done = api("GET", f"/v2/{operation['name']}")
    assert done["response"]["state"] == "ACTIVE"
    assert state(api) == "ACTIVE"


def test_another_instance_is_restored_from_the_snapshot(api: Api) -> None:
    api("DELETE", f"{NOTEBOOKS}/nb1")
    api.wait()
    api.notebook("nb2")
    restore(api, "nb2")
    api.wait()
    assert api.read("nb2-data-workspace") == "three weeks of it"


def test_a_stopped_instance_stays_stopped(api: Api) -> None:
    api("POST", f"{NOTEBOOKS}/nb1:stop", {})
    api.wait()
    restore(api)
    api.wait()
    assert (state(api), api.read()) == ("STOPPED", "three weeks of it")


def test_a_busy_one_answers_aborted(api: Api) -> None:
    restore(api)
    assert status(api("POST", f"{NOTEBOOKS}/nb1:stop", {})) == "ABORTED"
    assert status(restore(api)) == "ABORTED"


def test_a_missing_snapshot_is_not_found(api: Api) -> None:
    body = {"snapshot": {"projectId": "demo", "snapshotId": "s2"}}
    assert status(restore(api, body=body)) == "NOT_FOUND"
    body = {"snapshot": {"projectId": "demo2", "snapshotId": "s1"}}
    assert status(restore(api, body=body)) == "NOT_FOUND"
    assert status(restore(api, "nb3")) == "NOT_FOUND"


def test_a_snapshot_that_is_not_ready_is_refused(api: Api) -> None:
    api.snapshot("young")
    body = {"snapshot": {"projectId": "demo", "snapshotId": "young"}}
    assert status(restore(api, body=body)) == "FAILED_PRECONDITION"
    api("DELETE", f"{SNAPSHOTS}/s1")
    assert status(restore(api)) == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    "body", [{}, {"snapshot": {}}, {"snapshot": {"projectId": "demo"}}, {"disk": "x"}]
)
def test_a_body_without_a_snapshot_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert status(restore(api, body=body)) == "INVALID_ARGUMENT"


def test_a_failed_restore_leaves_the_disk_as_it_was(api: Api) -> None:
    error = {"status": "INTERNAL"}
    spec = {"service": "notebooks", "method": "instances.restore", "when": "operation"}
    fault = api.cloud.faults.add(spec | {"error": error})
    operation = restore(api)
    api.wait()
    assert fault.hits == 1
    assert api("GET", f"/v2/{operation['name']}")["error"]["code"] == 13
    assert (state(api), api.read()) == ("ACTIVE", "spoilt")
