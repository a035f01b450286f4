"""Shared by the Notebooks v2 tests: a server, and a client."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.notebooks_v2 import Notebooks

PARENT = "projects/demo/locations/us-central1-a"
REQUEST = "6f0c1f8e-7f55-4a8e-9d0e-0a4b1c2d3e4f"
BODY = {
    "instanceOwners": ["ana@example.com"],
    "enableManagedEuc": True,
    "labels": {"team": "core"},
    "gceSetup": {
        "machineType": "e2-standard-2",
        "dataDisks": [{"diskType": "PD_SSD", "diskSizeGb": 200}],
        "metadata": {"idle-timeout-seconds": "3600"},
    },
}


class Api:
    """Sends requests: method, path, body, query."""

    def __init__(self, cloud: Cloud, notebooks: Notebooks, url: str) -> None:
        self.cloud = cloud
        self.notebooks = notebooks
        self.url = url
        self._session = requests.Session()

    def __call__(
        self, method: str, path: str, json: object = None, **query: object
    ) -> dict[str, Any]:
        answer = self._session.request(
            method,
            f"{self.url}/v2/{path}",
            json=json,
            params={key: str(value) for key, value in query.items()},
            timeout=10,
        )
        body: dict[str, Any] = answer.json()
        assert answer.ok is ("error" not in body or "done" in body)
        return body

    def create(self, instance_id: str = "nb1", **query: object) -> dict[str, Any]:
        return self("POST", f"{PARENT}/instances", BODY, instanceId=instance_id, **query)

    def get(self, instance_id: str = "nb1") -> dict[str, Any]:
        return self("GET", f"{PARENT}/instances/{instance_id}")

    def post(self, verb: str, instance_id: str = "nb1") -> dict[str, Any]:
        return self("POST", f"{PARENT}/instances/{instance_id}:{verb}", {})

    def delete(self, instance_id: str = "nb1", **query: object) -> dict[str, Any]:
        return self("DELETE", f"{PARENT}/instances/{instance_id}", **query)

    def patch(self, body: object, mask: str) -> dict[str, Any]:
        return self("PATCH", f"{PARENT}/instances/nb1", body, updateMask=mask)

    def wait(self, seconds: float = 100) -> None:
        self.cloud.clock.advance(timedelta(seconds=seconds))

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def api() -> Iterator[Api]:
    cloud = Cloud()
    notebooks = Notebooks(cloud)
    with Server(build_app(cloud, [notebooks.routes()])) as server:
        caller = Api(cloud, notebooks, server.url)
        yield caller
        caller.close()


def status(answer: dict[str, Any]) -> str:
    return str(answer["error"]["status"])


def violated(answer: dict[str, Any]) -> list[str]:
    assert status(answer) == "INVALID_ARGUMENT"
    return [v["field"] for v in answer["error"]["details"][0]["fieldViolations"]]
