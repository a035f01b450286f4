"""The backends of the drivers of workloads: sessions and clusters.

Without the driver, a backend starts workloads as a person does, from a template with the labels,
and reads which of them are running.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.dataproc_v1 import ClusterControllerClient, SessionControllerClient

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.dataproc import Dataproc
from shared.adapters.dataproc.clusters import ClusterDriver
from shared.adapters.dataproc.sessions import SessionDriver
from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.manifests.cluster_template import PERSONAL_AUTH_USER
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import Resource
from shared.ports import Driver
from tests.support.driver_backends import CALL_SECONDS, EMAIL, KEY, Scripted
from tests.support.fake_drivers import FakeCloud, FakeDriver

LOCATION = "projects/demo/locations/us-central1"
REGION = "projects/demo/regions/us-central1"
_RUNNING = ("CREATING", "ACTIVE", "RUNNING")
_JUPYTER = {"kernel": "PYTHON"}
PARENTS = {Kind.SESSION: f"{LOCATION}/sessions", Kind.CLUSTER: f"{REGION}/clusters"}


class WorkloadBackend(ABC):
    """All workloads of one kind, and their driver."""

    driver: Driver

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.resource = Resource(kind=kind, slot="started", name=PARENTS[kind])
        self.scripted: list[Scripted] = []

    def named(self, id: str) -> str:
        """The full name of the workload ``id``."""
        return f"{PARENTS[self.kind]}/{id}"

    @abstractmethod
    def start(self, id: str, key: str = KEY, email: str = EMAIL) -> None:
        """Start one as the person of ``key``."""

    @abstractmethod
    def running(self) -> set[str]:
        """The full names of those that are neither ending nor ended."""

    @abstractmethod
    def pass_time(self, by: timedelta) -> None:
        """Advance the cloud's clock."""

    @abstractmethod
    def fail_call(self, *, executed: bool) -> None:
        """Make the next call that ends one return 503; ``executed``: after it was executed."""

    @abstractmethod
    def fail_operation(self) -> None:
        """Make the next operation that ends one fail."""


class FakeWorkloads(WorkloadBackend):
    """The in-memory driver."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self._now = datetime(2026, 11, 2, 9, tzinfo=UTC)
        self.cloud = FakeCloud(clock=self)
        self.driver = FakeDriver(kind, self.cloud)

    def now(self) -> datetime:
        """This backend is its own clock."""
        return self._now

    def start(self, id: str, key: str = KEY, email: str = EMAIL) -> None:
        self.cloud.start_use(self.kind, self.named(id), key, email)

    def running(self) -> set[str]:
        return {t.name for t in self.cloud.alive(self.kind) if t.state is State.READY}

    def pass_time(self, by: timedelta) -> None:
        self._now += by

    def fail_call(self, *, executed: bool) -> None:
        point = f"{'after' if executed else 'before'}:{self.kind}.delete"
        fault = _Once(point)
        self.cloud.on_call = fault
        self.scripted.append(fault)

    def fail_operation(self) -> None:
        problem = Problem(
            code="INTERNAL", message="it would not end", disposition=Disposition.TEMPORARY
        )
        self.scripted.append(self.cloud.fail_operations(self.kind, Step.DELETE, problem))


class _Once:
    def __init__(self, point: str) -> None:
        self.point = point
        self.hits = 0

    def __call__(self, point: str) -> None:
        if point == self.point and not self.hits:
            self.hits += 1
            raise CloudFault(Disposition.UNCERTAIN, "UNAVAILABLE", "")


class LocalWorkloads(WorkloadBackend):
    """The real driver with Google's client on the local cloud, over real sockets."""

    def __init__(self, kind: Kind, cloud: Cloud, dataproc: Dataproc, url: str) -> None:
        super().__init__(kind)
        self.cloud = cloud
        self.url = url
        self._dataproc = dataproc
        self.driver = real_driver(kind, url)

    def start(self, id: str, key: str = KEY, email: str = EMAIL) -> None:
        labels = {"managed-by": "benchkeeper", "benchkeeper-person": key}
        if self.kind is Kind.SESSION:
            template = f"{LOCATION}/sessionTemplates/st-{key}"
            body: dict[str, Any] = {"name": template, "labels": labels, "jupyterSession": _JUPYTER}
            # It exists from the second session on, so the answer is not checked.
            requests.post(f"{self.url}/v1/{LOCATION}/sessionTemplates", json=body, timeout=5)
            self.post(f"{LOCATION}/sessions?sessionId={id}", {"sessionTemplate": template})
        else:
            software = {"properties": {PERSONAL_AUTH_USER: email}}
            cluster = {"projectId": "demo", "clusterName": id, "labels": labels}
            self.post(f"{REGION}/clusters", cluster | {"config": {"softwareConfig": software}})

    def running(self) -> set[str]:
        return {name for name, state in self.states().items() if state in _RUNNING}

    def states(self) -> dict[str, str]:
        """Google's state of each, by its full name."""
        return {
            str(found["name"]): str(found.get("state") or found["status"]["state"])
            for found in self._dataproc.resources()
            if found["kind"] == f"dataproc.{self.kind}"
        }

    def pass_time(self, by: timedelta) -> None:
        self.cloud.clock.advance(by)

    def fail_call(self, *, executed: bool) -> None:
        when = "after" if executed else "before"
        self._script({"when": when, "error": {"status": "UNAVAILABLE"}})

    def fail_operation(self) -> None:
        error = {"status": "INTERNAL", "message": "it would not end"}
        self._script({"when": "operation", "error": error})

    def post(self, path: str, body: dict[str, Any]) -> None:
        """Send a request as a person's own client would."""
        requests.post(f"{self.url}/v1/{path}", json=body, timeout=5).raise_for_status()

    def _script(self, spec: dict[str, Any]) -> None:
        method = "sessions.terminate" if self.kind is Kind.SESSION else "clusters.delete"
        fault = {"service": "dataproc", "method": method, "times": 1, **spec}
        self.scripted.append(self.cloud.faults.add(fault))


@contextmanager
def local_workloads(kind: Kind) -> Iterator[LocalWorkloads]:
    """A new local cloud on a free port, with the real driver of ``kind``."""
    cloud = Cloud(project="demo")
    dataproc = Dataproc(cloud)
    with Server(build_app(cloud, [dataproc.routes()])) as server:
        backend = LocalWorkloads(kind, cloud, dataproc, server.url)
        yield backend
        assert all(fault.hits for fault in backend.scripted), "a scripted fault was never applied"


def real_driver(kind: Kind, url: str) -> Driver:
    """The real driver on the endpoint ``url``."""
    client = SessionControllerClient if kind is Kind.SESSION else ClusterControllerClient

    def make() -> Any:
        return client(
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]  # it has no types
            transport="rest",
            client_options={"api_endpoint": url},
        )

    if kind is Kind.SESSION:
        return SessionDriver(make, seconds=CALL_SECONDS)
    return ClusterDriver(make, seconds=CALL_SECONDS)
