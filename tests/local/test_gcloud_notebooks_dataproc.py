"""The real gcloud against the Notebooks and Dataproc faces, as an admin would type it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.cloud import Cloud
from local.dataproc import Dataproc
from local.notebooks import Notebooks
from local.web import Server, build_app

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

ZONE = "--location=us-central1-a"
REGION = "--region=us-central1"


class Gcloud:
    def __init__(self, cloud: Cloud, url: str, config: Path) -> None:
        self.cloud = cloud
        self.url = url
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(config),
            "CLOUDSDK_CONFIG": str(config),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_NOTEBOOKS": f"{url}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_DATAPROC": f"{url}/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "True",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            # Nothing may leave loopback.
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            "CLOUDSDK_CORE_PROJECT": "demo",
        }

    def __call__(self, *arguments: str) -> Any:
        """Its JSON output; fails with what gcloud says when it fails."""
        ran = subprocess.run(
            ["gcloud", *arguments, "--format=json"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout or "null")

    def post(self, path: str, body: dict[str, Any]) -> None:
        assert requests.post(self.url + path, json=body, timeout=10).ok


@pytest.fixture
def gcloud(tmp_path: Path) -> Iterator[Gcloud]:
    # Operations end at once: gcloud waits for them in real time (--async where it needn't).
    cloud = Cloud(operation_seconds=0)
    faces = [Notebooks(cloud).routes(), Dataproc(cloud).routes()]
    with Server(build_app(cloud, faces)) as server:
        yield Gcloud(cloud, server.url, tmp_path)


def test_a_notebook_is_created_listed_described_stopped_and_deleted(gcloud: Gcloud) -> None:
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


def test_session_templates_are_listed_and_described(gcloud: Gcloud) -> None:
    parent = "projects/demo/locations/us-central1/sessionTemplates"
    gcloud.post(f"/v1/{parent}", {"name": f"{parent}/spark-ana", "labels": {"team": "core"}})
    # In the gcloud of late 2026 these commands are in the beta track only.
    command = ("beta", "dataproc", "session-templates")
    (listed,) = gcloud(*command, "list", "--location=us-central1")
    described = gcloud(*command, "describe", "spark-ana", "--location=us-central1")
    assert listed == described
    assert described["name"] == f"{parent}/spark-ana"


def test_a_cluster_is_imported_described_listed_and_deleted(gcloud: Gcloud, tmp_path: Path) -> None:
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
