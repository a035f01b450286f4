"""Stopping, starting, updating and deleting Notebooks v2 instances over HTTP."""

import pytest

from tests.local.notebooks_v2 import harness
from tests.local.notebooks_v2.harness import BODY, PARENT, REQUEST, Api, status, violated

api = harness.api  # pytest finds fixtures by name


class TestStopAndStart:
    @pytest.fixture(autouse=True)
    def _active(self, api: Api) -> None:
        api.create()
        api.wait()

    def test_stopping_removes_the_proxy_address_at_once(self, api: Api) -> None:
        api.post("stop")
        stopping = api.get()
        assert stopping["state"] == "STOPPING"
        assert "proxyUri" not in stopping
        api.wait(30)
        assert api.get()["state"] == "STOPPED"

    def test_starting_restores_the_proxy_address(self, api: Api) -> None:
        api.post("stop")
        api.wait()
        operation = api.post("start")
        assert api.get()["state"] == "STARTING"
        api.wait(40)
        assert api.get()["state"] == "ACTIVE"
        assert api.get()["proxyUri"]
        assert api("GET", operation["name"])["response"]["state"] == "ACTIVE"

    def test_starting_a_running_instance_ends_at_once(self, api: Api) -> None:
        before = api.get()
        assert api.post("start")["done"] is True
        assert api.get() == before

    def test_stopping_a_stopped_instance_ends_at_once(self, api: Api) -> None:
        api.post("stop")
        api.wait()
        assert api.post("stop")["done"] is True
        assert api.get()["state"] == "STOPPED"

    def test_a_stopped_instance_cannot_be_reset(self, api: Api) -> None:
        assert api.post("reset")["done"] is False
        api.wait()
        api.post("stop")
        api.wait()
        assert status(api.post("reset")) == "FAILED_PRECONDITION"

    @pytest.mark.parametrize("verb", ["start", "stop", "delete"])
    def test_a_change_during_another_one_is_aborted(self, api: Api, verb: str) -> None:
        api.post("stop")
        answer = api.delete() if verb == "delete" else api.post(verb)
        assert (answer["error"]["code"], status(answer)) == (409, "ABORTED")

    def test_a_failed_stop_leaves_the_instance_running(self, api: Api) -> None:
        error = {"status": "INTERNAL", "message": "no"}
        api.cloud.faults.add({"method": "instances.stop", "when": "operation", "error": error})
        api.post("stop")
        api.wait()
        assert api.get()["state"] == "ACTIVE"
        assert api.get()["proxyUri"]

    def test_a_missing_instance_is_not_found(self, api: Api) -> None:
        assert status(api.post("stop", "other")) == "NOT_FOUND"

    def test_the_duration_of_operations_can_be_set(self, api: Api) -> None:
        api.cloud.operation_seconds = 5
        api.post("stop")
        api.wait(5)
        assert api.get()["state"] == "STOPPED"


class TestDelete:
    @pytest.fixture(autouse=True)
    def _active(self, api: Api) -> None:
        api.create()
        api.wait()

    def test_an_instance_has_the_state_deleted_until_the_operation_ends(self, api: Api) -> None:
        operation = api.delete(requestId=REQUEST)
        assert api.get()["state"] == "DELETED"
        api.wait(40)
        assert status(api.get()) == "NOT_FOUND"
        empty = "type.googleapis.com/google.protobuf.Empty"
        assert api("GET", operation["name"])["response"] == {"@type": empty}

    def test_a_repeat_gets_the_operation_and_a_second_delete_a_404(self, api: Api) -> None:
        operation = api.delete(requestId=REQUEST)
        api.wait()
        assert api.delete(requestId=REQUEST)["name"] == operation["name"]
        assert status(api.delete()) == "NOT_FOUND"

    def test_a_protected_instance_is_not_deleted(self, api: Api) -> None:
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

    def test_metadata_is_replaced_when_the_operation_ends(self, api: Api) -> None:
        body = {"gceSetup": {"metadata": {"a": "b"}}, "labels": {"not": "masked"}}
        api.patch(body, "gceSetup.metadata")
        assert api.get()["gceSetup"]["metadata"] == {"idle-timeout-seconds": "3600"}
        api.wait()
        after = api.get()
        assert after["gceSetup"]["metadata"] == {"a": "b"}
        assert after["gceSetup"]["machineType"] == "e2-standard-2"
        assert after["labels"] == {"team": "core"}
        assert after["state"] == "ACTIVE"

    def test_the_machine_type_can_be_changed_only_when_stopped(self, api: Api) -> None:
        body = {"gceSetup": {"machineType": "e2-standard-8"}}
        assert status(api.patch(body, "gce_setup.machine_type")) == "FAILED_PRECONDITION"
        api.post("stop")
        api.wait()
        assert api.patch(body, "gceSetup.machineType")["metadata"]["verb"] == "update"
        api.wait()
        after = api.get()
        assert after["gceSetup"]["machineType"] == "e2-standard-8"
        assert after["state"] == "STOPPED"

    def test_deletion_protection_is_set_and_removed(self, api: Api) -> None:
        api.patch({"enableDeletionProtection": True}, "enable_deletion_protection")
        api.wait()
        assert status(api.delete()) == "FAILED_PRECONDITION"
        api.patch({"enableDeletionProtection": False}, "enableDeletionProtection")
        api.wait()
        assert "error" not in api.delete()

    @pytest.mark.parametrize("mask", ["", "instance_owners", "labels.team", "gce_setup"])
    def test_only_what_the_document_lists_can_be_updated(self, api: Api, mask: str) -> None:
        assert violated(api.patch({}, mask)) == ["updateMask"]

    def test_the_public_address_cannot_be_enabled_again(self, api: Api) -> None:
        body = {"gceSetup": {"disablePublicIp": False}}
        answer = api.patch(body, "gce_setup.disable_public_ip")
        assert violated(answer) == ["gceSetup.disablePublicIp"]


def test_the_proxy_address_is_set_later_with_proxy_seconds(api: Api) -> None:
    api.cloud.proxy_seconds = 60
    api.create()
    api.wait(120)
    running = api.get()
    assert (running["state"], "proxyUri" in running) == ("ACTIVE", False)
    api.patch({"labels": {"team": "core"}}, "labels")
    api.wait(60)
    assert "proxyUri" in api.get()
    api.post("stop")
    api.wait()
    assert "proxyUri" not in api.get()
    api.cloud.proxy_seconds = 0
    api.post("start")
    api.wait()
    assert "proxyUri" in api.get()
