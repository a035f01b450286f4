"""The REST face of the two older notebook kinds."""

from typing import Any

import pytest

from tests.local.notebooks_v1 import harness
from tests.local.notebooks_v1.harness import (
    HUB,
    HUB_BODY,
    REGION,
    REQUEST,
    RUNTIME,
    RUNTIME_BODY,
    ZONE,
    Api,
    status,
    violated,
)

api, then = harness.api, harness.then  # pytest finds fixtures by name

GONE = "have been deprecated and new instances cannot be created"


class TestRefusal:
    def test_today_neither_kind_is_created_any_more(self, api: Api) -> None:
        runtime, hub = api.create_runtime(), api.create_hub()
        for answer, called in ((runtime, "Managed notebooks"), (hub, "User-managed notebooks")):
            assert answer["error"]["code"] == 400
            assert status(answer) == "FAILED_PRECONDITION"
            assert f"{called} {GONE}" in answer["error"]["message"]
        assert api.v1.resources() == []
        assert [(call.service, call.method, call.target) for call in api.cloud.calls.entries()] == [
            ("notebooks_v1", "runtimes.create", RUNTIME),
            ("notebooks_v1", "instances.create", HUB),
        ]

    def test_a_setting_makes_it_the_google_of_2023(self, api: Api) -> None:
        assert api.send("GET", "/_admin/settings")["older_notebooks"] is False
        set_to = api.send("PUT", "/_admin/settings", {"older_notebooks": True})
        assert set_to["older_notebooks"] is True
        assert api.create_runtime()["done"] is False

    def test_the_setting_is_a_boolean(self, api: Api) -> None:
        assert violated(api.send("PUT", "/_admin/settings", {"older_notebooks": 1})) == [
            "older_notebooks"
        ]
        assert api.cloud.older_notebooks is False

    def test_those_that_exist_are_planted_without_an_api_call(self, api: Api) -> None:
        assert "POST /_admin/older-notebooks" in api.send("GET", "/_admin")["methods"]
        planted = api.send("POST", "/_admin/older-notebooks", {"name": HUB, "body": HUB_BODY})
        assert planted["state"] == "ACTIVE"
        assert api.cloud.calls.counts() == {}
        assert api("GET", HUB) == planted

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({"name": "ana"}, ["name"]),
            ({"name": f"{REGION}/instances/x"}, ["parent"]),
            ({"name": f"{ZONE}/instances/X"}, ["instanceId"]),
            ({"name": HUB, "body": {"state": "ACTIVE"}}, ["state"]),
            ({"name": HUB, "body": {"labels": {"Team": "x"}}}, ["labels.Team"]),
        ],
    )
    def test_what_could_not_exist_is_not_planted(
        self, api: Api, body: dict[str, Any], fields: list[str]
    ) -> None:
        assert violated(api.send("POST", "/_admin/older-notebooks", body)) == fields

    def test_nothing_is_planted_twice(self, api: Api) -> None:
        api.v1.seed(RUNTIME)
        again = api.send("POST", "/_admin/older-notebooks", {"name": RUNTIME})
        assert status(again) == "ALREADY_EXISTS"


