"""Accounts: callers, refusals and their messages, the log, and the admin routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import requests
from google.api_core.exceptions import PermissionDenied
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from local.iam.permissions import NEEDS, Permitted, When, conditions_of, needed
from local.server import LocalCloud

INSTANCES = "projects/demo/locations/us-central1-a/instances"
NOTEBOOK = {
    "instanceOwners": ["ana@example.com"],
    "gceSetup": {"machineType": "e2-standard-2", "dataDisks": [{"diskSizeGb": "100"}]},
}
GRANTED = {
    Permitted("notebooks.instances.create", "project"),
    Permitted("notebooks.instances.update", "project"),
    Permitted("compute.snapshots.create", "project"),
    Permitted("compute.disks.createSnapshot", "project"),
    Permitted("storage.objects.create", "templates"),
    Permitted("pubsub.topics.publish", "converge"),
}


class Bench:
    """A cloud with the accounts `worker`, with the permissions GRANTED, and `reader`, with none."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud

    def ask(self, account: str, verb: str, path: str, **more: Any) -> requests.Response:
        """Send a request of an account."""
        return requests.request(verb, self.cloud.url_of(account) + path, timeout=10, **more)

    def admin(self, verb: str, path: str, body: Any = None) -> Any:
        """Send a request to an admin route."""
        return requests.request(verb, f"{self.cloud.url}/_admin{path}", json=body, timeout=10)

    def create_notebook(
        self, account: str, name: str, body: dict[str, Any] = NOTEBOOK
    ) -> requests.Response:
        return self.ask(account, "POST", f"/v2/{INSTANCES}?instanceId={name}", json=body)

    def put_object(self, account: str, name: str, bucket: str = "demo-t") -> requests.Response:
        path = f"/upload/storage/v1/b/{bucket}/o"
        query = {"uploadType": "media", "name": name}
        return self.ask(account, "POST", path, params=query, data=b"x")

    def publish(self, account: str, topic: str) -> None:
        """Publish over gRPC with Google's client."""
        channel = grpc.insecure_channel(self.cloud.grpc_address_of(account))
        try:
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            path = f"projects/demo/topics/{topic}"
            publisher.publish(topic=path, messages=[{"data": b"x"}], retry=None)
        finally:
            channel.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    cloud = LocalCloud(accounts={"worker": (0, 0), "reader": (0, 0)})
    cloud.cloud.accounts.grant("worker", GRANTED, {"bucket/demo-t": "templates"})
    cloud.cloud.accounts.grant("reader", set(), {})
    with cloud:
        for bucket in ("demo-t", "demo-other"):
            cloud.storage.make_bucket(bucket)
        for topic in ("converge", "environment-events"):
            cloud.pubsub.create_topic(topic)
        yield Bench(cloud)


def test_the_owner_has_all_permissions(bench: Bench) -> None:
    answer = requests.get(f"{bench.cloud.url}/v2/{INSTANCES}", timeout=10)
    assert answer.status_code == 200


def test_a_granted_request_is_applied_and_logged_with_its_caller(bench: Bench) -> None:
    assert bench.create_notebook("worker", "nb1").status_code == 200
    call = bench.cloud.cloud.calls.entries("notebooks", "instances.create")[-1]
    assert (call.caller, call.outcome, call.lacks) == ("worker", "OK", None)


def test_a_request_without_permission_is_refused_and_logged(bench: Bench) -> None:
    answer = bench.create_notebook("reader", "nb2")
    assert answer.status_code == 403
    error = answer.json()["error"]
    name = f"{INSTANCES}/nb2"
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    assert error["message"] == (
        "Permission 'notebooks.instances.create' denied on resource "
        f"'//notebooks.googleapis.com/{name}' (or it may not exist)."
    )
    assert error["details"][0]["reason"] == "IAM_PERMISSION_DENIED"
    calls = bench.admin("GET", "/calls?method=instances.create").json()["calls"]
    assert (calls[-1]["caller"], calls[-1]["outcome"], calls[-1]["lacks"]) == (
        "reader",
        "PERMISSION_DENIED",
        "notebooks.instances.create",
    )
    assert requests.get(f"{bench.cloud.url}/v2/{name}", timeout=10).status_code == 404


def test_patching_a_notebook_needs_the_get_permission_too(bench: Bench) -> None:
    path = f"/v2/{INSTANCES}/nb1?updateMask=labels"
    answer = bench.ask("worker", "PATCH", path, json={"labels": {"a": "b"}})
    assert "'notebooks.instances.get' denied" in answer.json()["error"]["message"]


def test_a_service_account_in_the_body_needs_act_as(bench: Bench) -> None:
    setup = NOTEBOOK["gceSetup"] | {"serviceAccounts": [{"email": "vm@example.com"}]}  # type: ignore[operator]
    answer = bench.create_notebook("worker", "nb3", NOTEBOOK | {"gceSetup": setup})
    assert "'iam.serviceAccounts.actAs' denied" in answer.json()["error"]["message"]


