"""The real gcloud with the Notebooks and Dataproc APIs: an admin's commands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.dataproc import Dataproc
from local.notebooks_v2 import Notebooks
from tests.support.gcloud import Gcloud

ZONE = "--location=us-central1-a"
REGION = "--region=us-central1"


class Admin:
    """The gcloud user; also sends requests for which gcloud has no command."""

    def __init__(self, gcloud: Gcloud, cloud: Cloud, url: str) -> None:
        self.cloud = cloud
        self.url = url
        overrides = ("NOTEBOOKS", "DATAPROC")
        self._gcloud = gcloud.pointed_at(
            {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}": f"{url}/" for service in overrides}
        )

    def __call__(self, *arguments: str) -> Any:
        """The JSON output; fails with gcloud's error message."""
        return json.loads(self._gcloud(*arguments, "--format=json") or "null")

    def post(self, path: str, body: dict[str, Any]) -> None:
        assert requests.post(self.url + path, json=body, timeout=10).ok


@pytest.fixture
def gcloud(gcloud_command: Gcloud) -> Iterator[Admin]:
    # Operations end at once, because gcloud waits for them in real time.
    cloud = Cloud(operation_seconds=0)
    routes = [Notebooks(cloud).routes(), Dataproc(cloud).routes()]
    with Server(build_app(cloud, routes)) as server:
        yield Admin(gcloud_command, cloud, server.url)


def test_a_notebook_is_created_listed_described_stopped_and_deleted(gcloud: Admin) -> None:
    owner = "--instance-owners=ana@example.com"
    gcloud("workbench", "instances", "create", "nb1", ZONE, owner, "--labels=team=core", "--async")
    (listed,) = gcloud("workbench", "instances", "list", ZONE, "--filter=labels.team=core")
    assert listed["state"] == "ACTIVE"
    described = gcloud("workbench", "instances", "describe", "nb1", ZONE)
    assert described["instanceOwners"] == ["ana@example.com"]
    assert described["proxyUri"]
    gcloud("workbench", "instances", "stop", "nb1", ZONE, "--async")
    assert gcloud("workbench", "instances", "describe", "nb1", ZONE)["state"] == "STOPPED"
    gcloud("workbench", "instances", "delete", "nb1", ZONE)
    assert gcloud("workbench", "instances", "list", ZONE) == []


def test_session_templates_are_listed_and_described(gcloud: Admin) -> None:
    parent = "projects/demo/locations/us-central1/sessionTemplates"
    gcloud.post(f"/v1/{parent}", {"name": f"{parent}/spark-ana", "labels": {"team": "core"}})
    # In the gcloud of late 2026 these commands are in the beta track only.
    command = ("beta", "dataproc", "session-templates")
    (listed,) = gcloud(*command, "list", "--location=us-central1")
    described = gcloud(*command, "describe", "spark-ana", "--location=us-central1")
    assert listed == described
    assert described["name"] == f"{parent}/spark-ana"


def test_a_cluster_is_imported_described_listed_and_deleted(gcloud: Admin, tmp_path: Path) -> None:
    source = tmp_path / "cluster.yaml"
    source.write_text(
        "labels: {team: core}\n"
        "config:\n"
        "  endpointConfig: {enableHttpPortAccess: true}\n"
        "  softwareConfig:\n"
        "    optionalComponents: [JUPYTER]\n"
        "    properties: {'dataproc:dataproc.personal-auth.user': ana@example.com}\n"
    )
    gcloud("dataproc", "clusters", "import", "c1", REGION, f"--source={source}")
    described = gcloud("dataproc", "clusters", "describe", "c1", REGION)
    assert described["status"]["state"] == "RUNNING"
    assert described["config"]["softwareConfig"]["optionalComponents"] == ["JUPYTER"]
    (listed,) = gcloud("dataproc", "clusters", "list", REGION)
    assert listed == described
    gcloud("dataproc", "clusters", "delete", "c1", REGION)
    assert gcloud("dataproc", "clusters", "list", REGION) == []
