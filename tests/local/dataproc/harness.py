"""Shared by the Dataproc tests: a server, and a client."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.dataproc import Dataproc

PLACE = "projects/demo/locations/us-central1"
REGION = "projects/demo/regions/us-central1"
TEMPLATES = f"{PLACE}/sessionTemplates"
SESSIONS = f"{PLACE}/sessions"
SESSION = f"{SESSIONS}/s-ana"
CLUSTERS = f"{REGION}/clusters"
CLUSTER = {
    "projectId": "demo",
    "clusterName": "c1",
    "labels": {"team": "core"},
    "config": {"masterConfig": {"numInstances": 1}},
}
PERSONAL = CLUSTER | {
    "config": {
        "softwareConfig": {
            "properties": {"dataproc:dataproc.personal-auth.user": "ana@example.com"}
        }
    }
}


@dataclass
class Running:
    """Sends requests: method, path, body, query."""

    cloud: Cloud
    dataproc: Dataproc
    url: str

    def __call__(self, method: str, path: str, json: object = None, **query: str) -> dict[str, Any]:
        answer = requests.request(
            method, f"{self.url}/v1/{path}", json=json, params=query, timeout=10
        )
        body: dict[str, Any] = answer.json()
        assert answer.ok is ("error" not in body or "done" in body)
        return body

    def create(self, session_id: str = "s-ana", **body: Any) -> dict[str, Any]:
        """Create a session."""
        return self("POST", SESSIONS, body, sessionId=session_id)

    def state(self) -> str:
        """The session's state."""
        return str(self("GET", SESSION)["state"])

    def past(self) -> list[str]:
        """The session's earlier states."""
        return [entry["state"] for entry in self("GET", SESSION)["stateHistory"]]

    def wait(self, seconds: float = 200) -> None:
        self.cloud.clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def running() -> Iterator[Running]:
    cloud = Cloud()
    dataproc = Dataproc(cloud)
    with Server(build_app(cloud, [dataproc.routes()])) as server:
        yield Running(cloud, dataproc, server.url)


def status(answer: dict[str, Any]) -> str:
    """The canonical status of an error."""
    return str(answer["error"]["status"])


def violated(answer: dict[str, Any]) -> list[str]:
    """The fields of a 400 INVALID_ARGUMENT."""
    assert status(answer) == "INVALID_ARGUMENT"
    return [violation["field"] for violation in answer["error"]["details"][0]["fieldViolations"]]
