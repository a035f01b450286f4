"""Snapshots of disks: creation, labels, deletion, and listing."""

from typing import Any

import pytest

from tests.local.compute import harness
from tests.local.compute.harness import (
    DISK,
    LINKS,
    NOTEBOOKS,
    SNAPSHOTS,
    ZONAL,
    ZONE,
    Api,
    refusal,
)

api = harness.api  # pytest finds fixtures by name


@pytest.fixture(autouse=True)
def _notebook(api: Api) -> None:
    api.notebook()


class TestCreate:
    def test_a_snapshot_is_creating_until_its_operation_ends(self, api: Api) -> None:
        disk = api("GET", f"{ZONAL}/disks/nb1-data-workspace")
        operation = api.snapshot(labels={"person": "ana"}, description="on leaving")
        creating = api.get_snapshot()
        assert (creating["kind"], creating["status"]) == ("compute#snapshot", "CREATING")
        assert creating["selfLink"] == f"{LINKS}projects/demo/global/snapshots/s1"
        assert creating["sourceDisk"] == disk["selfLink"]
        assert (creating["sourceDiskId"], creating["diskSizeGb"]) == (disk["id"], "200")
        assert (creating["labels"], creating["description"]) == ({"person": "ana"}, "on leaving")
        assert creating["storageLocations"] == ["us"]
        assert operation["targetLink"] == disk["selfLink"]
        assert operation["targetId"] == disk["id"]
        api.wait(59)
        assert api.get_snapshot()["status"] == "CREATING"
        api.wait(1)
        assert api.get_snapshot() == creating | {"status": "READY"}

    @pytest.mark.parametrize(
        "source",
        [
            LINKS + DISK,
            "https://compute.googleapis.com/compute/v1/" + DISK,
            DISK,
            DISK.removeprefix("projects/demo/"),
        ],
    )
    def test_the_disk_may_be_a_link_or_a_partial_path(self, api: Api, source: str) -> None:
        assert api.snapshot(sourceDisk=source)["kind"] == "compute#operation"
        assert api.get_snapshot()["sourceDisk"] == LINKS + DISK

    def test_the_disks_method_creates_a_snapshot_too(self, api: Api) -> None:
        path = f"{ZONAL}/disks/nb1-data-workspace/createSnapshot"
        operation = api("POST", path, {"name": "s1"})
        assert operation["operationType"] == "createSnapshot"
        assert operation["zone"] == f"{LINKS}projects/demo/zones/{ZONE}"
        api.wait()
        done = api("GET", f"{ZONAL}/operations/{operation['name']}")
        assert done["status"] == "DONE"
        assert api.get_snapshot()["status"] == "READY"

    def test_a_name_in_use_is_refused(self, api: Api) -> None:
        api.snapshot()
        assert refusal(api.snapshot()) == (409, "alreadyExists")

    def test_a_missing_disk_is_not_found(self, api: Api) -> None:
        answer = api.snapshot(sourceDisk=DISK + "-2")
        assert refusal(answer) == (404, "notFound")
        assert DISK + "-2" in answer["error"]["message"]
        assert refusal(api.get_snapshot()) == (404, "notFound")

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "S1"},
            {"name": ""},
            {"name": "s" * 64},
            {"sourceDisk": "nb1"},
            {"sourceDisk": None},
            {"labels": {"Person": "x"}},
            {"labels": {"person": "ana@example.com"}},
            {"status": "READY"},
            {"nonsense": 1},
        ],
    )
    def test_a_wrong_body_is_refused(self, api: Api, fields: dict[str, Any]) -> None:
        assert refusal(api("POST", SNAPSHOTS, {"name": "s1", "sourceDisk": DISK} | fields)) == (
            400,
            "invalid",
        )
        assert "items" not in api("GET", SNAPSHOTS)

    def test_a_full_quota_refuses_the_next(self, api: Api) -> None:
        api.cloud.quotas.set({"live": {"compute.snapshots": 1}})
        api.snapshot()
        assert refusal(api.snapshot("s2")) == (403, "quotaExceeded")

    def test_a_failed_snapshot_stays_until_it_is_deleted(self, api: Api) -> None:
        error = {"status": "INTERNAL", "message": "no"}
        fault = {"service": "compute", "method": "snapshots.insert", "when": "operation"}
        script = api.cloud.faults.add(fault | {"error": error, "times": 1})
        operation = api.snapshot()
        api.wait()
        assert script.hits == 1
        failed = api.operation(operation["name"])
        assert failed["error"] == {"errors": [{"code": "INTERNAL_ERROR", "message": "no"}]}
        assert (failed["httpErrorStatusCode"], failed["status"]) == (500, "DONE")
        assert api.get_snapshot()["status"] == "FAILED"
        assert refusal(api.snapshot()) == (409, "alreadyExists")
        api("DELETE", f"{SNAPSHOTS}/s1")
        api.wait()
        api.snapshot()
        api.wait()
        assert api.get_snapshot()["status"] == "READY"


