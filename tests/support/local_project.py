"""A project on the local cloud, whose resources are created without drivers, as people could."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.dataproc_v1 import (
    ClusterControllerClient,
    SessionControllerClient,
    SessionTemplateControllerClient,
)

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.compute import Compute
from local.dataproc import Dataproc
from local.notebooks_v2 import Notebooks
from local.storage import Storage
from shared.adapters.google_api.rest import Rest
from shared.adapters.inventory import CloudInventory, NotebooksV1Inventory
from shared.adapters.storage.client import storage_client
from shared.domain.manifests import Site
from shared.domain.manifests.cluster_template import PERSONAL_AUTH_USER
from shared.domain.resources.observation import Orphan
from tests.support.driver_backends import EMAIL, KEY

SITE = Site(project="demo", region="us-central1", templates_bucket="demo-templates")
ZONE = "projects/demo/locations/us-central1-a"
LOCATION = "projects/demo/locations/us-central1"
REGION = "projects/demo/regions/us-central1"
SNAPSHOTS = "projects/demo/global/snapshots"
CLAIMED = {"benchkeeper-person": KEY}  # the person's label alone, as on a copied resource
BENS = {"managed-by": "benchkeeper", "benchkeeper-person": "ben-abcdefghijkl"}


class LocalProject:
    """A project on the local cloud; its resources are created without drivers."""

    def __init__(self, cloud: Cloud, compute: Compute, url: str) -> None:
        self.cloud = cloud
        self.compute = compute
        self.url = url
        self.scripted: list[Any] = []

    def search(self, older: NotebooksV1Inventory | None = None) -> CloudInventory:
        return CloudInventory(site=SITE, **clients_of(self.url), older=older)

    def found(self) -> dict[str, Orphan]:
        return {found.name: found for found in self.search().everything_of(KEY, EMAIL)}

    def notebook(
        self, id: str, labels: dict[str, str], owner: str = EMAIL, zone: str = ZONE
    ) -> str:
        body = {"gceSetup": {}, "labels": labels, "instanceOwners": [owner]}
        self.post(f"v2/{zone}/instances?instanceId={id}", body)
        self.cloud.clock.advance(timedelta(hours=1))
        return f"{zone}/instances/{id}"

    def delete(self, notebook: str) -> None:
        requests.delete(f"{self.url}/v2/{notebook}", timeout=5).raise_for_status()
        self.cloud.clock.advance(timedelta(hours=1))

    def keep_disks(self, *, attached: bool = False) -> None:
        """From now on, keep the disks of a deleted notebook."""
        self.compute.delete_disks = lambda paths, at: None  # type: ignore[method-assign]
        if attached:
            self.compute.detach_disks = lambda paths, at: None  # type: ignore[method-assign]

    def snapshot(self, id: str, labels: dict[str, str]) -> str:
        disk = "projects/demo/zones/us-central1-a/disks/wb-data-workspace"
        body = {"name": id, "sourceDisk": disk, "labels": labels}
        self.post(f"compute/v1/{SNAPSHOTS}", body)
        return f"{SNAPSHOTS}/{id}"

    def template(self, id: str, labels: dict[str, str]) -> str:
        name = f"{LOCATION}/sessionTemplates/{id}"
        body = {"name": name, "labels": labels, "jupyterSession": {"kernel": "PYTHON"}}
        self.post(f"v1/{LOCATION}/sessionTemplates", body)
        return name

    def session(self, id: str, template: str, **more: str) -> str:
        self.post(f"v1/{LOCATION}/sessions?sessionId={id}", {"sessionTemplate": template} | more)
        return f"{LOCATION}/sessions/{id}"

    def cluster(self, id: str, labels: dict[str, str], user: str = EMAIL) -> str:
        software = {"properties": {PERSONAL_AUTH_USER: user}}
        cluster = {"projectId": "demo", "clusterName": id, "labels": labels}
        self.post(f"v1/{REGION}/clusters", cluster | {"config": {"softwareConfig": software}})
        return f"{REGION}/clusters/{id}"

    def file(self, path: str, metadata: dict[str, str]) -> str:
        target = f"upload/storage/v1/b/demo-templates/o?uploadType=media&name={quote(path)}"
        requests.post(f"{self.url}/{target}", data=b"{}", timeout=5).raise_for_status()
        url = f"{self.url}/storage/v1/b/demo-templates/o/{quote(path, safe='')}"
        requests.patch(url, json={"metadata": metadata}, timeout=5).raise_for_status()
        return f"gs://demo-templates/{path}"

    def post(self, path: str, body: dict[str, Any]) -> None:
        requests.post(f"{self.url}/{path}", json=body, timeout=5).raise_for_status()

    def fail(self, service: str, method: str, **spec: Any) -> None:
        fault = {"service": service, "method": method, "times": 1, "when": "before"}
        error = {"error": {"status": "UNAVAILABLE"}}
        self.scripted.append(self.cloud.faults.add({**fault, **error, **spec}))


def clients_of(url: str) -> dict[str, Any]:
    """Google's clients for the cloud at ``url``, as the inventory and the listings take them."""
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
    options = {"api_endpoint": url}
    rest = Rest(url, nobody)

    def dataproc(client: Any) -> Any:
        return lambda: client(credentials=nobody, transport="rest", client_options=options)

    return {
        "notebooks": rest,
        "compute": rest,
        "session_templates": dataproc(SessionTemplateControllerClient),
        "sessions": dataproc(SessionControllerClient),
        "clusters": dataproc(ClusterControllerClient),
        "storage": lambda: storage_client("demo", credentials=nobody, client_options=options),
    }


@contextmanager
def local_project() -> Iterator[LocalProject]:
    """A new local cloud on a free port; every scripted fault must be applied."""
    cloud = Cloud(project="demo")
    compute = Compute(cloud)
    notebooks, dataproc, buckets = Notebooks(cloud, compute), Dataproc(cloud), Storage(cloud)
    buckets.make_bucket("demo-templates")
    app = build_app(
        cloud, [notebooks.routes(), dataproc.routes(), buckets.routes(), compute.routes()]
    )
    with Server(app) as server:
        made = LocalProject(cloud, compute, server.url)
        yield made
        assert all(fault.hits for fault in made.scripted), "a scripted fault was never applied"