class TestLife:
    def test_a_runtime_is_created_stopped_started_and_deleted(self, then: Api) -> None:
        operation = then.create_runtime()
        assert operation["metadata"]["target"] == RUNTIME
        assert operation["metadata"]["apiVersion"] == "v1"
        assert then("GET", RUNTIME)["state"] == "PROVISIONING"
        then.wait(90)
        runtime = then("GET", RUNTIME)
        assert (runtime["state"], runtime["healthState"]) == ("ACTIVE", "HEALTHY")
        assert runtime["accessConfig"]["runtimeOwner"] == "ana@example.com"
        assert runtime["accessConfig"]["proxyUri"].endswith(
            "-dot-us-central1.notebooks.googleusercontent.com"
        )
        done = then("GET", operation["name"])
        kind = "type.googleapis.com/google.cloud.notebooks.v1.Runtime"
        assert done["response"] == {"@type": kind, **runtime}

        then("POST", f"{RUNTIME}:stop", {})
        assert then("GET", RUNTIME)["state"] == "STOPPING"
        then.wait()
        stopped = then("GET", RUNTIME)
        assert stopped["state"] == "STOPPED"
        assert "proxyUri" not in stopped["accessConfig"]
        assert "healthState" not in stopped
        then("POST", f"{RUNTIME}:start", {})
        assert then("GET", RUNTIME)["state"] == "STARTING"
        then.wait()
        started = then("GET", RUNTIME)
        assert started["accessConfig"]["proxyUri"] == runtime["accessConfig"]["proxyUri"]
        then("DELETE", RUNTIME)
        assert then("GET", RUNTIME)["state"] == "DELETING"
        then.wait()
        assert status(then("GET", RUNTIME)) == "NOT_FOUND"

    def test_an_instance_is_created_stopped_started_and_deleted(self, then: Api) -> None:
        then.create_hub()
        then.wait()
        hub = then("GET", HUB)
        assert hub["state"] == "ACTIVE"
        assert hub["proxyUri"]
        assert hub["containerImage"] == {"repository": "gcr.io/demo/hub", "tag": "latest"}
        assert hub["metadata"] == {"dataproc-configs": "gs://demo-templates/ana/"}
        then("POST", f"{HUB}:stop", {})
        then.wait()
        assert then("GET", HUB)["state"] == "STOPPED"
        assert "proxyUri" not in then("GET", HUB)
        then("POST", f"{HUB}:start", {})
        then.wait()
        assert then("GET", HUB)["state"] == "ACTIVE"
        operation = then("DELETE", HUB)
        assert then("GET", HUB)["state"] == "DELETED"
        then.wait()
        assert then("GET", operation["name"])["response"]["@type"].endswith("Empty")
        assert status(then("GET", HUB)) == "NOT_FOUND"

    def test_what_is_input_only_stays_with_the_server(self, then: Api) -> None:
        then.create_hub()
        then.create_runtime()
        then.wait()
        hub, runtime = then("GET", HUB), then("GET", RUNTIME)
        assert {"instanceOwners", "bootDiskSizeGb"}.isdisjoint(hub)
        assert runtime["virtualMachine"]["virtualMachineConfig"]["dataDisk"] == {}
        kept = {resource["kind"]: resource for resource in then.v1.resources()}
        assert kept["notebooks.instance_v1"]["instanceOwners"] == ["ana@example.com"]
        config = kept["notebooks.runtime"]["virtualMachine"]["virtualMachineConfig"]
        assert config["dataDisk"]["initializeParams"]["diskSizeGb"] == "200"

    def test_labels_of_an_instance_are_replaced_whole(self, api: Api) -> None:
        api.v1.seed(HUB, HUB_BODY)
        api("PATCH", f"{HUB}:setLabels", {"labels": {"cost-center": "42"}})
        assert api("GET", HUB)["labels"] == {"team": "core"}
        api.wait()
        assert api("GET", HUB)["labels"] == {"cost-center": "42"}
        refused = api("PATCH", f"{HUB}:setLabels", {"labels": {"Team": "x"}})
        assert violated(refused) == ["labels.Team"]

    def test_a_reset_is_for_what_runs(self, api: Api) -> None:
        api.v1.seed(RUNTIME)
        api("POST", f"{RUNTIME}:reset", {})
        assert api("GET", RUNTIME)["state"] == "STARTING"
        api.wait()
        api("POST", f"{RUNTIME}:stop", {})
        api.wait()
        assert status(api("POST", f"{RUNTIME}:reset", {})) == "FAILED_PRECONDITION"

    def test_what_is_so_already_is_done_at_once(self, api: Api) -> None:
        api.v1.seed(HUB)
        assert api("POST", f"{HUB}:start", {})["done"] is True

    def test_one_operation_at_a_time(self, api: Api) -> None:
        api.v1.seed(HUB)
        api("POST", f"{HUB}:stop", {})
        assert status(api("DELETE", HUB)) == "ABORTED"

    def test_a_failed_creation_leaves_nothing(self, then: Api) -> None:
        error = {"status": "RESOURCE_EXHAUSTED", "message": "ZONE_RESOURCE_POOL_EXHAUSTED"}
        fault = then.cloud.faults.add(
            {
                "service": "notebooks_v1",
                "method": "instances.create",
                "when": "operation",
                "error": error,
            }
        )
        operation = then.create_hub()
        then.wait()
        assert then("GET", operation["name"])["error"]["message"] == error["message"]
        assert status(then("GET", HUB)) == "NOT_FOUND"
        assert fault.hits == 1

    def test_a_cancelled_stop_leaves_it_running(self, api: Api) -> None:
        api.v1.seed(HUB)
        operation = api("POST", f"{HUB}:stop", {})
        api("POST", f"{operation['name']}:cancel", {})
        assert api("GET", operation["name"])["error"]["code"] == 1
        assert api("GET", HUB)["state"] == "ACTIVE"

    def test_an_operation_is_listed_and_can_be_forgotten(self, api: Api) -> None:
        api.v1.seed(HUB)
        operation = api("POST", f"{HUB}:stop", {})
        assert api("GET", f"{ZONE}/operations")["operations"] == [operation]
        api("DELETE", operation["name"])
        assert status(api("GET", operation["name"])) == "NOT_FOUND"

    def test_a_request_id_makes_a_runtime_call_repeatable(self, then: Api) -> None:
        first = then.create_runtime(requestId=REQUEST)
        assert then.create_runtime(requestId=REQUEST)["name"] == first["name"]
        then.wait()
        stop = then("POST", f"{RUNTIME}:stop", {"requestId": REQUEST})
        assert then("POST", f"{RUNTIME}:stop", {"requestId": REQUEST})["name"] == stop["name"]
        assert violated(then("DELETE", RUNTIME, requestId="abc")) == ["requestId"]


