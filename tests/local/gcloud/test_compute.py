"""The real gcloud with the Compute API: an admin's commands for disks and snapshots."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.compute import Compute
from local.notebooks_v2 import Notebooks
from tests.support.gcloud import Gcloud

ZONE = "us-central1-a"
DISK = "nb1-data-workspace"


class Admin:
    """The gcloud user."""

    def __init__(self, gcloud: Gcloud, url: str) -> None:
        self._gcloud = gcloud.pointed_at(
            {"CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{url}/compute/v1/"}
        )

    def __call__(self, *arguments: str) -> Any:
        """The JSON output; fails with gcloud's error message."""
        return json.loads(self._gcloud("compute", *arguments, "--format=json") or "null")


@pytest.fixture
def gcloud(gcloud_command: Gcloud) -> Iterator[Admin]:
    cloud = Cloud(operation_seconds=0)
    compute = Compute(cloud)
    routes = [compute.routes(), Notebooks(cloud, compute).routes()]
    with Server(build_app(cloud, routes)) as server:
        body = {"labels": {"team": "core"}}
        path = f"{server.url}/v2/projects/demo/locations/{ZONE}/instances"
        for name in ("nb1", "nb2"):
            assert requests.post(path, json=body, params={"instanceId": name}, timeout=10).ok
        yield Admin(gcloud_command, server.url)


def test_disks_are_listed_and_described(gcloud: Admin) -> None:
    names = ["nb1", DISK, "nb2", "nb2-data-workspace"]
    assert [disk["name"] for disk in gcloud("disks", "list")] == names
    filtered = gcloud("disks", "list", "--filter=name~data-workspace AND labels.team=core")
    assert [disk["name"] for disk in filtered] == [DISK, "nb2-data-workspace"]
    described = gcloud("disks", "describe", DISK, f"--zone={ZONE}")
    assert described["sizeGb"] == "100"
    assert described["type"].endswith("/pd-balanced")


def test_snapshots_are_taken_listed_labelled_described_and_deleted(gcloud: Admin) -> None:
    source = (f"--source-disk={DISK}", f"--source-disk-zone={ZONE}")
    gcloud("snapshots", "create", "s1", *source, "--labels=person=ana")
    gcloud("disks", "snapshot", DISK, f"--zone={ZONE}", "--snapshot-names=s2")
    assert [snapshot["name"] for snapshot in gcloud("snapshots", "list")] == ["s1", "s2"]
    (listed,) = gcloud("snapshots", "list", "--filter=labels.person=ana")
    described = gcloud("snapshots", "describe", "s1")
    assert listed == described
    assert (described["status"], described["labels"]) == ("READY", {"person": "ana"})
    gcloud("snapshots", "add-labels", "s2", "--labels=person=bo")
    assert gcloud("snapshots", "describe", "s2")["labels"] == {"person": "bo"}
    gcloud("snapshots", "delete", "s1")
    assert [snapshot["name"] for snapshot in gcloud("snapshots", "list")] == ["s2"]