class TestDeletedDisk:
    def test_a_snapshot_remains_when_its_disk_is_deleted(self, api: Api) -> None:
        api.snapshot()
        api.wait()
        before = api.get_snapshot()
        api("DELETE", f"{NOTEBOOKS}/nb1")
        api.wait()
        assert refusal(api("GET", f"{ZONAL}/disks/nb1-data-workspace")) == (404, "notFound")
        assert api.get_snapshot() == before

    def test_a_snapshot_fails_if_its_disk_is_deleted_too_early(self, api: Api) -> None:
        operation = api.snapshot()
        api("DELETE", f"{NOTEBOOKS}/nb1")  # done after 40 seconds, the snapshot after 60
        api.wait()
        assert api.get_snapshot()["status"] == "FAILED"
        (error,) = api.operation(operation["name"])["error"]["errors"]
        assert error["code"] == "RESOURCE_NOT_FOUND"

    def test_operations_end_in_order_without_requests_between(self, api: Api) -> None:
        api.snapshot()
        api.wait(30)
        api("DELETE", f"{NOTEBOOKS}/nb1")  # done at 70 seconds, the snapshot at 60
        api.wait()
        assert api.get_snapshot()["status"] == "READY"


class TestLabels:
    def test_labels_are_replaced_if_the_fingerprint_is_current(self, api: Api) -> None:
        api.snapshot(labels={"person": "ana"})
        api.wait()
        read = api.get_snapshot()["labelFingerprint"]
        body = {"labels": {"retain": "90d"}, "labelFingerprint": read}
        assert api("POST", f"{SNAPSHOTS}/s1/setLabels", body)["operationType"] == "setLabels"
        api.wait()
        assert api.get_snapshot()["labels"] == {"retain": "90d"}
        again = api("POST", f"{SNAPSHOTS}/s1/setLabels", body)
        assert refusal(again) == (412, "conditionNotMet")
        assert refusal(api("POST", f"{SNAPSHOTS}/s1/setLabels", {})) == (412, "conditionNotMet")


class TestDelete:
    def test_a_snapshot_is_deleting_then_not_found(self, api: Api) -> None:
        api.snapshot()
        api.wait()
        operation = api("DELETE", f"{SNAPSHOTS}/s1")
        assert operation["targetLink"] == f"{LINKS}projects/demo/global/snapshots/s1"
        assert api.get_snapshot()["status"] == "DELETING"
        api.wait(40)
        assert refusal(api.get_snapshot()) == (404, "notFound")
        assert refusal(api("DELETE", f"{SNAPSHOTS}/s1")) == (404, "notFound")

    def test_a_snapshot_being_created_cannot_be_deleted(self, api: Api) -> None:
        api.snapshot()
        assert refusal(api("DELETE", f"{SNAPSHOTS}/s1")) == (400, "resourceNotReady")

    def test_a_failed_deletion_leaves_the_snapshot_ready(self, api: Api) -> None:
        api.snapshot()
        api.wait()
        error = {"status": "UNAVAILABLE"}
        api.cloud.faults.add({"method": "snapshots.delete", "when": "operation", "error": error})
        api("DELETE", f"{SNAPSHOTS}/s1")
        api.wait()
        assert api.get_snapshot()["status"] == "READY"


class TestListing:
    @pytest.fixture(autouse=True)
    def _three(self, api: Api) -> None:
        for name, person in (("s3", "ana"), ("s1", "bo"), ("s2", "ana")):
            api.snapshot(name, labels={"person": person})

    @pytest.mark.parametrize(
        ("order", "expected"),
        [("", ["s1", "s2", "s3"]), ("name", ["s1", "s2", "s3"]),
         ("creationTimestamp desc", ["s2", "s1", "s3"])],
    )  # fmt: skip
    def test_pages_in_both_orders(self, api: Api, order: str, expected: list[str]) -> None:
        found: list[str] = []
        token, pages = "", 0
        while token or not pages:
            page = api("GET", SNAPSHOTS, maxResults=2, pageToken=token, orderBy=order)
            found += [snapshot["name"] for snapshot in page["items"]]
            token, pages = page.get("nextPageToken", ""), pages + 1
        assert (found, pages) == (expected, 2)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("labels.person=ana", ["s2", "s3"]),
            ("labels.person=ana AND status=CREATING", ["s2", "s3"]),
            ("labels.person=ana AND name != s2", ["s3"]),
            ('name eq "s[12]"', ["s1", "s2"]),
            ("labels.nobody:*", []),
        ],
    )
    def test_filters(self, api: Api, text: str, expected: list[str]) -> None:
        found = api("GET", SNAPSHOTS, filter=text).get("items", [])
        assert [snapshot["name"] for snapshot in found] == expected

    def test_other_projects_have_other_snapshots(self, api: Api) -> None:
        assert "items" not in api("GET", SNAPSHOTS.replace("demo", "demo2"))
