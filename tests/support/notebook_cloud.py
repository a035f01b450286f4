"""A local cloud with notebooks, disks and snapshots, and the two drivers over real sockets.

It also reads and writes without the drivers, so that neither is checked by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import requests
from google.auth.credentials import AnonymousCredentials

from local.api.admin import Admin
from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.cloud.faults import Fault
from local.compute import Compute
from local.notebooks_v2 import Notebooks
from shared.adapters.compute.snapshots import SnapshotDriver
from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2.driver import WorkbenchDriver
from shared.domain.manifests.site import Site
from shared.domain.manifests.snapshot import data_disk
from shared.domain.manifests.workbench import workbench_manifest
from shared.domain.names import person_key
from shared.domain.people.person import Person
from shared.domain.profiles import Disk, Network, Profile, Workbench
from shared.domain.resources.kinds import Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.grouped_fields import a_resource, replace

ANA = Person(email="ana@example.com", team="core", cost_center="cc-7")
KEY = person_key(ANA.email)
SITE = Site(project="demo", region="us-central1", templates_bucket="demo-templates")
CALL_SECONDS = 1.0  # the drivers' deadline for each call, in real time
WORKBENCH = Workbench(
    zones=("us-central1-a", "us-central1-b"),
    machine_type="e2-standard-4",
    boot_disk=Disk(size_gb=150, type="PD_SSD"),
    idle_minutes=60,
)
PROFILE = Profile(
    name="full",
    grace_seconds=0,
    keep_seconds=0,
    labels={"tier": "gold"},
    network=Network(),
    workbench=WORKBENCH,
    session_templates=(),
    cluster_templates=(),
)


def request(number: int) -> str:
    """The request id of request ``number``."""
    return str(UUID(int=number + 1))


def notebook_want(workbench: Workbench = WORKBENCH, profile: Profile = PROFILE) -> Manifest:
    """Ana's notebook."""
    return workbench_manifest(profile, workbench, ANA, KEY, SITE)


class NotebookCloud:
    """A new cloud; every fault in ``scripted`` must have been applied by the end of the test."""

    def __init__(self, cloud: Cloud, compute: Compute, url: str) -> None:
        nobody = AnonymousCredentials()
        self.cloud = cloud
        self.workbench = WorkbenchDriver(Rest(url, nobody, read_seconds=CALL_SECONDS))
        self.snapshots = SnapshotDriver(Rest(url, nobody, read_seconds=CALL_SECONDS))
        self.scripted: list[Fault] = []
        self._compute = compute
        self._url = url

    def now(self) -> datetime:
        """The time on the cloud's clock."""
        return self.cloud.clock.now().astimezone(UTC)

    def wait(self, seconds: float = 100) -> None:
        """Advance the cloud's clock."""
        self.cloud.clock.advance(timedelta(seconds=seconds))

    def call(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        """Make a call without the drivers; returns the JSON of the answer."""
        answer = requests.request(verb, f"{self._url}/{path}", json=body, timeout=5)
        answer.raise_for_status()
        shown: dict[str, Any] = answer.json()
        return shown

    def make_notebook(self, manifest: Manifest) -> Resource:
        """Create a notebook and wait until it runs; returns the record's resource."""
        name = manifest.places[0]
        parent, _, instance = name.rpartition("/")
        self.call("POST", f"v2/{parent}?instanceId={instance}", manifest.body)
        self.wait()
        return a_resource(kind=manifest.kind, slot=manifest.slot, name=name, was_ready=True)

    def switch(self, notebook: Resource, verb: str) -> None:
        """Start or stop it."""
        self.call("POST", f"v2/{notebook.name}:{verb}", {})
        self.wait()

    def shown(self, notebook: Resource) -> dict[str, Any]:
        """The notebook as the API returns it."""
        return self.call("GET", f"v2/{notebook.name}")

    def write(self, notebook: Resource, content: str) -> None:
        """Replace the content of its data disk."""
        self._compute.write(data_disk(notebook.name), content, self.now())

    def content(self, notebook: Resource) -> str:
        """The content of its data disk."""
        disk = data_disk(notebook.name).split("/")
        return str(self.call("GET", f"_admin/disks/{disk[3]}/{disk[5]}")["content"])

    def make_snapshot(self, notebook: Resource, id: str = "kept") -> str:
        """Create a complete snapshot of its data disk; returns its full name."""
        body = {"name": id, "sourceDisk": data_disk(notebook.name)}
        self.call("POST", "compute/v1/projects/demo/global/snapshots", body)
        self.wait()
        return f"projects/demo/global/snapshots/{id}"

    def fail(self, service: str, method: str, **spec: Any) -> None:
        """Make the next such call fail; by default with a 503 before it is executed."""
        error = {} if spec.get("drop") else {"error": {"status": "UNAVAILABLE"}}
        fault = {"service": service, "method": method, "times": 1, **error, **spec}
        self.scripted.append(self.cloud.faults.add(fault))

    def calls(self, work: Callable[[], object]) -> dict[str, int]:
        """How often each method was called during ``work``."""
        self.cloud.calls.clear()
        work()
        return self.cloud.calls.counts()


def after_step(resource: Resource, step: Step, seen: Observation | None, **more: Any) -> Resource:
    """The record's resource after a step that returned ``seen`` (None: the answer was lost)."""
    operation = seen.operation if seen is not None else ""
    return replace(resource, step=step, operation=operation, **more)


@contextmanager
def notebook_cloud() -> Iterator[NotebookCloud]:
    """A new cloud on a free port."""
    cloud = Cloud(project="demo")
    compute = Compute(cloud)
    notebooks = Notebooks(cloud, compute)
    admin = Admin(
        cloud,
        [compute.resources, notebooks.resources],
        [*compute.admin_routes(), *notebooks.admin_routes()],
    )
    app = build_app(cloud, [compute.routes(), notebooks.routes(), admin.routes()])
    with Server(app) as server:
        made = NotebookCloud(cloud, compute, server.url)
        yield made
    assert all(fault.hits for fault in made.scripted), "a scripted fault was never hit"
