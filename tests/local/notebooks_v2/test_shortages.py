"""Creating and starting instances in zones without capacity."""

from typing import Any

import pytest

from tests.local.compute import harness
from tests.local.compute.harness import NOTEBOOKS, ZONAL, ZONE, Api

api = harness.api  # pytest finds fixtures by name

SMALL = {"gceSetup": {"machineType": "e2-standard-4"}}


def short(api: Api, shortages: dict[str, Any]) -> None:
    assert api("PUT", "/_admin/shortages", shortages) == shortages


def ended(api: Api, operation: dict[str, Any]) -> dict[str, Any]:
    api.wait()
    answer = api("GET", f"/v2/{operation['name']}")
    assert answer["done"] is True
    return answer


def test_a_create_ends_with_googles_error(api: Api) -> None:
    short(api, {ZONE: ["e2-standard-4"], "us-central1-c": True})
    operation = api("POST", NOTEBOOKS, SMALL, instanceId="nb1")
    assert operation["done"] is False
    error = ended(api, operation)["error"]
    assert error["code"] == 8
    assert error["message"] == (
        "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: The zone 'projects/demo/zones/us-central1-a' "
        "does not have enough resources available to fulfill the request. "
        "'(resource type:compute)'."
    )
    (info,) = error["details"]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert info["reason"] == "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"
    assert info["domain"] == "compute.googleapis.com"
    assert info["metadata"]["zonesAvailable"] == "us-central1-b,us-central1-f"
    assert (info["metadata"]["vmType"], info["metadata"]["zone"]) == ("e2-standard-4", ZONE)


def test_a_failed_create_leaves_neither_instance_nor_disks(api: Api) -> None:
    short(api, {ZONE: True})
    ended(api, api("POST", NOTEBOOKS, SMALL, instanceId="nb1"))
    assert api("GET", f"{NOTEBOOKS}/nb1")["error"]["status"] == "NOT_FOUND"
    assert "items" not in api("GET", f"{ZONAL}/disks")
    short(api, {})
    assert "response" in ended(api, api("POST", NOTEBOOKS, SMALL, instanceId="nb1"))


def test_a_start_fails_and_a_running_instance_keeps_running(api: Api) -> None:
    api.notebook(body=SMALL)
    short(api, {ZONE: True})
    assert api("POST", f"{NOTEBOOKS}/nb1:start", {})["response"]["state"] == "ACTIVE"
    api("POST", f"{NOTEBOOKS}/nb1:stop", {})
    api.wait()
    failed = ended(api, api("POST", f"{NOTEBOOKS}/nb1:start", {}))
    assert failed["error"]["code"] == 8
    assert api("GET", f"{NOTEBOOKS}/nb1")["state"] == "STOPPED"


def test_other_machine_types_and_zones_have_capacity(api: Api) -> None:
    short(api, {ZONE: ["e2-standard-8"], "us-central1-b": True})
    assert "response" in ended(api, api("POST", NOTEBOOKS, SMALL, instanceId="nb1"))


def test_a_scripted_fault_has_precedence(api: Api) -> None:
    short(api, {ZONE: True})
    error = {"status": "INTERNAL", "message": "scripted"}
    api.cloud.faults.add({"method": "instances.create", "when": "operation", "error": error})
    failed = ended(api, api("POST", NOTEBOOKS, SMALL, instanceId="nb1"))
    assert failed["error"]["message"] == "scripted"


@pytest.mark.parametrize("value", [1, "e2-standard-4", [1], None])
def test_invalid_shortages_are_refused_and_change_nothing(api: Api, value: object) -> None:
    short(api, {ZONE: False})
    answer = api("PUT", "/_admin/shortages", {ZONE: value})
    assert answer["error"]["details"][0]["fieldViolations"][0]["field"] == ZONE
    assert api("GET", "/_admin/shortages") == {ZONE: False}
