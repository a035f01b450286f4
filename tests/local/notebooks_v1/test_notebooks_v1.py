"""Notebooks v1 over REST."""

from typing import Any

import pytest

from tests.local.notebooks_v1 import harness
from tests.local.notebooks_v1.harness import (
    HUB,
    HUB_BODY,
    REGION,
    REQUEST,
    RUNTIME,
    ZONE,
    Api,
    status,
    violated,
)

api, older_api = harness.api, harness.older_api  # pytest finds fixtures by name

DEPRECATED = "have been deprecated and new instances cannot be created"


class TestRefusal:
    def test_creation_of_both_kinds_is_refused(self, api: Api) -> None:
        runtime, hub = api.create_runtime(), api.create_hub()
        for answer, title in ((runtime, "Managed notebooks"), (hub, "User-managed notebooks")):
            assert answer["error"]["code"] == 400
            assert status(answer) == "FAILED_PRECONDITION"
            assert f"{title} {DEPRECATED}" in answer["error"]["message"]
        assert api.v1.resources() == []
        assert [(call.service, call.method, call.target) for call in api.cloud.calls.entries()] == [
            ("notebooks_v1", "runtimes.create", RUNTIME),
            ("notebooks_v1", "instances.create", HUB),
        ]

    def test_a_setting_allows_creation(self, api: Api) -> None:
        assert api.send("GET", "/_admin/settings")["older_notebooks"] is False
        set_to = api.send("PUT", "/_admin/settings", {"older_notebooks": True})
        assert set_to["older_notebooks"] is True
        assert api.create_runtime()["done"] is False

    def test_the_setting_is_a_boolean(self, api: Api) -> None:
        assert violated(api.send("PUT", "/_admin/settings", {"older_notebooks": 1})) == [
            "older_notebooks"
        ]
        assert api.cloud.older_notebooks is False

    def test_existing_notebooks_are_seeded_without_an_api_call(self, api: Api) -> None:
        assert "POST /_admin/older-notebooks" in api.send("GET", "/_admin")["methods"]
        seeded = api.send("POST", "/_admin/older-notebooks", {"name": HUB, "body": HUB_BODY})
        assert seeded["state"] == "ACTIVE"
        assert api.cloud.calls.counts() == {}
        assert api("GET", HUB) == seeded

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
    def test_an_invalid_notebook_is_not_seeded(
        self, api: Api, body: dict[str, Any], fields: list[str]
    ) -> None:
        assert violated(api.send("POST", "/_admin/older-notebooks", body)) == fields

    def test_a_name_in_use_is_not_seeded(self, api: Api) -> None:
        api.v1.seed(RUNTIME)
        again = api.send("POST", "/_admin/older-notebooks", {"name": RUNTIME})
        assert status(again) == "ALREADY_EXISTS"


