"""Shared by the Notebooks v1 tests: the whole local cloud, REST calls and Google's clients."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
import requests
from google.cloud import notebooks_v1
from google.cloud.notebooks_v1.services.managed_notebook_service.transports import (
    ManagedNotebookServiceGrpcTransport,
)
from google.cloud.notebooks_v1.services.notebook_service.transports import (
    NotebookServiceGrpcTransport,
)

from local.server import LocalCloud

REGION = "projects/demo/locations/us-central1"
ZONE = "projects/demo/locations/us-central1-a"
RUNTIME = f"{REGION}/runtimes/ana"
HUB = f"{ZONE}/instances/ana-hub"
REQUEST = "6f0c1f8e-7f55-4a8e-9d0e-0a4b1c2d3e4f"
RUNTIME_BODY: dict[str, Any] = {
    "accessConfig": {"accessType": "SINGLE_USER", "runtimeOwner": "ana@example.com"},
    "virtualMachine": {
        "virtualMachineConfig": {
            "machineType": "n1-standard-2",
            "dataDisk": {"initializeParams": {"diskSizeGb": 200, "diskType": "PD_SSD"}},
            "labels": {"team": "core"},
        }
    },
    "softwareConfig": {"idleShutdown": True, "idleShutdownTimeout": 60},
}
HUB_BODY: dict[str, Any] = {
    "machineType": "n1-standard-1",
    "containerImage": {"repository": "gcr.io/demo/hub", "tag": "latest"},
    "metadata": {"dataproc-configs": "gs://demo-templates/ana/"},
    "instanceOwners": ["ana@example.com"],
    "labels": {"team": "core"},
    "bootDiskSizeGb": 100,
}


class Api:
    """A running cloud, REST calls, and the two clients."""

    def __init__(self, local: LocalCloud) -> None:
        self.local = local
        self.cloud = local.cloud
        self.v1 = local.notebooks_v1
        self._session = requests.Session()
        self._channel = grpc.insecure_channel(local.grpc_address)
        self.runtimes = notebooks_v1.ManagedNotebookServiceClient(
            transport=ManagedNotebookServiceGrpcTransport(channel=self._channel)
        )
        self.instances = notebooks_v1.NotebookServiceClient(
            transport=NotebookServiceGrpcTransport(channel=self._channel)
        )

    def __call__(
        self, method: str, path: str, json: object = None, **query: object
    ) -> dict[str, Any]:
        return self.send(method, f"/v1/{path}", json, **query)

    def send(self, method: str, path: str, json: object = None, **query: object) -> dict[str, Any]:
        params = {key: str(value) for key, value in query.items()}
        url = self.local.url + path
        answer = self._session.request(method, url, json=json, params=params, timeout=10)
        body: dict[str, Any] = answer.json()
        return body

    def create_runtime(self, body: object = None, **query: object) -> dict[str, Any]:
        query = {"runtimeId": "ana"} | query
        return self("POST", f"{REGION}/runtimes", body or RUNTIME_BODY, **query)

    def create_hub(self, body: object = None, own_id: str = "ana-hub") -> dict[str, Any]:
        return self("POST", f"{ZONE}/instances", body or HUB_BODY, instanceId=own_id)

    def wait(self, seconds: float = 100) -> None:
        self.cloud.clock.advance(timedelta(seconds=seconds))

    def close(self) -> None:
        self._session.close()
        self._channel.close()


@pytest.fixture
def api() -> Iterator[Api]:
    """A cloud that refuses creation, like Google since 2025."""
    with LocalCloud() as local:
        caller = Api(local)
        yield caller
        caller.close()


@pytest.fixture
def older_api(api: Api) -> Api:
    """A cloud that allows creation, like Google before 2025."""
    api.cloud.older_notebooks = True
    return api


def status(answer: dict[str, Any]) -> str:
    return str(answer["error"]["status"])


def violated(answer: dict[str, Any]) -> list[str]:
    assert status(answer) == "INVALID_ARGUMENT"
    return [v["field"] for v in answer["error"]["details"][0]["fieldViolations"]]
