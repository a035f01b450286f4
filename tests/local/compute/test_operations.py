"""Compute Engine's operations: form, repeated requests, waiting, faults and quotas."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.local.compute import harness
from tests.local.compute.harness import DISK, GLOBAL, REQUEST, SNAPSHOTS, ZONAL, Api, refusal

api = harness.api  # pytest finds fixtures by name


@pytest.fixture(autouse=True)
def _notebook(api: Api) -> None:
    api.notebook()


def test_an_operation_is_pending_then_running_then_done(api: Api) -> None:
    asked = api.snapshot()
    assert (asked["kind"], asked["status"]) == ("compute#operation", "PENDING")
    assert asked["selfLink"].endswith(f"{GLOBAL}/operations/{asked['name']}")
    assert "zone" not in asked
    running = api.operation(asked["name"])
    assert (running["status"], running["progress"]) == ("RUNNING", 0)
    assert "endTime" not in running
    api.wait(60)
    done = api.operation(asked["name"])
    assert (done["status"], done["progress"]) == ("DONE", 100)
    assert done["endTime"] > done["startTime"]
    assert "error" not in done
    assert {k: done[k] for k in ("id", "name", "targetId")} == {
        k: asked[k] for k in ("id", "name", "targetId")
    }


def test_a_repeated_request_id_gets_the_same_operation(api: Api) -> None:
    body = {"name": "s1", "sourceDisk": DISK}
    first = api("POST", SNAPSHOTS, body, requestId=REQUEST)
    assert first["clientOperationId"] == REQUEST
    again = api("POST", SNAPSHOTS, body, requestId=REQUEST)
    assert again["name"] == first["name"]
    other = api("POST", SNAPSHOTS, body | {"name": "s2"}, requestId=REQUEST)
    assert refusal(other) == (400, "invalid")
    assert refusal(api("POST", SNAPSHOTS, body, requestId="abc")) == (400, "invalid")


def test_global_and_zonal_operations_are_listed_separately(api: Api) -> None:
    inserted = api.snapshot()["name"]
    path = f"{ZONAL}/disks/nb1-data-workspace/createSnapshot"
    zonal = api("POST", path, {"name": "s2"})["name"]
    api.wait()
    deleted = api("DELETE", f"{SNAPSHOTS}/s2")["name"]
    (shown,) = api("GET", f"{ZONAL}/operations")["items"]
    assert shown["name"] == zonal
    found = [o["name"] for o in api("GET", f"{GLOBAL}/operations")["items"]]
    assert sorted(found) == sorted([inserted, deleted])
    (running,) = api("GET", f"{GLOBAL}/operations", filter="status=RUNNING")["items"]
    assert running["name"] == deleted
    assert refusal(api("GET", f"{ZONAL}/operations/{inserted}")) == (404, "notFound")


def test_wait_returns_when_the_operation_is_done(api: Api) -> None:
    name = api.snapshot()["name"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api, "POST", f"{GLOBAL}/operations/{name}/wait")
        api.cloud.clock.advance(api.cloud.operation_time("snapshot"))
        assert waiting.result(timeout=10)["status"] == "DONE"


def test_wait_returns_after_two_minutes(api: Api) -> None:
    api.cloud.verb_seconds["snapshot"] = 1e8
    name = api.snapshot()["name"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api, "POST", f"{GLOBAL}/operations/{name}/wait")
        while not waiting.done():
            api.wait(30)
        assert waiting.result()["status"] == "RUNNING"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("UNAVAILABLE", (503, "backendError")),
        ("RESOURCE_EXHAUSTED", (429, "rateLimitExceeded")),
        ("PERMISSION_DENIED", (403, "forbidden")),
    ],
)
def test_a_scripted_fault_has_computes_error_form(
    api: Api, status: str, expected: tuple[int, str]
) -> None:
    spec = {"service": "compute", "method": "snapshots.insert", "match": "snapshots/s1"}
    fault = api.cloud.faults.add(spec | {"error": {"status": status}, "times": 1})
    assert api.snapshot("s2")["kind"] == "compute#operation"
    assert refusal(api.snapshot()) == expected
    assert fault.hits == 1
    assert api.snapshot()["kind"] == "compute#operation"


def test_with_an_after_fault_the_snapshot_exists(api: Api) -> None:
    spec = {"service": "compute", "method": "snapshots.insert", "when": "after"}
    fault = api.cloud.faults.add(spec | {"error": {"status": "UNAVAILABLE"}, "times": 1})
    assert refusal(api.snapshot()) == (503, "backendError")
    assert fault.hits == 1
    assert api.get_snapshot()["status"] == "CREATING"


def test_the_quota_limits_simultaneous_operations(api: Api) -> None:
    api.cloud.quotas.set({"operations": {"compute": 2}})
    api.snapshot("s1")
    api.snapshot("s2")
    assert refusal(api.snapshot("s3")) == (429, "rateLimitExceeded")
    api.wait()
    assert api.snapshot("s3")["kind"] == "compute#operation"
