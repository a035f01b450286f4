"""The backends of the driver port: the fake, and each real driver on the local cloud.

A backend also reads and changes the cloud without the driver, so that no driver is checked by
itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import quote

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.dataproc_v1 import SessionTemplateControllerClient

from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.dataproc import Dataproc
from local.notebooks_v2 import Notebooks
from local.storage import Storage
from shared.adapters.dataproc.session_templates import SessionTemplateDriver
from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2.driver import WorkbenchDriver
from shared.adapters.storage.client import storage_client
from shared.adapters.storage.cluster_templates import ClusterTemplateDriver
from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.resources.kinds import Kind, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource
from shared.ports import Driver
from tests.support.fake_drivers import FakeCloud, FakeDriver

KEY = "ana-abcdefghijkl"
EMAIL = "ana@example.com"
LABELS = {"managed-by": "benchkeeper", "benchkeeper-person": KEY}
STOCK_OUT = (
    "The zone 'projects/demo/zones/us-central1-a' does not have enough resources available to "
    "fulfill the request. '(resource type:compute)'."
)
RETRY_SECONDS = 17.0
CALL_SECONDS = 1.0  # the drivers' deadline for each call, in real time

_NAMES = {
    Kind.WORKBENCH: f"projects/demo/locations/us-central1-a/instances/wb-{KEY}",
    Kind.SESSION_TEMPLATE: f"projects/demo/locations/us-central1/sessionTemplates/st-{KEY}",
    Kind.CLUSTER_TEMPLATE: f"gs://demo-templates/cluster-templates/{KEY}/ct-{KEY}.yaml",
}
_RETRY_INFO = {
    "@type": "type.googleapis.com/google.rpc.RetryInfo",
    "retryDelay": f"{RETRY_SECONDS:g}s",
}


class Scripted(Protocol):
    """A fault that counts how often it was applied."""

    hits: int


class DriverBackend(ABC):
    """One driver of one kind, on one backend."""

    driver: Driver

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.name = _NAMES[kind]
        self.resource = Resource(kind=kind, slot="main", name=self.name)
        self.scripted: list[Scripted] = []

    def manifest(self, text: str = "one", machine_type: str = "e2-standard-4") -> Manifest:
        """What the profile asks for; ``text`` varies the content."""
        body = _body(self.kind, text)
        if self.kind is Kind.WORKBENCH:
            body["gceSetup"] = {"machineType": machine_type}
        return Manifest(
            kind=self.kind,
            slot="main",
            places=(self.name,),
            body=body,
            digest=f"digest-{text}-{machine_type}",
        )

    @abstractmethod
    def names(self) -> list[str]:
        """The full names of the existing resources of this kind."""

    @abstractmethod
    def content(self) -> Any:
        """The complete resource called ``name``, for comparison."""

    @abstractmethod
    def add_foreign(self) -> None:
        """Create somebody else's resource with our name."""

    @abstractmethod
    def pass_time(self, by: timedelta) -> None:
        """Advance the cloud's clock."""

    @abstractmethod
    def calls(self) -> int:
        """The number of remote calls so far."""

    @abstractmethod
    def fail_call(self, step: str, how: str) -> Scripted:
        """Make the next call of ``step`` ("observe" or a Step's value) fail.

        ``how``: "before" (503, not executed), "after" (503, executed), "cut" (executed, no answer),
        "late" (executed, answered after the deadline), "busy" (429 with a delay).
        """

    @abstractmethod
    def fail_operation(self, step: Step) -> Scripted:
        """Make the next operation of ``step`` end in a stock-out."""

    @abstractmethod
    def forget_operations(self) -> None:
        """Delete all operations of the cloud."""


