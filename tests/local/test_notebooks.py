"""The Notebooks v2 face, through HTTP at Google's paths."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests

from local.cloud import Cloud
from local.notebooks import Notebooks
from local.web import Server, build_app

PARENT = "projects/demo/locations/us-central1-a"
REQUEST = "6f0c1f8e-7f55-4a8e-9d0e-0a4b1c2d3e4f"
BODY = {
    "instanceOwners": ["ana@example.com"],
    "enableManagedEuc": True,
    "labels": {"team": "core"},
    "gceSetup": {
        "machineType": "e2-standard-2",
        "dataDisks": [{"diskType": "PD_SSD", "diskSizeGb": 200}],
        "metadata": {"idle-timeout-seconds": "3600"},
    },
}


class Api:
    """A thin caller: method, path below the parent, body, query."""

    def __init__(self, cloud: Cloud, notebooks: Notebooks, url: str) -> None:
        self.cloud = cloud
        self.notebooks = notebooks
        self.url = url
        self._session = requests.Session()

    def __call__(
        self, method: str, path: str, json: object = None, **query: object
    ) -> dict[str, Any]:
        answer = self._session.request(
            method,
            f"{self.url}/v2/{path}",
            json=json,
            params={key: str(value) for key, value in query.items()},
            timeout=10,
        )
        body: dict[str, Any] = answer.json()
        assert answer.ok is ("error" not in body or "done" in body)
        return body

    def create(self, instance_id: str = "nb1", **query: object) -> dict[str, Any]:
        return self("POST", f"{PARENT}/instances", BODY, instanceId=instance_id, **query)

    def get(self, instance_id: str = "nb1") -> dict[str, Any]:
        return self("GET", f"{PARENT}/instances/{instance_id}")

    def post(self, verb: str, instance_id: str = "nb1") -> dict[str, Any]:
        return self("POST", f"{PARENT}/instances/{instance_id}:{verb}", {})

    def delete(self, instance_id: str = "nb1", **query: object) -> dict[str, Any]:
        return self("DELETE", f"{PARENT}/instances/{instance_id}", **query)

    def patch(self, body: object, mask: str) -> dict[str, Any]:
        return self("PATCH", f"{PARENT}/instances/nb1", body, updateMask=mask)

    def wait(self, seconds: float = 100) -> None:
        self.cloud.clock.advance(timedelta(seconds=seconds))

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def api() -> Iterator[Api]:
    cloud = Cloud()
    notebooks = Notebooks(cloud)
    with Server(build_app(cloud, [notebooks.routes()])) as server:
        caller = Api(cloud, notebooks, server.url)
        yield caller
        caller.close()


def status(answer: dict[str, Any]) -> str:
    return str(answer["error"]["status"])


def violated(answer: dict[str, Any]) -> list[str]:
    assert status(answer) == "INVALID_ARGUMENT"
    return [v["field"] for v in answer["error"]["details"][0]["fieldViolations"]]


class TestCreate:
    def test_it_is_provisioning_until_the_operation_is_done(self, api: Api) -> None:
        operation = api.create()
        assert operation["name"].startswith(f"{PARENT}/operations/operation-")
        assert operation["done"] is False
        assert operation["metadata"]["verb"] == "create"
        assert operation["metadata"]["target"] == f"{PARENT}/instances/nb1"
        assert operation["metadata"]["apiVersion"] == "v2"
        assert "endTime" not in operation["metadata"]
        young = api.get()
        assert young["state"] == "PROVISIONING"
        assert "proxyUri" not in young

        api.wait(89)
        assert api.get()["state"] == "PROVISIONING"
        api.wait(1)
        grown = api.get()
        assert (grown["state"], grown["healthState"]) == ("ACTIVE", "HEALTHY")
        assert grown["proxyUri"].endswith("-dot-us-central1.notebooks.googleusercontent.com")
        assert grown["id"] == young["id"]

        done = api("GET", operation["name"])
        assert done["done"] is True
        assert done["metadata"]["endTime"] > done["metadata"]["createTime"]
        kind = "type.googleapis.com/google.cloud.notebooks.v2.Instance"
        assert done["response"] == {"@type": kind, **grown}

    def test_what_was_asked_for_is_kept_and_the_rest_filled_in(self, api: Api) -> None:
        api.create()
        setup = api.get()["gceSetup"]
        assert setup["machineType"] == "e2-standard-2"
        assert setup["dataDisks"][0]["diskSizeGb"] == "200"
        assert setup["dataDisks"][0]["diskEncryption"] == "GMEK"
        assert setup["bootDisk"]["diskSizeGb"] == "150"

    def test_the_same_request_id_is_the_same_operation(self, api: Api) -> None:
        first = api.create(requestId=REQUEST)
        api.wait()
        again = api.create(requestId=REQUEST)
        assert again["name"] == first["name"]
        assert again["done"] is True
        assert status(api.create()) == "ALREADY_EXISTS"
        assert api.cloud.calls.counts() == {"notebooks.instances.create": 3}

    def test_a_request_id_is_forgotten_after_an_hour(self, api: Api) -> None:
        api.create(requestId=REQUEST)
        api.wait(3601)
        assert status(api.create(requestId=REQUEST)) == "ALREADY_EXISTS"

    def test_a_request_id_of_another_instance_is_refused(self, api: Api) -> None:
        api.create(requestId=REQUEST)
        assert violated(api.create("nb2", requestId=REQUEST)) == ["requestId"]

    @pytest.mark.parametrize("request_id", ["abc", "00000000-0000-0000-0000-000000000000"])
    def test_a_request_id_is_a_uuid(self, api: Api, request_id: str) -> None:
        assert violated(api.create(requestId=request_id)) == ["requestId"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"state": "ACTIVE"}, "state"),
            ({"nonsense": 1}, "nonsense"),
            ({"name": "another"}, "name"),
            ({"labels": {"Team": "x"}}, "labels.Team"),
            ({"labels": {"team": "ana@example.com"}}, "labels.team"),
            ({"labels": {"team": "x" * 64}}, "labels.team"),
            ({"instanceOwners": ["a@example.com", "b@example.com"]}, "instanceOwners"),
            ({"gceSetup": {"dataDisks": [{}, {}]}}, "gceSetup.dataDisks"),
            ({"gceSetup": {"dataDisks": [{"diskSizeGb": 64001}]}},
             "gceSetup.dataDisks[0].diskSizeGb"),
            ({"enableManagedEuc": True,
              "gceSetup": {"serviceAccounts": [{"email": "x@example.com"}]}},
             "gceSetup.serviceAccounts"),
            ({"enableManagedEuc": True,
              "gceSetup": {"metadata": {"post-startup-script": "gs://b/s.sh"}}},
             "gceSetup.metadata.post-startup-script"),
        ],
    )  # fmt: skip
    def test_a_wrong_body_is_refused_by_field(
        self, api: Api, body: dict[str, Any], field: str
    ) -> None:
        answer = api("POST", f"{PARENT}/instances", body, instanceId="nb1")
        assert violated(answer) == [field]
        assert status(api.get()) == "NOT_FOUND"

    @pytest.mark.parametrize("instance_id", ["", "1nb", "nb-", "nb_1", "NB", "n" * 64])
    def test_a_wrong_id_is_refused(self, api: Api, instance_id: str) -> None:
        assert violated(api.create(instance_id)) == ["instanceId"]

    @pytest.mark.parametrize("instance_id", ["n", "n" * 63, "n-1"])
    def test_a_right_id_is_taken(self, api: Api, instance_id: str) -> None:
        assert api.create(instance_id)["done"] is False

    def test_a_region_is_no_zone(self, api: Api) -> None:
        path = "projects/demo/locations/us-central1/instances"
        assert violated(api("POST", path, BODY, instanceId="nb1")) == ["parent"]

    def test_its_own_id_as_name_is_taken_as_gcloud_sends_it(self, api: Api) -> None:
        body = BODY | {"name": "nb1"}
        assert "metadata" in api("POST", f"{PARENT}/instances", body, instanceId="nb1")

    def test_a_stock_out_leaves_no_instance(self, api: Api) -> None:
        fault = api.cloud.faults.add(
            {
                "service": "notebooks",
                "method": "instances.create",
                "when": "operation",
                "error": {
                    "status": "RESOURCE_EXHAUSTED",
                    "message": "ZONE_RESOURCE_POOL_EXHAUSTED",
                },
                "times": 1,
            }
        )
        operation = api.create(requestId=REQUEST)
        assert api.get()["state"] == "PROVISIONING"
        api.wait()
        failed = api("GET", operation["name"])
        assert failed["error"] == {"code": 8, "message": "ZONE_RESOURCE_POOL_EXHAUSTED"}
        assert "response" not in failed
        assert status(api.get()) == "NOT_FOUND"
        assert fault.hits == 1
        assert api.cloud.calls.entries()[0].fault == fault.id
        assert api.create()["done"] is False

    def test_of_many_at_the_same_moment_one_wins(self, api: Api) -> None:
        def create(_: int) -> bool:
            url = f"{api.url}/v2/{PARENT}/instances"
            return requests.post(url, json=BODY, params={"instanceId": "nb1"}, timeout=10).ok

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(create, range(24))) == 1
        assert api.cloud.calls.counts() == {"notebooks.instances.create": 24}

    def test_a_full_quota_refuses_the_next(self, api: Api) -> None:
        api.cloud.quotas.set({"live": {"notebooks.instances": 1}})
        api.create("nb1")
        assert status(api.create("nb2")) == "RESOURCE_EXHAUSTED"
        assert status(api.create("nb1")) == "ALREADY_EXISTS"


class TestStopAndStart:
    @pytest.fixture(autouse=True)
    def _active(self, api: Api) -> None:
        api.create()
        api.wait()

    def test_stopping_takes_the_proxy_away_at_once(self, api: Api) -> None:
        api.post("stop")
        stopping = api.get()
        assert stopping["state"] == "STOPPING"
        assert "proxyUri" not in stopping
        api.wait(30)
        assert api.get()["state"] == "STOPPED"

    def test_starting_brings_it_back(self, api: Api) -> None:
        api.post("stop")
        api.wait()
        operation = api.post("start")
        assert api.get()["state"] == "STARTING"
        api.wait(40)
        assert api.get()["state"] == "ACTIVE"
        assert api.get()["proxyUri"]
        assert api("GET", operation["name"])["response"]["state"] == "ACTIVE"

    def test_starting_what_runs_is_done_at_once(self, api: Api) -> None:
        before = api.get()
        assert api.post("start")["done"] is True
        assert api.get() == before

    def test_stopping_what_is_stopped_is_done_at_once(self, api: Api) -> None:
        api.post("stop")
        api.wait()
        assert api.post("stop")["done"] is True
        assert api.get()["state"] == "STOPPED"

    def test_what_is_stopped_cannot_be_reset(self, api: Api) -> None:
        assert api.post("reset")["done"] is False
        api.wait()
        api.post("stop")
        api.wait()
        assert status(api.post("reset")) == "FAILED_PRECONDITION"

    @pytest.mark.parametrize("verb", ["start", "stop", "delete"])
    def test_a_busy_one_answers_aborted(self, api: Api, verb: str) -> None:
        api.post("stop")
        answer = api.delete() if verb == "delete" else api.post(verb)
        assert (answer["error"]["code"], status(answer)) == (409, "ABORTED")

    def test_a_failed_stop_leaves_it_running(self, api: Api) -> None:
        error = {"status": "INTERNAL", "message": "no"}
        api.cloud.faults.add({"method": "instances.stop", "when": "operation", "error": error})
        api.post("stop")
        api.wait()
        assert api.get()["state"] == "ACTIVE"
        assert api.get()["proxyUri"]

    def test_a_missing_one_is_not_found(self, api: Api) -> None:
        assert status(api.post("stop", "other")) == "NOT_FOUND"

    def test_the_length_of_operations_can_be_set(self, api: Api) -> None:
        api.cloud.operation_seconds = 5
        api.post("stop")
        api.wait(5)
        assert api.get()["state"] == "STOPPED"

    def test_consent_is_reported_as_given(self, api: Api) -> None:
        assert api.post("checkAuthorization")["success"] is True
        assert status(api.post("checkAuthorization", "other")) == "NOT_FOUND"


class TestDelete:
    @pytest.fixture(autouse=True)
    def _active(self, api: Api) -> None:
        api.create()
        api.wait()

    def test_it_is_there_as_deleted_until_the_operation_is_done(self, api: Api) -> None:
        operation = api.delete(requestId=REQUEST)
        assert api.get()["state"] == "DELETED"
        api.wait(40)
        assert status(api.get()) == "NOT_FOUND"
        empty = "type.googleapis.com/google.protobuf.Empty"
        assert api("GET", operation["name"])["response"] == {"@type": empty}

    def test_a_repeat_finds_the_operation_a_second_delete_nothing(self, api: Api) -> None:
        operation = api.delete(requestId=REQUEST)
        api.wait()
        assert api.delete(requestId=REQUEST)["name"] == operation["name"]
        assert status(api.delete()) == "NOT_FOUND"

    def test_protection_refuses_it(self, api: Api) -> None:
        body = BODY | {"enableDeletionProtection": True}
        api("POST", f"{PARENT}/instances", body, instanceId="safe")
        api.wait()
        assert status(api.delete("safe")) == "FAILED_PRECONDITION"
        assert api.get("safe")["state"] == "ACTIVE"

    def test_the_name_can_be_used_again(self, api: Api) -> None:
        first = api.get()["id"]
        api.delete()
        api.wait()
        api.create()
        assert api.get()["id"] != first


class TestPatch:
    @pytest.fixture(autouse=True)
    def _active(self, api: Api) -> None:
        api.create()
        api.wait()

    def test_metadata_is_replaced_whole_when_the_operation_is_done(self, api: Api) -> None:
        body = {"gceSetup": {"metadata": {"a": "b"}}, "labels": {"not": "masked"}}
        api.patch(body, "gceSetup.metadata")
        assert api.get()["gceSetup"]["metadata"] == {"idle-timeout-seconds": "3600"}
        api.wait()
        after = api.get()
        assert after["gceSetup"]["metadata"] == {"a": "b"}
        assert after["gceSetup"]["machineType"] == "e2-standard-2"
        assert after["labels"] == {"team": "core"}
        assert after["state"] == "ACTIVE"

    @pytest.mark.parametrize("mask", ["", "instance_owners", "labels.team", "gce_setup"])
    def test_only_what_the_document_lists_can_be_updated(self, api: Api, mask: str) -> None:
        assert violated(api.patch({}, mask)) == ["updateMask"]

    def test_the_public_address_cannot_come_back(self, api: Api) -> None:
        body = {"gceSetup": {"disablePublicIp": False}}
        answer = api.patch(body, "gce_setup.disable_public_ip")
        assert violated(answer) == ["gceSetup.disablePublicIp"]


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

    def test_resources_for_the_admin(self, api: Api) -> None:
        api.create()
        api.wait()
        (shown,) = api.notebooks.resources()
        assert (shown["kind"], shown["state"]) == ("notebooks.instance", "ACTIVE")
        assert shown["labels"] == {"team": "core"}
