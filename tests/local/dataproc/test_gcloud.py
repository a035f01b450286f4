"""The real gcloud with sessions and clusters."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.dataproc import Dataproc
from tests.local.dataproc.harness import CLUSTER, CLUSTERS, SESSIONS, TEMPLATES
from tests.support.gcloud import Gcloud

LOCATION = "--location=us-central1"
REGION = "--region=us-central1"


class Admin:
    """The gcloud user; also sends requests of other users."""

    def __init__(self, gcloud: Gcloud, url: str) -> None:
        self._url = url
        self._gcloud = gcloud.pointed_at({"CLOUDSDK_API_ENDPOINT_OVERRIDES_DATAPROC": f"{url}/"})

    def __call__(self, *arguments: str) -> Any:
        return json.loads(self._gcloud("dataproc", *arguments, "--format=json") or "null")

    def beta(self, *arguments: str) -> Any:
        # In the gcloud of late 2026 the commands of sessions are in the beta track only.
        return json.loads(self._gcloud("beta", "dataproc", *arguments, "--format=json") or "null")

    def refusal(self, *arguments: str) -> str:
        done = self._gcloud.run("dataproc", *arguments)
        assert done.returncode == 1
        return done.stderr

    def post(self, path: str, body: object, **query: str) -> None:
        assert requests.post(f"{self._url}/v1/{path}", json=body, params=query, timeout=10).ok


@pytest.fixture
def gcloud(gcloud_command: Gcloud) -> Iterator[Admin]:
    # Operations end at once, because gcloud waits for them in real time.
    cloud = Cloud(operation_seconds=0)
    with Server(build_app(cloud, [Dataproc(cloud).routes()])) as server:
        yield Admin(gcloud_command, server.url)


def test_a_session_is_listed_described_terminated_and_deleted(gcloud: Admin) -> None:
    template = {"name": f"{TEMPLATES}/spark-ana", "labels": {"owner": "ana"}}
    gcloud.post(TEMPLATES, template)
    for session_id, body in {"s-ana": {"sessionTemplate": "spark-ana"}, "s-bo": {}}.items():
        gcloud.post(SESSIONS, {"jupyterSession": {"kernel": "PYTHON"}} | body, sessionId=session_id)
    only = "--filter=state = ACTIVE and labels.owner = ana"
    (listed,) = gcloud.beta("sessions", "list", LOCATION, only)
    assert listed["name"] == f"{SESSIONS}/s-ana"
    described = gcloud.beta("sessions", "describe", "s-ana", LOCATION)
    assert (described["state"], described["uuid"]) == ("ACTIVE", listed["uuid"])
    gcloud.beta("sessions", "terminate", "s-ana", LOCATION)
    assert gcloud.beta("sessions", "describe", "s-ana", LOCATION)["state"] == "TERMINATED"
    gcloud.beta("sessions", "delete", "s-ana", LOCATION)
    (left,) = gcloud.beta("sessions", "list", LOCATION)
    assert left["name"] == f"{SESSIONS}/s-bo"


def test_clusters_are_listed_by_state_and_stopped_unless_personal(gcloud: Admin) -> None:
    owner = {"dataproc:dataproc.personal-auth.user": "ana@example.com"}
    personal = {"softwareConfig": {"properties": owner}}
    gcloud.post(CLUSTERS, CLUSTER)
    gcloud.post(CLUSTERS, CLUSTER | {"clusterName": "personal", "config": personal})
    gcloud("clusters", "stop", "c1", REGION)
    active = "--filter=status.state = ACTIVE AND labels.team = core"
    (listed,) = gcloud("clusters", "list", REGION, active)
    assert listed["clusterName"] == "personal"
    assert "personal cluster authentication" in gcloud.refusal(
        "clusters", "stop", "personal", REGION
    )
    gcloud("clusters", "start", "c1", REGION)
    assert gcloud("clusters", "describe", "c1", REGION)["status"]["state"] == "RUNNING"
    gcloud("clusters", "delete", "personal", REGION)
    (left,) = gcloud("clusters", "list", REGION)
    assert left["clusterName"] == "c1"