class FakeBackend(DriverBackend):
    """The in-memory driver, read through the fake's dictionary."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self._now = datetime(2026, 11, 2, 9, tzinfo=UTC)
        self._cloud = FakeCloud(clock=self)
        self.driver = FakeDriver(kind, self._cloud)

    def now(self) -> datetime:
        """This backend is its own clock."""
        return self._now

    def names(self) -> list[str]:
        return [thing.name for thing in self._cloud.alive(self.kind)]

    def content(self) -> Any:
        return copy(self._cloud.things[self.kind, self.name])

    def add_foreign(self) -> None:
        self._cloud.add_foreign(self.kind, self.name)

    def pass_time(self, by: timedelta) -> None:
        self._now += by

    def calls(self) -> int:
        return self._cloud.counts.total()

    def fail_call(self, step: str, how: str) -> Scripted:
        when = "before" if how in ("before", "busy") else "after"
        changes = step != "observe"
        if how == "busy":
            wait = timedelta(seconds=RETRY_SECONDS)
            fault = CloudFault(
                Disposition.TEMPORARY, "RESOURCE_EXHAUSTED", "busy", retry_after=wait
            )
        else:
            fault = CloudFault(
                Disposition.UNCERTAIN if changes else Disposition.TEMPORARY, "UNAVAILABLE", ""
            )
        once = _Once(f"{when}:{self.kind}.{step}", fault)
        self._cloud.on_call = once
        self.scripted.append(once)
        return once

    def fail_operation(self, step: Step) -> Scripted:
        problem = Problem(code="STOCK_OUT", message=STOCK_OUT, disposition=Disposition.STOCK_OUT)
        failure = self._cloud.fail_operations(self.kind, step, problem)
        self.scripted.append(failure)
        return failure

    def forget_operations(self) -> None:
        self._cloud.settle()
        self._cloud.operations.clear()


@dataclass
class _Once:
    point: str
    fault: CloudFault
    hits: int = 0

    def __call__(self, point: str) -> None:
        if point == self.point and not self.hits:
            self.hits += 1
            raise self.fault


class LocalBackend(DriverBackend):
    """A real driver with Google's real client on the local cloud, over real sockets."""

    def __init__(self, kind: Kind, cloud: Cloud, url: str, services: _Services) -> None:
        super().__init__(kind)
        self._cloud = cloud
        self.url = url
        self._services = services
        self.driver = _real_driver(kind, url)

    def names(self) -> list[str]:
        return [self._named(found) for found in self._resources()]

    def content(self) -> Any:
        found = next(r for r in self._resources() if self._named(r) == self.name)
        if self.kind is not Kind.CLUSTER_TEMPLATE:
            return found
        bucket, _, path = self.name.removeprefix("gs://").partition("/")
        url = f"{self.url}/storage/v1/b/{bucket}/o/{quote(path, safe='')}?alt=media"
        return found, requests.get(url, timeout=5).content

    def add_foreign(self) -> None:
        match self.kind:
            case Kind.WORKBENCH:
                parent, _, id = self.name.rpartition("/instances/")
                self._post(f"v2/{parent}/instances?instanceId={id}", {"gceSetup": {}})
                self.pass_time(timedelta(hours=1))
            case Kind.SESSION_TEMPLATE:
                parent = self.name.rpartition("/sessionTemplates/")[0]
                self._post(f"v1/{parent}/sessionTemplates", {"name": self.name})
            case Kind.CLUSTER_TEMPLATE:
                bucket, _, path = self.name.removeprefix("gs://").partition("/")
                target = f"upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(path)}"
                answer = requests.post(f"{self.url}/{target}", data=b"theirs", timeout=5)
                answer.raise_for_status()

    def pass_time(self, by: timedelta) -> None:
        self._cloud.clock.advance(by)

    def calls(self) -> int:
        return sum(self._cloud.calls.counts().values())

    def fail_call(self, step: str, how: str) -> Scripted:
        spec: dict[str, Any] = {"when": "before", "error": {"status": "UNAVAILABLE"}}
        match how:
            case "after":
                spec["when"] = "after"
            case "cut":
                spec = {"when": "after", "drop": True}
            case "late":
                spec = {"when": "after", "delay_seconds": CALL_SECONDS * 1.5}
            case "busy":
                spec["error"] = {"status": "RESOURCE_EXHAUSTED", "details": [_RETRY_INFO]}
        return self._script(step, spec)

    def hold_call(self, step: str) -> Scripted:
        """Delay the execution of the next call of ``step`` while other calls are answered."""
        return self._script(step, {"when": "before", "delay_seconds": CALL_SECONDS / 2})

    def fail_operation(self, step: Step) -> Scripted:
        error = {"status": "RESOURCE_EXHAUSTED", "message": STOCK_OUT}
        return self._script(step, {"when": "operation", "error": error})

    def forget_operations(self) -> None:
        parent = self.name.rpartition("/instances/")[0]
        listed = requests.get(f"{self.url}/v2/{parent}/operations", timeout=5).json()
        for operation in listed["operations"]:
            requests.delete(f"{self.url}/v2/{operation['name']}", timeout=5).raise_for_status()

    def _script(self, step: str, spec: dict[str, Any]) -> Scripted:
        service, method = _METHODS[self.kind][step]
        fault = self._cloud.faults.add({"service": service, "method": method, "times": 1, **spec})
        self.scripted.append(fault)
        return fault

    def _resources(self) -> list[dict[str, Any]]:
        service, kind = self._services[self.kind]
        return [found for found in service.resources() if found["kind"] == kind]

    def _named(self, found: dict[str, Any]) -> str:
        is_object = self.kind is Kind.CLUSTER_TEMPLATE
        return f"gs://{found['name']}" if is_object else str(found["name"])

    def _post(self, path: str, body: dict[str, Any]) -> None:
        requests.post(f"{self.url}/{path}", json=body, timeout=5).raise_for_status()


