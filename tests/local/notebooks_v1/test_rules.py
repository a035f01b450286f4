"""Notebooks v1 over REST: rules of requests, quotas, and listings."""

from typing import Any

import pytest

from tests.local.notebooks_v1 import harness
from tests.local.notebooks_v1.harness import (
    HUB,
    HUB_BODY,
    REGION,
    RUNTIME,
    RUNTIME_BODY,
    ZONE,
    Api,
    status,
    violated,
)

api, older_api = harness.api, harness.older_api  # pytest finds fixtures by name


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
    def test_an_invalid_runtime_is_refused(
        self, older_api: Api, change: dict[str, Any], field: str
    ) -> None:
        assert violated(older_api.create_runtime(RUNTIME_BODY | change)) == [field]

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
    def test_an_invalid_instance_is_refused(
        self, older_api: Api, change: dict[str, Any], field: str
    ) -> None:
        assert violated(older_api.create_hub(HUB_BODY | change)) == [field]

    def test_runtimes_are_regional_and_instances_zonal(self, older_api: Api) -> None:
        runtime = older_api("POST", f"{ZONE}/runtimes", RUNTIME_BODY, runtimeId="ana")
        hub = older_api("POST", f"{REGION}/instances", HUB_BODY, instanceId="ana-hub")
        assert violated(runtime) == violated(hub) == ["parent"]

    def test_an_id_is_required_and_must_be_valid(self, older_api: Api) -> None:
        assert violated(older_api("POST", f"{ZONE}/instances", HUB_BODY)) == ["instanceId"]
        assert violated(older_api.create_hub(own_id="Hub")) == ["instanceId"]

    def test_the_own_name_in_the_body_is_accepted(self, older_api: Api) -> None:
        assert older_api.create_hub(HUB_BODY | {"name": HUB})["done"] is False

    def test_a_name_in_use_is_refused(self, older_api: Api) -> None:
        older_api.create_hub()
        assert status(older_api.create_hub()) == "ALREADY_EXISTS"

    def test_the_quota_limits_simultaneous_operations(self, api: Api) -> None:
        api.cloud.quotas.set({"operations": {"notebooks_v1": 1}})
        api.v1.seed(HUB)
        api.v1.seed(RUNTIME)
        api("POST", f"{HUB}:stop", {})
        assert status(api("POST", f"{RUNTIME}:stop", {})) == "RESOURCE_EXHAUSTED"
        api.wait()
        assert api("POST", f"{RUNTIME}:stop", {})["done"] is False

    def test_quotas_count_each_kind(self, older_api: Api) -> None:
        older_api.cloud.quotas.set({"live": {"notebooks_v1.instances": 1}})
        older_api.create_hub()
        assert status(older_api.create_hub(own_id="second")) == "RESOURCE_EXHAUSTED"
        assert older_api.create_runtime()["done"] is False


class TestListing:
    def test_pages_filters_and_all_locations(self, api: Api) -> None:
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

    def test_a_method_that_is_not_served_is_logged_as_unknown(self, api: Api) -> None:
        api.v1.seed(HUB)
        assert status(api("POST", f"{HUB}:upgrade", {})) == "UNIMPLEMENTED"
        assert api.cloud.calls.counts() == {"unknown.POST": 1}

    def test_admin_resources_have_both_kinds(self, api: Api) -> None:
        api.v1.seed(HUB)
        api.v1.seed(RUNTIME)
        kinds = ("notebooks.runtime", "notebooks.instance_v1")
        found = [api.send("GET", "/_admin/resources", kind=kind)["resources"] for kind in kinds]
        assert [[one["name"] for one in some] for some in found] == [[RUNTIME], [HUB]]