class TestRules:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"state": "ACTIVE"}, "state"),
            ({"nonsense": 1}, "nonsense"),
            ({"name": "another"}, "name"),
            ({"labels": {"team": "ana@example.com"}}, "labels.team"),
            ({"accessConfig": {"accessType": "EVERYONE"}}, "accessConfig.accessType"),
            ({"accessConfig": {"runtimeOwner": "ana"}}, "accessConfig.runtimeOwner"),
            ({"accessConfig": {"proxyUri": "x"}}, "accessConfig.proxyUri"),
        ],
    )
    def test_a_runtime_the_api_would_refuse(
        self, then: Api, change: dict[str, Any], field: str
    ) -> None:
        assert violated(then.create_runtime(RUNTIME_BODY | change)) == [field]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"proxyUri": "x"}, "proxyUri"),
            ({"instanceOwners": ["ana@example.com", "bo@example.com"]}, "instanceOwners"),
            ({"vmImage": {"project": "demo"}}, "containerImage"),
            ({"bootDiskSizeGb": 64001}, "bootDiskSizeGb"),
            ({"kmsKey": "k"}, "kmsKey"),
            ({"machineType": None}, "machineType"),
        ],
    )
    def test_an_instance_the_api_would_refuse(
        self, then: Api, change: dict[str, Any], field: str
    ) -> None:
        assert violated(then.create_hub(HUB_BODY | change)) == [field]

    def test_runtimes_are_regional_and_instances_zonal(self, then: Api) -> None:
        runtime = then("POST", f"{ZONE}/runtimes", RUNTIME_BODY, runtimeId="ana")
        hub = then("POST", f"{REGION}/instances", HUB_BODY, instanceId="ana-hub")
        assert violated(runtime) == violated(hub) == ["parent"]

    def test_an_id_is_required_and_well_formed(self, then: Api) -> None:
        assert violated(then("POST", f"{ZONE}/instances", HUB_BODY)) == ["instanceId"]
        assert violated(then.create_hub(own_id="Hub")) == ["instanceId"]

    def test_the_own_name_in_the_body_is_taken(self, then: Api) -> None:
        assert then.create_hub(HUB_BODY | {"name": HUB})["done"] is False

    def test_a_name_is_taken_once(self, then: Api) -> None:
        then.create_hub()
        assert status(then.create_hub()) == "ALREADY_EXISTS"

    def test_operations_under_way_have_a_quota_of_their_own(self, api: Api) -> None:
        api.cloud.quotas.set({"operations": {"notebooks_v1": 1}})
        api.v1.seed(HUB)
        api.v1.seed(RUNTIME)
        api("POST", f"{HUB}:stop", {})
        assert status(api("POST", f"{RUNTIME}:stop", {})) == "RESOURCE_EXHAUSTED"
        api.wait()
        assert api("POST", f"{RUNTIME}:stop", {})["done"] is False

    def test_quotas_count_each_kind(self, then: Api) -> None:
        then.cloud.quotas.set({"live": {"notebooks_v1.instances": 1}})
        then.create_hub()
        assert status(then.create_hub(own_id="second")) == "RESOURCE_EXHAUSTED"
        assert then.create_runtime()["done"] is False


class TestListing:
    def test_pages_filter_and_every_location(self, api: Api) -> None:
        for zone in ("us-central1-a", "us-central1-b", "us-east1-b"):
            name = f"projects/demo/locations/{zone}/instances/nb"
            api.v1.seed(name, {"labels": {"zone": zone}})
        api.v1.seed(RUNTIME)
        every = "projects/demo/locations/-/instances"
        first = api("GET", every, pageSize=2)
        second = api("GET", every, pageSize=2, pageToken=first["nextPageToken"])
        names = [one["name"] for one in first["instances"] + second["instances"]]
        assert [name.split("/")[3] for name in names] == [
            "us-central1-a", "us-central1-b", "us-east1-b",
        ]  # fmt: skip
        (filtered,) = api("GET", every, filter="labels.zone=us-east1-b")["instances"]
        assert filtered["name"] == names[2]
        (there,) = api("GET", f"{ZONE}/instances")["instances"]
        assert there["name"] == names[0]
        assert violated(api("GET", every, filter="state=ACTIVE")) == ["filter"]
        assert api("GET", "projects/demo/locations/-/runtimes")["runtimes"][0]["name"] == RUNTIME

    def test_a_method_that_is_not_served_is_seen_as_unknown(self, api: Api) -> None:
        api.v1.seed(HUB)
        assert status(api("POST", f"{HUB}:upgrade", {})) == "UNIMPLEMENTED"
        assert api.cloud.calls.counts() == {"unknown.POST": 1}

    def test_the_admin_face_shows_both_kinds(self, api: Api) -> None:
        api.v1.seed(HUB)
        api.v1.seed(RUNTIME)
        kinds = ("notebooks.runtime", "notebooks.instance_v1")
        found = [api.send("GET", "/_admin/resources", kind=kind)["resources"] for kind in kinds]
        assert [[one["name"] for one in some] for some in found] == [[RUNTIME], [HUB]]
