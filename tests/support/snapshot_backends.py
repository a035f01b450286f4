"""The backends of the drivers of notebooks, snapshots and disks, which hold people's data.

Without the drivers, a backend writes and reads a notebook's disk, consents for its owner, exhausts
a zone, removes labels, and lets disks outlive their notebooks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from google.auth.credentials import AnonymousCredentials

from local.api.admin import Admin
from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.compute import Compute
from local.notebooks_v2 import Notebooks
from shared.adapters.compute.disks import DiskDriver
from shared.adapters.compute.snapshots import SnapshotDriver
from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2.driver import WorkbenchDriver
from shared.domain.faults import CloudFault, Disposition
from shared.domain.manifests.snapshot import DATA_DISK, data_disk
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource
from shared.ports import Driver
from tests.support.driver_backends import CALL_SECONDS, EMAIL, LABELS, Scripted
from tests.support.fake_drivers import FakeCloud, FakeDriver, Thing
from tests.support.grouped_fields import a_resource

ZONE = "us-central1-a"


class SnapshotBackend(ABC):
    """The three drivers on one cloud."""

    notebooks: Driver
    snapshots: Driver
    disks: Driver

    def __init__(self) -> None:
        self.scripted: list[Scripted] = []

    def notebook(self, id: str = "nb-ana") -> Resource:
        """The record's resource for a notebook."""
        name = f"projects/demo/locations/{ZONE}/instances/{id}"
        return Resource(kind=Kind.WORKBENCH, slot="main", name=name)

    def snapshot(self, id: str = "sn-ana", of: Resource | None = None) -> Resource:
        """The record's resource for a snapshot of a notebook."""
        name = f"projects/demo/global/snapshots/{id}"
        source = (of or self.notebook()).name
        return a_resource(kind=Kind.SNAPSHOT, slot=id, name=name, source=source)

    def disk(self, notebook: Resource) -> Resource:
        """The record's resource for a notebook's data disk."""
        return Resource(kind=Kind.DISK, slot="found", name=data_disk(notebook.name))

    def notebook_want(self, resource: Resource, size_gb: int = 100) -> Manifest:
        """A notebook that uses its owner's credentials."""
        body: dict[str, Any] = {
            "labels": LABELS,
            "instanceOwners": [EMAIL],
            "enableManagedEuc": True,
            "gceSetup": {
                "machineType": "e2-standard-4",
                "dataDisks": [{"diskSizeGb": str(size_gb)}],
            },
        }
        places = (resource.name,)
        return Manifest(kind=Kind.WORKBENCH, slot="main", places=places, body=body, digest="")

    def snapshot_want(self, resource: Resource) -> Manifest:
        """A snapshot of its source's data disk."""
        body: dict[str, Any] = {
            "name": resource.name.rpartition("/")[2],
            "sourceDisk": data_disk(resource.retention.source),
            "labels": LABELS,
        }
        places = (resource.name,)
        slot = resource.slot
        return Manifest(kind=Kind.SNAPSHOT, slot=slot, places=places, body=body, digest="")

    @abstractmethod
    def now(self) -> datetime:
        """The cloud's time."""

    @abstractmethod
    def pass_time(self, by: timedelta) -> None:
        """Advance the cloud's clock."""

    @abstractmethod
    def write(self, notebook: Resource, text: str) -> None:
        """Replace the content of its data disk."""

    @abstractmethod
    def read(self, notebook: Resource) -> str:
        """The content of its data disk."""

    @abstractmethod
    def consent(self, notebook: Resource) -> None:
        """Let its owner open it and consent."""

    @abstractmethod
    def keep_disks(self) -> None:
        """From now on, keep the data disk of a deleted notebook."""

    @abstractmethod
    def relabel(self, notebook: Resource, labels: dict[str, str]) -> None:
        """Replace all its labels, as somebody else would."""

    @abstractmethod
    def labels(self, notebook: Resource) -> dict[str, str]:
        """Its labels; for the fake, only ours."""

    @abstractmethod
    def delay_links(self, by: timedelta) -> None:
        """From now on, give a notebook its link only ``by`` after it runs."""

    @abstractmethod
    def exhaust_zone(self) -> None:
        """Remove the capacity of ``ZONE``."""

    @abstractmethod
    def add_foreign_snapshot(self, snapshot: Resource) -> None:
        """Create somebody else's READY snapshot with that name."""

    @abstractmethod
    def fail_restore(self, *, executed: bool) -> None:
        """Make the next restore return 503; ``executed``: after it was executed."""


