"""Listings of Notebooks v2: instances, locations, operations, and admin resources."""

from tests.local.notebooks_v2 import harness
from tests.local.notebooks_v2.harness import BODY, PARENT, Api, status, violated

api = harness.api  # pytest finds fixtures by name


class TestListing:
    def test_pages_and_locations(self, api: Api) -> None:
        elsewhere = "projects/demo/locations/europe-west1-b/instances"
        for number in range(3):
            api.create(f"nb{number}")
        api("POST", elsewhere, BODY, instanceId="far")
        first = api("GET", f"{PARENT}/instances", pageSize=2)
        assert len(first["instances"]) == 2
        second = api("GET", f"{PARENT}/instances", pageSize=2, pageToken=first["nextPageToken"])
        assert [i["name"][-3:] for i in first["instances"] + second["instances"]] == [
            "nb0",
            "nb1",
            "nb2",
        ]
        assert "nextPageToken" not in second
        everywhere = api("GET", "projects/demo/locations/-/instances")["instances"]
        assert len(everywhere) == 4

    def test_an_empty_list_is_an_empty_object(self, api: Api) -> None:
        assert api("GET", f"{PARENT}/instances") == {}

    def test_filters_on_labels_and_refuses_other_filters(self, api: Api) -> None:
        api.create()
        path = f"{PARENT}/instances"
        assert len(api("GET", path, filter="labels.team=core")["instances"]) == 1
        assert api("GET", path, filter="labels.team=other") == {}
        assert violated(api("GET", path, filter="state=ACTIVE")) == ["filter"]
        assert violated(api("GET", path, nonsense="1")) == ["nonsense"]

    def test_filters_of_several_labels_page_across_locations(self, api: Api) -> None:
        for number in range(12):
            zone = ("europe-west1-b", "us-central1-a")[number % 2]
            labels = {"managed": "yes", "person": f"p{number % 3}"}
            path = f"projects/demo/locations/{zone}/instances"
            api("POST", path, {"labels": labels}, instanceId=f"nb{number:02}")
        found: list[str] = []
        query: dict[str, object] = {"pageSize": 3}
        while True:
            text = "labels.managed=yes AND labels.person:p1"
            page = api("GET", "projects/demo/locations/-/instances", filter=text, **query)
            found += [instance["name"].rsplit("/", 1)[1] for instance in page["instances"]]
            if "nextPageToken" not in page:
                break
            query["pageToken"] = page["nextPageToken"]
        assert found == ["nb04", "nb10", "nb01", "nb07"]

    def test_locations_can_be_listed(self, api: Api) -> None:
        listed = api("GET", "projects/demo/locations")["locations"]
        assert api("GET", listed[0]["name"]) == listed[0]
        assert status(api("GET", "projects/demo/locations/nowhere")) == "NOT_FOUND"


class TestOperationMethods:
    def test_list_cancel_and_delete(self, api: Api) -> None:
        name = api.create()["name"]
        assert [o["name"] for o in api("GET", f"{PARENT}/operations")["operations"]] == [name]
        assert api("POST", f"{name}:cancel", {}) == {}
        cancelled = api("GET", name)
        assert cancelled["error"]["code"] == 1
        assert cancelled["metadata"]["requestedCancellation"] is True
        assert status(api.get()) == "NOT_FOUND"
        assert api("DELETE", name) == {}
        assert status(api("GET", name)) == "NOT_FOUND"

    def test_the_unfinished_operation_of_an_instance_can_be_found(self, api: Api) -> None:
        api.create()
        api.create("nb2")
        api.wait()
        wanted = api.post("stop")["name"]
        api.post("stop", "nb2")
        found = [
            operation["name"]
            for operation in api("GET", f"{PARENT}/operations")["operations"]
            if operation["metadata"]["target"] == f"{PARENT}/instances/nb1"
            and operation["metadata"]["verb"] == "stop"
            and not operation["done"]
        ]
        assert found == [wanted]

    def test_resources_for_the_admin(self, api: Api) -> None:
        api.create()
        api.wait()
        (shown,) = api.notebooks.resources()
        assert (shown["kind"], shown["state"]) == ("notebooks.instance", "ACTIVE")
        assert shown["labels"] == {"team": "core"}