def test_compute_has_its_own_error_form_and_labels_need_a_permission(bench: Bench) -> None:
    assert bench.create_notebook("worker", "nb4").status_code == 200
    body = {
        "name": "s1",
        "sourceDisk": "projects/demo/zones/us-central1-a/disks/nb4-data-workspace",
        "labels": {"a": "b"},
    }
    path = "/compute/v1/projects/demo/global/snapshots"
    answer = bench.ask("worker", "POST", path, json=body)
    error = answer.json()["error"]
    message = (
        "Required 'compute.snapshots.setLabels' permission for 'projects/demo/global/snapshots/s1'"
    )
    assert (answer.status_code, error["message"]) == (403, message)
    assert error["errors"][0]["reason"] == "forbidden"
    del body["labels"]
    assert bench.ask("worker", "POST", path, json=body).status_code == 200


def test_a_grant_on_a_bucket_is_valid_for_that_bucket_only(bench: Bench) -> None:
    assert bench.put_object("worker", "a").status_code == 200
    answer = bench.put_object("worker", "a", bucket="demo-other")
    error = answer.json()["error"]
    assert (answer.status_code, error["errors"][0]["reason"]) == (403, "forbidden")
    assert error["message"] == (
        "worker@demo.iam.gserviceaccount.com does not have storage.objects.create access to the "
        "Google Cloud Storage object. Permission 'storage.objects.create' denied on resource "
        "(or it may not exist)."
    )


def test_overwriting_an_object_needs_the_delete_permission(bench: Bench) -> None:
    assert bench.put_object("worker", "twice").status_code == 200
    answer = bench.put_object("worker", "twice")
    assert "Permission 'storage.objects.delete' denied" in answer.json()["error"]["message"]


def test_a_grant_on_a_topic_is_valid_for_that_topic_only_over_grpc(bench: Bench) -> None:
    calls = bench.cloud.cloud.calls
    before = len(calls.entries("pubsub", "topics.publish"))
    bench.publish("worker", "converge")
    for account, topic in (("worker", "environment-events"), ("reader", "converge")):
        with pytest.raises(PermissionDenied) as refused:
            bench.publish(account, topic)
        assert refused.value.message == "User not authorized to perform this action."
    entries = calls.entries("pubsub", "topics.publish")[before:]
    assert [call.caller for call in entries] == ["worker", "worker", "reader"]


def test_a_method_with_unknown_permissions_is_refused_by_name(bench: Bench) -> None:
    answer = bench.ask("worker", "POST", f"/v2/{INSTANCES}/nb1:reset", json={})
    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == (
        "The local cloud does not know which permission notebooks.instances.reset needs "
        "(local/iam/permissions.py)"
    )


def test_a_permission_is_revoked_and_restored(bench: Bench) -> None:
    def publishes() -> int:
        path = "/v1/projects/demo/topics/converge:publish"
        body = {"messages": [{"data": "eA=="}]}
        return bench.ask("worker", "POST", path, json=body).status_code

    for account in ("worker", "*"):
        shown = bench.admin("PUT", "/permissions", {account: ["pubsub.topics.publish"]})
        assert shown.json()["revoked"] == {account: ["pubsub.topics.publish"]}
        assert publishes() == 403
        bench.admin("PUT", "/permissions", {})
        assert publishes() == 200
    granted = bench.admin("GET", "/permissions").json()["granted"]
    assert granted["worker"]["converge"] == ["pubsub.topics.publish"]
    assert granted["reader"] == {}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"nobody": []}, "nobody: there is no such account"),
        ({"worker": "all"}, "worker: must be a list of permissions"),
        ({"worker": ["pubsub.topics.fly"]}, "worker: no grant has pubsub.topics.fly"),
        ({"*": ["pubsub.topics.fly"]}, "*: no grant has pubsub.topics.fly"),
    ],
)
def test_an_invalid_revocation_is_refused(
    bench: Bench, body: dict[str, Any], complaint: str
) -> None:
    answer = bench.admin("PUT", "/permissions", body)
    assert (answer.status_code, complaint in answer.json()["error"]["message"]) == (400, True)


def test_rows_are_unique_and_conditions_add_permissions() -> None:
    rows = [(need.method, need.permission, need.when) for need in NEEDS]
    assert len(rows) == len(set(rows))
    assert needed("storage.objects.insert", ()) == ["storage.objects.create"]
    assert needed("storage.objects.insert", [When.OVERWRITES]) == [
        "storage.objects.create",
        "storage.objects.delete",
    ]


@pytest.mark.parametrize(
    ("body", "conditions"),
    [
        ({}, ()),
        ({"labels": {}}, ()),
        ({"labels": {"a": "b"}}, (When.LABELS,)),
        ({"a": [{"serviceAccount": "x@example.com"}]}, (When.SERVICE_ACCOUNT,)),
        ({"a": {"serviceAccount": ""}}, ()),
    ],
)
def test_the_conditions_of_a_body(body: dict[str, Any], conditions: tuple[When, ...]) -> None:
    assert conditions_of(body) == conditions
