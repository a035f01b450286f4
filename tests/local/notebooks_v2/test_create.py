"""Creating Notebooks v2 instances over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.local.notebooks_v2 import harness
from tests.local.notebooks_v2.harness import BODY, PARENT, REQUEST, Api, status, violated

api = harness.api  # pytest finds fixtures by name


class TestCreate:
    def test_an_instance_is_provisioning_until_the_operation_ends(self, api: Api) -> None:
        operation = api.create()
        assert operation["name"].startswith(f"{PARENT}/operations/operation-")
        assert operation["done"] is False
        assert operation["metadata"]["verb"] == "create"
        assert operation["metadata"]["target"] == f"{PARENT}/instances/nb1"
        assert operation["metadata"]["apiVersion"] == "v2"
        assert "endTime" not in operation["metadata"]
        creating = api.get()
        assert creating["state"] == "PROVISIONING"
        assert "proxyUri" not in creating

        api.wait(89)
        assert api.get()["state"] == "PROVISIONING"
        api.wait(1)
        created = api.get()
        assert (created["state"], created["healthState"]) == ("ACTIVE", "HEALTHY")
        assert created["proxyUri"].endswith("-dot-us-central1.notebooks.googleusercontent.com")
        assert created["id"] == creating["id"]

        done = api("GET", operation["name"])
        assert done["done"] is True
        assert done["metadata"]["endTime"] > done["metadata"]["createTime"]
        kind = "type.googleapis.com/google.cloud.notebooks.v2.Instance"
        assert done["response"] == {"@type": kind, **created}

    def test_given_fields_are_stored_and_others_get_defaults(self, api: Api) -> None:
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

    def test_a_request_id_expires_after_an_hour(self, api: Api) -> None:
        api.create(requestId=REQUEST)
        api.wait(3601)
        assert status(api.create(requestId=REQUEST)) == "ALREADY_EXISTS"

    def test_a_request_id_of_another_instance_is_refused(self, api: Api) -> None:
        api.create(requestId=REQUEST)
        assert violated(api.create("nb2", requestId=REQUEST)) == ["requestId"]

    @pytest.mark.parametrize("request_id", ["abc", "00000000-0000-0000-0000-000000000000"])
    def test_a_request_id_must_be_a_uuid(self, api: Api, request_id: str) -> None:
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
    def test_an_invalid_id_is_refused(self, api: Api, instance_id: str) -> None:
        assert violated(api.create(instance_id)) == ["instanceId"]

    @pytest.mark.parametrize("instance_id", ["n", "n" * 63, "n-1"])
    def test_a_valid_id_is_accepted(self, api: Api, instance_id: str) -> None:
        assert api.create(instance_id)["done"] is False

    def test_a_region_is_refused_as_zone(self, api: Api) -> None:
        path = "projects/demo/locations/us-central1/instances"
        assert violated(api("POST", path, BODY, instanceId="nb1")) == ["parent"]

    def test_the_own_id_as_name_is_accepted_as_gcloud_sends_it(self, api: Api) -> None:
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

    def test_one_of_many_simultaneous_creates_succeeds(self, api: Api) -> None:
        def create(_: int) -> bool:
            url = f"{api.url}/v2/{PARENT}/instances"
            return requests.post(url, json=BODY, params={"instanceId": "nb1"}, timeout=10).ok

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(create, range(24))) == 1
        assert api.cloud.calls.counts() == {"notebooks.instances.create": 24}

    def test_the_quota_limits_simultaneous_operations(self, api: Api) -> None:
        api.cloud.quotas.set({"operations": {"notebooks": 2}})
        api.create("nb1", requestId=REQUEST)
        api.create("nb2")
        refused = api.create("nb3")
        assert (refused["error"]["code"], status(refused)) == (429, "RESOURCE_EXHAUSTED")
        assert "Concurrent operations" in refused["error"]["message"]
        assert status(api.get("nb3")) == "NOT_FOUND"
        assert "metadata" in api.create("nb1", requestId=REQUEST)
        api.wait()
        assert "metadata" in api.create("nb3")

    def test_a_full_quota_refuses_the_next(self, api: Api) -> None:
        api.cloud.quotas.set({"live": {"notebooks.instances": 1}})
        api.create("nb1")
        assert status(api.create("nb2")) == "RESOURCE_EXHAUSTED"
        assert status(api.create("nb1")) == "ALREADY_EXISTS"