class FakeSnapshotBackend(SnapshotBackend):
    """The in-memory drivers."""

    def __init__(self) -> None:
        super().__init__()
        self._now = datetime(2026, 11, 2, 9, tzinfo=UTC)
        self.cloud = FakeCloud(clock=self)
        self.notebooks = FakeDriver(Kind.WORKBENCH, self.cloud)
        self.snapshots = FakeDriver(Kind.SNAPSHOT, self.cloud)
        self.disks = FakeDriver(Kind.DISK, self.cloud)

    def now(self) -> datetime:
        return self._now

    def pass_time(self, by: timedelta) -> None:
        self._now += by

    def write(self, notebook: Resource, text: str) -> None:
        self._thing(notebook).data = text

    def read(self, notebook: Resource) -> str:
        return self._thing(notebook).data

    def consent(self, notebook: Resource) -> None:
        self._thing(notebook).consented = True

    def keep_disks(self) -> None:
        self.cloud.keep_disks = True

    def relabel(self, notebook: Resource, labels: dict[str, str]) -> None:
        thing = self._thing(notebook)
        thing.labelled = LABELS.items() <= labels.items()
        thing.key = labels.get("benchkeeper-person", thing.key)

    def labels(self, notebook: Resource) -> dict[str, str]:
        return dict(LABELS) if self._thing(notebook).labelled else {}

    def delay_links(self, by: timedelta) -> None:
        self.cloud.link_delay = by

    def exhaust_zone(self) -> None:
        self.cloud.short.add(ZONE)

    def add_foreign_snapshot(self, snapshot: Resource) -> None:
        self.cloud.add_foreign(Kind.SNAPSHOT, snapshot.name)

    def fail_restore(self, *, executed: bool) -> None:
        fault = _Once(f"{'after' if executed else 'before'}:workbench.restore")
        self.cloud.on_call = fault
        self.scripted.append(fault)

    def _thing(self, notebook: Resource) -> Thing:
        self.cloud.settle()
        return self.cloud.things[Kind.WORKBENCH, notebook.name]


class _Once:
    def __init__(self, point: str) -> None:
        self.point = point
        self.hits = 0

    def __call__(self, point: str) -> None:
        if point == self.point and not self.hits:
            self.hits += 1
            raise CloudFault(Disposition.UNCERTAIN, "UNAVAILABLE", "")


class LocalSnapshotBackend(SnapshotBackend):
    """The real drivers on the local cloud, over real sockets."""

    def __init__(self, cloud: Cloud, compute: Compute, url: str) -> None:
        super().__init__()
        self.cloud = cloud
        self.compute = compute
        self.url = url
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
        rest = Rest(url, nobody, read_seconds=CALL_SECONDS)
        self.notebooks = WorkbenchDriver(rest)
        self.snapshots = SnapshotDriver(rest)
        self.disks = DiskDriver(rest, rest)

    def now(self) -> datetime:
        return self.cloud.clock.now()

    def pass_time(self, by: timedelta) -> None:
        self.cloud.clock.advance(by)

    def write(self, notebook: Resource, text: str) -> None:
        self._call("PUT", self._disk(notebook), {"content": text})

    def read(self, notebook: Resource) -> str:
        return str(self._call("GET", self._disk(notebook))["content"])

    def consent(self, notebook: Resource) -> None:
        self._call("PUT", "_admin/consents", {"instance": notebook.name, "given": True})

    def keep_disks(self) -> None:
        delete_all = self.compute.delete_disks

        def delete_others(paths: Iterable[str], at: datetime) -> None:
            delete_all([path for path in paths if not path.endswith(DATA_DISK)], at)

        self.compute.delete_disks = delete_others  # type: ignore[method-assign]  # on purpose

    def relabel(self, notebook: Resource, labels: dict[str, str]) -> None:
        self._call("PATCH", f"v2/{notebook.name}?updateMask=labels", {"labels": labels})
        self.pass_time(timedelta(hours=1))

    def labels(self, notebook: Resource) -> dict[str, str]:
        return dict(self._call("GET", f"v2/{notebook.name}").get("labels", {}))

    def delay_links(self, by: timedelta) -> None:
        self._call("PUT", "_admin/settings", {"proxy_seconds": by.total_seconds()})

    def exhaust_zone(self) -> None:
        self._call("PUT", "_admin/shortages", {ZONE: True})

    def add_foreign_snapshot(self, snapshot: Resource) -> None:
        body = {"name": snapshot.slot, "sourceDisk": data_disk(snapshot.retention.source)}
        self._call("POST", f"compute/v1/{snapshot.name.rpartition('/')[0]}", body)
        self.pass_time(timedelta(hours=1))

    def fail_restore(self, *, executed: bool) -> None:
        when = "after" if executed else "before"
        fault = {"service": "notebooks", "method": "instances.restore", "times": 1, "when": when}
        error = {"error": {"status": "UNAVAILABLE"}}
        self.scripted.append(self.cloud.faults.add({**fault, **error}))

    def _disk(self, notebook: Resource) -> str:
        return f"_admin/disks/{ZONE}/{data_disk(notebook.name).rpartition('/')[2]}"

    def _call(self, verb: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = requests.request(verb, f"{self.url}/{path}", json=body, timeout=5)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def local_snapshot_backend() -> Iterator[LocalSnapshotBackend]:
    """A new local cloud on a free port, with the real drivers."""
    cloud = Cloud(project="demo")
    compute = Compute(cloud)
    notebooks = Notebooks(cloud, compute)
    admin_routes = [*compute.admin_routes(), *notebooks.admin_routes()]
    admin = Admin(cloud, [compute.resources, notebooks.resources], admin_routes)
    routes = [compute.routes(), notebooks.routes(), admin.routes()]
    with Server(build_app(cloud, routes)) as server:
        yield LocalSnapshotBackend(cloud, compute, server.url)
