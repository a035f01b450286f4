"""Operations that a scripted fault makes slow, endless or fail; states set by an admin."""

from typing import Any

import pytest

from tests.local.compute import harness
from tests.local.compute.harness import NOTEBOOKS, ZONE, Api

api = harness.api  # pytest finds fixtures by name

NB1 = f"{NOTEBOOKS}/nb1"


def script(api: Api, **fields: Any) -> dict[str, Any]:
    return api("POST", "/_admin/faults", {"when": "operation", **fields})


def state(api: Api) -> str:
    return str(api("GET", NB1)["state"])


def test_one_method_is_slow_and_the_others_are_not(api: Api) -> None:
    api.notebook()
    script(api, method="instances.stop", operation_seconds=7200)
    api("POST", f"{NB1}:stop", {})
    api.wait(7000)
    assert state(api) == "STOPPING"
    api.wait(300)
    assert state(api) == "STOPPED"
    api("POST", f"{NB1}:start", {})
    api.wait(100)
    assert state(api) == "ACTIVE"


def test_an_operation_never_ends(api: Api) -> None:
    script(api, method="instances.create", operation_seconds="never")
    operation = api("POST", NOTEBOOKS, {}, instanceId="nb1")
    api.wait(365 * 86_400)
    assert state(api) == "PROVISIONING"
    assert api("GET", f"/v2/{operation['name']}")["done"] is False


def test_a_slow_snapshot_stays_creating(api: Api) -> None:
    api.notebook()
    script(api, service="compute", operation_seconds=36_000)
    api.snapshot("s1")
    api.wait(35_000)
    assert api.get_snapshot()["status"] == "CREATING"
    api.wait(2_000)
    assert api.get_snapshot()["status"] == "READY"


@pytest.mark.parametrize(
    ("status", "code"), [("CANCELLED", 1), ("UNKNOWN", 2), ("INTERNAL", 13), ("DATA_LOSS", 15)]
)
def test_a_slow_operation_ends_with_the_scripted_error(api: Api, status: str, code: int) -> None:
    api.notebook()
    error = {"status": status, "message": "as scripted"}
    script(api, method="instances.stop", operation_seconds=600, error=error)
    operation = api("POST", f"{NB1}:stop", {})
    api.wait(590)
    assert "error" not in api("GET", f"/v2/{operation['name']}")
    api.wait(20)
    ended = api("GET", f"/v2/{operation['name']}")
    assert (ended["error"]["code"], ended["done"], state(api)) == (code, True, "ACTIVE")


@pytest.mark.parametrize(
    "moving", ["UPGRADING", "PROVISIONING", "SUSPENDING", "SUSPENDED", "STARTING", "INITIALIZING"]
)
def test_a_state_set_by_an_admin_stays_until_it_is_changed(api: Api, moving: str) -> None:
    api.notebook()
    set_ = api("PUT", "/_admin/states", {"instance": "nb1", "state": moving})
    assert (set_["state"], "proxyUri" in set_) == (moving, False)
    api.wait(86_400)
    assert state(api) == moving
    back = api("PUT", "/_admin/states", {"instance": set_["name"], "state": "ACTIVE"})
    assert (back["state"], "proxyUri" in back) == ("ACTIVE", True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"instance": "nb1", "state": "RUNNING"}, "INVALID_ARGUMENT"),
        ({"instance": "nb1"}, "INVALID_ARGUMENT"),
        ({"instance": "nb2", "state": "ACTIVE"}, "NOT_FOUND"),
    ],
)
def test_an_invalid_state_is_refused(api: Api, body: dict[str, str], status: str) -> None:
    api.notebook()
    assert api("PUT", "/_admin/states", body)["error"]["status"] == status


def test_a_kept_disk_outlives_its_notebook_and_can_then_be_deleted(api: Api) -> None:
    api.notebook()
    api.write("the work of a year")
    disk = f"/compute/v1/projects/demo/zones/{ZONE}/disks/nb1-data-workspace"
    in_use = api("DELETE", disk)["error"]["errors"][0]["reason"]
    assert in_use == "resourceInUseByAnotherResource"
    api("PUT", f"/_admin/disks/{ZONE}/nb1-data-workspace/kept", {"kept": True})
    api("DELETE", NB1)
    api.wait(100)
    (left,) = api("GET", f"/compute/v1/projects/demo/zones/{ZONE}/disks")["items"]
    assert (left["name"], "users" in left, api.read()) == (
        "nb1-data-workspace",
        False,
        "the work of a year",
    )
    taken = api("POST", NOTEBOOKS, {}, instanceId="nb1")["error"]
    assert taken["status"] == "ALREADY_EXISTS"
    api("DELETE", disk)
    api.wait(100)
    assert "metadata" in api("POST", NOTEBOOKS, {}, instanceId="nb1")