class _Service(Protocol):
    def resources(self) -> list[dict[str, Any]]: ...


_Services = dict[Kind, tuple[_Service, str]]

_PATCHES = (Step.UPDATE, Step.PROTECT, Step.UNPROTECT)
_METHODS = {
    Kind.WORKBENCH: {
        "observe": ("notebooks", "instances.get"),
        **{s.value: ("notebooks", f"instances.{s}") for s in Step},
        **{s.value: ("notebooks", "instances.patch") for s in _PATCHES},
    },
    Kind.SESSION_TEMPLATE: {
        "observe": ("dataproc", "sessionTemplates.get"),
        "create": ("dataproc", "sessionTemplates.create"),
        "update": ("dataproc", "sessionTemplates.patch"),
        "delete": ("dataproc", "sessionTemplates.delete"),
    },
    Kind.CLUSTER_TEMPLATE: {
        "observe": ("storage", "objects.get"),
        "create": ("storage", "objects.insert"),
        "update": ("storage", "objects.insert"),
        "delete": ("storage", "objects.delete"),
    },
}


@contextmanager
def local_backend(kind: Kind) -> Iterator[LocalBackend]:
    """A new local cloud on a free port, with the real driver of ``kind``."""
    cloud = Cloud(project="demo")
    notebooks, dataproc, buckets = Notebooks(cloud), Dataproc(cloud), Storage(cloud)
    buckets.make_bucket("demo-templates")
    services: _Services = {
        Kind.WORKBENCH: (notebooks, "notebooks.instance"),
        Kind.SESSION_TEMPLATE: (dataproc, "dataproc.sessionTemplate"),
        Kind.CLUSTER_TEMPLATE: (buckets, "storage.object"),
    }
    app = build_app(cloud, [notebooks.routes(), dataproc.routes(), buckets.routes()])
    with Server(app) as server:
        yield LocalBackend(kind, cloud, server.url, services)


def _real_driver(kind: Kind, url: str) -> Driver:
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
    match kind:
        case Kind.WORKBENCH:
            return WorkbenchDriver(Rest(url, nobody, read_seconds=CALL_SECONDS))
        case Kind.SESSION_TEMPLATE:
            return SessionTemplateDriver(
                lambda: SessionTemplateControllerClient(
                    credentials=nobody, transport="rest", client_options={"api_endpoint": url}
                ),
                seconds=CALL_SECONDS,
            )
        case Kind.CLUSTER_TEMPLATE:
            return ClusterTemplateDriver(
                lambda: storage_client(
                    "demo", credentials=nobody, client_options={"api_endpoint": url}
                ),
                timeout=(CALL_SECONDS, CALL_SECONDS),
            )
    raise AssertionError(f"no backend for {kind}")


def _body(kind: Kind, text: str) -> dict[str, Any]:
    match kind:
        case Kind.WORKBENCH:
            return {
                "labels": {**LABELS, "flavour": text},
                "instanceOwners": [EMAIL],
                "enableManagedEuc": True,
            }
        case Kind.SESSION_TEMPLATE:
            return {"labels": LABELS, "description": text, "jupyterSession": {"kernel": "PYTHON"}}
        case Kind.CLUSTER_TEMPLATE:
            return {"config": {"gceClusterConfig": {"zoneUri": text}}, "labels": LABELS}
    raise AssertionError(f"no backend for {kind}")
