"""Shared by the Compute tests: Compute, Notebooks and admin routes on a server, and a client."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from local.api.admin import Admin
from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.compute import Compute
from local.notebooks_v2 import Notebooks

ZONE = "us-central1-a"
NOTEBOOKS = f"/v2/projects/demo/locations/{ZONE}/instances"
ZONAL = f"/compute/v1/projects/demo/zones/{ZONE}"
GLOBAL = "/compute/v1/projects/demo/global"
SNAPSHOTS = f"{GLOBAL}/snapshots"
DISK = f"projects/demo/zones/{ZONE}/disks/nb1-data-workspace"
LINKS = "https://www.googleapis.com/compute/v1/"
REQUEST = "6f0c1f8e-7f55-4a8e-9d0e-0a4b1c2d3e4f"
BODY: dict[str, Any] = {
    "labels": {"team": "core"},
    "gceSetup": {"dataDisks": [{"diskType": "PD_SSD", "diskSizeGb": 200}]},
}


class Api:
    """Sends requests by path; returns the JSON of answers and errors."""

    def __init__(self, cloud: Cloud, url: str) -> None:
        self.cloud = cloud
        self.url = url
        self._session = requests.Session()

    def __call__(
        self, method: str, path: str, json: object = None, **query: object
    ) -> dict[str, Any]:
        parameters = {key: str(value) for key, value in query.items()}
        answer = self._session.request(
            method, self.url + path, json=json, params=parameters, timeout=10
        )
        body: dict[str, Any] = answer.json()
        assert answer.ok or body["error"]["code"] == answer.status_code
        return body

    def notebook(self, instance_id: str = "nb1", body: dict[str, Any] = BODY) -> None:
        """Create an ACTIVE notebook."""
        assert "metadata" in self("POST", NOTEBOOKS, body, instanceId=instance_id)
        self.wait(90)

    def snapshot(self, name: str = "s1", **fields: object) -> dict[str, Any]:
        """Request a snapshot of the first notebook's data disk."""
        return self("POST", SNAPSHOTS, {"name": name, "sourceDisk": DISK, **fields})

    def get_snapshot(self, name: str = "s1") -> dict[str, Any]:
        return self("GET", f"{SNAPSHOTS}/{name}")

    def operation(self, name: str) -> dict[str, Any]:
        return self("GET", f"{GLOBAL}/operations/{name}")

    def write(self, content: str, disk: str = "nb1-data-workspace") -> None:
        answer = self("PUT", f"/_admin/disks/{ZONE}/{disk}", {"content": content})
        assert answer["content"] == content

    def read(self, disk: str = "nb1-data-workspace") -> str:
        return str(self("GET", f"/_admin/disks/{ZONE}/{disk}")["content"])

    def wait(self, seconds: float = 100) -> None:
        self.cloud.clock.advance(timedelta(seconds=seconds))

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def api() -> Iterator[Api]:
    cloud = Cloud()
    compute = Compute(cloud)
    notebooks = Notebooks(cloud, compute)
    admin_routes = [*compute.admin_routes(), *notebooks.admin_routes()]
    admin = Admin(cloud, [compute.resources, notebooks.resources], admin_routes)
    with Server(build_app(cloud, [compute.routes(), notebooks.routes(), admin.routes()])) as server:
        caller = Api(cloud, server.url)
        yield caller
        caller.close()


def refusal(answer: dict[str, Any]) -> tuple[int, str]:
    """The HTTP code and Compute's reason in an error."""
    (entry,) = answer["error"]["errors"]
    assert entry["message"] == answer["error"]["message"]
    return answer["error"]["code"], entry["reason"]
