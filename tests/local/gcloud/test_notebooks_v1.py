"""The real gcloud with Notebooks v1: an admin's commands to clean up."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.server import LocalCloud
from tests.local.notebooks_v1.harness import HUB, HUB_BODY, RUNTIME, RUNTIME_BODY
from tests.support.gcloud import Gcloud

ZONE = "--location=us-central1-a"
REGION = "--location=us-central1"


class Admin:
    """The gcloud user; operations end at once, because gcloud waits for them in real time."""

    def __init__(self, gcloud: Gcloud, local: LocalCloud) -> None:
        self.local = local
        local.cloud.operation_seconds = 0
        endpoint = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_NOTEBOOKS": f"{local.url}/"}
        self.gcloud = gcloud.pointed_at(endpoint)

    def __call__(self, *arguments: str) -> Any:
        return json.loads(self.gcloud("notebooks", *arguments, "--format=json") or "null")


@pytest.fixture
def admin(gcloud_command: Gcloud) -> Iterator[Admin]:
    with LocalCloud() as local:
        yield Admin(gcloud_command, local)


def test_a_hub_is_listed_described_labelled_stopped_started_and_deleted(admin: Admin) -> None:
    admin.local.notebooks_v1.seed(HUB, HUB_BODY)
    (listed,) = admin("instances", "list", ZONE)
    described = admin("instances", "describe", "ana-hub", ZONE)
    assert listed == described
    assert (described["name"], described["state"]) == (HUB, "ACTIVE")
    admin("instances", "update", "ana-hub", ZONE, "--labels=team=lake")
    admin("instances", "stop", "ana-hub", ZONE)
    stopped = admin("instances", "describe", "ana-hub", ZONE)
    assert (stopped["labels"], stopped["state"]) == ({"team": "lake"}, "STOPPED")
    admin("instances", "start", "ana-hub", ZONE)
    assert admin("instances", "describe", "ana-hub", ZONE)["state"] == "ACTIVE"
    admin("instances", "delete", "ana-hub", ZONE)
    assert admin("instances", "list", "--location=-") == []


def test_a_runtime_is_listed_described_stopped_started_and_deleted(admin: Admin) -> None:
    admin.local.notebooks_v1.seed(RUNTIME, RUNTIME_BODY)
    (listed,) = admin("runtimes", "list", REGION)
    described = admin("runtimes", "describe", "ana", REGION)
    assert listed == described
    assert described["accessConfig"]["runtimeOwner"] == "ana@example.com"
    admin("runtimes", "stop", "ana", REGION)
    assert admin("runtimes", "describe", "ana", REGION)["state"] == "STOPPED"
    admin("runtimes", "start", "ana", REGION)
    assert admin("runtimes", "describe", "ana", REGION)["state"] == "ACTIVE"
    admin("runtimes", "delete", "ana", REGION)
    assert admin("runtimes", "list", REGION) == []


def test_creation_is_refused_unless_the_setting_allows_it(admin: Admin) -> None:
    create = (
        "runtimes", "create", "ana", REGION, "--runtime-access-type=SINGLE_USER",
        "--runtime-owner=ana@example.com", "--machine-type=n1-standard-4",
    )  # fmt: skip
    refused = admin.gcloud.run("notebooks", *create)
    assert refused.returncode != 0
    assert "have been deprecated and new instances cannot be created" in refused.stderr
    admin.local.cloud.older_notebooks = True
    admin(*create)
    assert admin("runtimes", "describe", "ana", REGION)["state"] == "ACTIVE"
