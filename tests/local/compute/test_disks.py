"""The disks of Workbench instances in the Compute API."""

from typing import Any

import pytest

from tests.local.compute import harness
from tests.local.compute.harness import DISK, LINKS, NOTEBOOKS, ZONAL, ZONE, Api, refusal

api = harness.api  # pytest finds fixtures by name


def names(answer: dict[str, Any]) -> list[str]:
    return [disk["name"] for disk in answer.get("items", [])]


def test_an_instance_has_the_boot_disk_and_data_disk_of_its_body(api: Api) -> None:
    api.notebook()
    boot = api("GET", f"{ZONAL}/disks/nb1")
    data = api("GET", f"{ZONAL}/disks/nb1-data-workspace")
    assert (boot["sizeGb"], data["sizeGb"]) == ("150", "200")
    assert boot["type"].endswith(f"/zones/{ZONE}/diskTypes/pd-balanced")
    assert data["type"].endswith(f"/zones/{ZONE}/diskTypes/pd-ssd")
    assert data["selfLink"] == LINKS + DISK
    assert data["users"] == [f"{LINKS}projects/demo/zones/{ZONE}/instances/nb1"]
    assert (data["kind"], data["status"]) == ("compute#disk", "READY")
    assert data["labels"] == {"team": "core"}
    assert boot["id"] != data["id"]


def test_an_empty_list_of_data_disks_means_the_default(api: Api) -> None:
    api.notebook(body={"gceSetup": {"dataDisks": []}})
    assert api("GET", f"{ZONAL}/disks/nb1-data-workspace")["sizeGb"] == "100"


def test_disks_are_deleted_at_the_end_of_the_instances_deletion(api: Api) -> None:
    api.notebook()
    api.notebook("nb2")
    api("DELETE", f"{NOTEBOOKS}/nb1")
    assert len(names(api("GET", f"{ZONAL}/disks"))) == 4
    api.wait(40)
    assert names(api("GET", f"{ZONAL}/disks")) == ["nb2", "nb2-data-workspace"]


@pytest.mark.parametrize("ending", ["fault", "cancel"])
def test_a_failed_create_leaves_no_disks(api: Api, ending: str) -> None:
    if ending == "fault":
        error = {"status": "INTERNAL"}
        api.cloud.faults.add({"method": "instances.create", "when": "operation", "error": error})
    operation = api("POST", NOTEBOOKS, {}, instanceId="nb1")
    if ending == "cancel":
        api("POST", f"/v2/{operation['name']}:cancel", {})
    api.wait()
    assert "items" not in api("GET", f"{ZONAL}/disks")


def test_a_disk_of_another_instance_is_not_taken_over(api: Api) -> None:
    api.notebook()
    answer = api("POST", NOTEBOOKS, {}, instanceId="nb1-data-workspace")
    assert answer["error"]["status"] == "ALREADY_EXISTS"
    assert names(api("GET", f"{ZONAL}/disks")) == ["nb1", "nb1-data-workspace"]
    missing = api("GET", f"{NOTEBOOKS}/nb1-data-workspace")
    assert missing["error"]["status"] == "NOT_FOUND"


def test_lists_page_and_filter(api: Api) -> None:
    api.notebook()
    api.notebook("nb2", {"labels": {"team": "other"}})
    first = api("GET", f"{ZONAL}/disks", maxResults=3)
    rest = api("GET", f"{ZONAL}/disks", maxResults=3, pageToken=first["nextPageToken"])
    assert names(first) + names(rest) == [
        "nb1",
        "nb1-data-workspace",
        "nb2",
        "nb2-data-workspace",
    ]
    assert "nextPageToken" not in rest
    found = api("GET", f"{ZONAL}/disks", filter='labels.team=other AND name eq ".*workspace"')
    assert refusal(found) == (400, "invalid")  # the two forms of filter can't be mixed
    found = api("GET", f"{ZONAL}/disks", filter="(labels.team=other) (name=nb2)")
    assert names(found) == ["nb2"]


def test_the_aggregated_list_is_grouped_by_zone(api: Api) -> None:
    api.notebook()
    api("POST", NOTEBOOKS.replace(ZONE, "europe-west1-b"), {}, instanceId="far")
    items = api("GET", "/compute/v1/projects/demo/aggregated/disks")["items"]
    found = {zone: [disk["name"] for disk in scope["disks"]] for zone, scope in items.items()}
    assert found == {
        "zones/europe-west1-b": ["far", "far-data-workspace"],
        f"zones/{ZONE}": ["nb1", "nb1-data-workspace"],
    }


def test_a_missing_disk_has_computes_error_message(api: Api) -> None:
    answer = api("GET", f"{ZONAL}/disks/none")
    assert refusal(answer) == (404, "notFound")
    path = f"projects/demo/zones/{ZONE}/disks/none"
    assert answer["error"]["message"] == f"The resource '{path}' was not found"


@pytest.mark.parametrize(
    "query",
    [{"nonsense": 1}, {"maxResults": 501}, {"maxResults": -1}, {"orderBy": "sizeGb"}],
)
def test_an_invalid_query_is_refused(api: Api, query: dict[str, Any]) -> None:
    assert refusal(api("GET", f"{ZONAL}/disks", **query)) == (400, "invalid")


def test_the_content_of_a_disk_is_written_and_read(api: Api) -> None:
    api.notebook()
    assert api.read() == ""
    api.write("three weeks of it")
    assert api.read() == "three weeks of it"
    assert api.read("nb1") == ""
    assert "three weeks" not in str(api("GET", f"{ZONAL}/disks"))


def test_a_new_disk_of_the_same_name_is_empty(api: Api) -> None:
    api.notebook()
    api.write("work")
    api("DELETE", f"{NOTEBOOKS}/nb1")
    api.wait()
    answer = api("PUT", f"/_admin/disks/{ZONE}/nb1-data-workspace", {"content": "late"})
    assert answer["error"]["status"] == "NOT_FOUND"
    api.notebook()
    assert api.read() == ""


@pytest.mark.parametrize("body", [{}, {"content": 1}, {"content": "x", "more": 1}])
def test_content_must_be_text(api: Api, body: dict[str, Any]) -> None:
    api.notebook()
    answer = api("PUT", f"/_admin/disks/{ZONE}/nb1", body)
    assert answer["error"]["status"] == "INVALID_ARGUMENT"


def test_the_admin_index_lists_the_services_own_routes(api: Api) -> None:
    methods = api("GET", "/_admin")["methods"]
    assert {"PUT /_admin/disks/{zone}/{disk}", "PUT /_admin/consents"} <= set(methods)


def test_admin_resources_have_disks_and_snapshots_by_path(api: Api) -> None:
    api.notebook()
    api.snapshot()
    shown = {(r["kind"], r["name"]) for r in api("GET", "/_admin/resources")["resources"]}
    assert ("compute.disk", DISK) in shown
    assert ("compute.snapshot", "projects/demo/global/snapshots/s1") in shown