class TestMethods:
    def test_a_runtime_is_created_stopped_started_and_deleted(self, older_api: Api) -> None:
        operation = older_api.create_runtime()
        assert operation["metadata"]["target"] == RUNTIME
        assert operation["metadata"]["apiVersion"] == "v1"
        assert older_api("GET", RUNTIME)["state"] == "PROVISIONING"
        older_api.wait(90)
        runtime = older_api("GET", RUNTIME)
        assert (runtime["state"], runtime["healthState"]) == ("ACTIVE", "HEALTHY")
        assert runtime["accessConfig"]["runtimeOwner"] == "ana@example.com"
        assert runtime["accessConfig"]["proxyUri"].endswith(
            "-dot-us-central1.notebooks.googleusercontent.com"
        )
        done = older_api("GET", operation["name"])
        kind = "type.googleapis.com/google.cloud.notebooks.v1.Runtime"
        assert done["response"] == {"@type": kind, **runtime}

        older_api("POST", f"{RUNTIME}:stop", {})
        assert older_api("GET", RUNTIME)["state"] == "STOPPING"
        older_api.wait()
        stopped = older_api("GET", RUNTIME)
        assert stopped["state"] == "STOPPED"
        assert "proxyUri" not in stopped["accessConfig"]
        assert "healthState" not in stopped
        older_api("POST", f"{RUNTIME}:start", {})
        assert older_api("GET", RUNTIME)["state"] == "STARTING"
        older_api.wait()
        started = older_api("GET", RUNTIME)
        assert started["accessConfig"]["proxyUri"] == runtime["accessConfig"]["proxyUri"]
        older_api("DELETE", RUNTIME)
        assert older_api("GET", RUNTIME)["state"] == "DELETING"
        older_api.wait()
        assert status(older_api("GET", RUNTIME)) == "NOT_FOUND"

    def test_an_instance_is_created_stopped_started_and_deleted(self, older_api: Api) -> None:
        older_api.create_hub()
        older_api.wait()
        hub = older_api("GET", HUB)
        assert hub["state"] == "ACTIVE"
        assert hub["proxyUri"]
        assert hub["containerImage"] == {"repository": "gcr.io/demo/hub", "tag": "latest"}
        assert hub["metadata"] == {"dataproc-configs": "gs://demo-templates/ana/"}
        older_api("POST", f"{HUB}:stop", {})
        older_api.wait()
        assert older_api("GET", HUB)["state"] == "STOPPED"
        assert "proxyUri" not in older_api("GET", HUB)
        older_api("POST", f"{HUB}:start", {})
        older_api.wait()
        assert older_api("GET", HUB)["state"] == "ACTIVE"
        operation = older_api("DELETE", HUB)
        assert older_api("GET", HUB)["state"] == "DELETED"
        older_api.wait()
        assert older_api("GET", operation["name"])["response"]["@type"].endswith("Empty")
        assert status(older_api("GET", HUB)) == "NOT_FOUND"

    def test_input_only_fields_are_not_returned(self, older_api: Api) -> None:
        older_api.create_hub()
        older_api.create_runtime()
        older_api.wait()
        hub, runtime = older_api("GET", HUB), older_api("GET", RUNTIME)
        assert {"instanceOwners", "bootDiskSizeGb"}.isdisjoint(hub)
        assert runtime["virtualMachine"]["virtualMachineConfig"]["dataDisk"] == {}
        kept = {resource["kind"]: resource for resource in older_api.v1.resources()}
        assert kept["notebooks.instance_v1"]["instanceOwners"] == ["ana@example.com"]
        config = kept["notebooks.runtime"]["virtualMachine"]["virtualMachineConfig"]
        assert config["dataDisk"]["initializeParams"]["diskSizeGb"] == "200"

    def test_labels_of_an_instance_are_replaced(self, api: Api) -> None:
        api.v1.seed(HUB, HUB_BODY)
        api("PATCH", f"{HUB}:setLabels", {"labels": {"cost-center": "42"}})
        assert api("GET", HUB)["labels"] == {"team": "core"}
        api.wait()
        assert api("GET", HUB)["labels"] == {"cost-center": "42"}
        refused = api("PATCH", f"{HUB}:setLabels", {"labels": {"Team": "x"}})
        assert violated(refused) == ["labels.Team"]

    def test_only_a_running_notebook_can_be_reset(self, api: Api) -> None:
        api.v1.seed(RUNTIME)
        api("POST", f"{RUNTIME}:reset", {})
        assert api("GET", RUNTIME)["state"] == "STARTING"
        api.wait()
        api("POST", f"{RUNTIME}:stop", {})
        api.wait()
        assert status(api("POST", f"{RUNTIME}:reset", {})) == "FAILED_PRECONDITION"

    def test_starting_a_running_notebook_ends_at_once(self, api: Api) -> None:
        api.v1.seed(HUB)
        assert api("POST", f"{HUB}:start", {})["done"] is True

    def test_one_operation_at_a_time(self, api: Api) -> None:
        api.v1.seed(HUB)
        api("POST", f"{HUB}:stop", {})
        assert status(api("DELETE", HUB)) == "ABORTED"

    def test_a_failed_creation_leaves_no_notebook(self, older_api: Api) -> None:
        error = {"status": "RESOURCE_EXHAUSTED", "message": "ZONE_RESOURCE_POOL_EXHAUSTED"}
        fault = older_api.cloud.faults.add(
            {
                "service": "notebooks_v1",
                "method": "instances.create",
                "when": "operation",
                "error": error,
            }
        )
        operation = older_api.create_hub()
        older_api.wait()
        assert older_api("GET", operation["name"])["error"]["message"] == error["message"]
        assert status(older_api("GET", HUB)) == "NOT_FOUND"
        assert fault.hits == 1

    def test_a_cancelled_stop_leaves_the_notebook_running(self, api: Api) -> None:
        api.v1.seed(HUB)
        operation = api("POST", f"{HUB}:stop", {})
        api("POST", f"{operation['name']}:cancel", {})
        assert api("GET", operation["name"])["error"]["code"] == 1
        assert api("GET", HUB)["state"] == "ACTIVE"

    def test_an_operation_is_listed_and_deleted(self, api: Api) -> None:
        api.v1.seed(HUB)
        operation = api("POST", f"{HUB}:stop", {})
        assert api("GET", f"{ZONE}/operations")["operations"] == [operation]
        api("DELETE", operation["name"])
        assert status(api("GET", operation["name"])) == "NOT_FOUND"

    def test_a_request_id_makes_calls_of_runtimes_repeatable(self, older_api: Api) -> None:
        first = older_api.create_runtime(requestId=REQUEST)
        assert older_api.create_runtime(requestId=REQUEST)["name"] == first["name"]
        older_api.wait()
        stop = older_api("POST", f"{RUNTIME}:stop", {"requestId": REQUEST})
        assert older_api("POST", f"{RUNTIME}:stop", {"requestId": REQUEST})["name"] == stop["name"]
        assert violated(older_api("DELETE", RUNTIME, requestId="abc")) == ["requestId"]
