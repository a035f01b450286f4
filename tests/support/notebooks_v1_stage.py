"""The two older kinds on a local cloud: what the tests of their driver and inventory share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from google.auth.credentials import AnonymousCredentials

from local.cloud.faults import Fault
from local.server import LocalCloud
from shared.adapters.notebooks_v1.clients import managed_notebooks_client, notebooks_client
from shared.adapters.notebooks_v1.driver import NotebooksV1Driver
from shared.adapters.notebooks_v1.inventory import NotebooksV1Inventory
from shared.adapters.notebooks_v1.services import Instances, NotebooksV1Service, Runtimes
from shared.domain.manifests import Site, manifests_of
from shared.domain.names import person_key
from shared.domain.people.person import Person
from shared.domain.profiles import DataprocHub, ManagedNotebook, Network, Profile
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.grouped_fields import replace

ANA = Person(email="ana@example.com", team="core")
BEN = Person(email="ben@example.com")
KEY = person_key(ANA.email)
SITE = Site(project="demo", region="us-central1", templates_bucket="demo-templates")
PROFILE = Profile(
    name="older",
    grace_seconds=0,
    keep_seconds=0,
    labels={},
    network=Network(),
    workbench=None,
    session_templates=(),
    cluster_templates=(),
    managed_notebook=ManagedNotebook(location="us-central1", machine_type="n1-standard-2"),
    dataproc_hub=DataprocHub(
        zone="us-central1-a", machine_type="n1-standard-1", service_account="hub@example.com"
    ),
)
KINDS = (Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB)
CALL_SECONDS = 1.0  # the deadline of each call, in real time


def request(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def wanted(kind: Kind, person: Person = ANA) -> Manifest:
    made = manifests_of(PROFILE, person, person_key(person.email), SITE)
    return next(manifest for manifest in made if manifest.kind is kind)


class Stage:
    """A local cloud, with the services and the inventory under test."""

    def __init__(self, local: LocalCloud) -> None:
        self.local = local
        self.cloud = local.cloud
        endpoint, nobody = f"http://{local.grpc_address}", AnonymousCredentials()
        self.runtimes = managed_notebooks_client(endpoint, nobody)
        self.instances = notebooks_client(endpoint, nobody)
        self.services: dict[Kind, NotebooksV1Service] = {
            Kind.MANAGED_NOTEBOOK: Runtimes(lambda: self.runtimes, seconds=CALL_SECONDS),
            Kind.DATAPROC_HUB: Instances(lambda: self.instances, seconds=CALL_SECONDS),
        }
        self.inventory = NotebooksV1Inventory("demo", tuple(self.services.values()))
        self.scripted: list[Fault] = []

    def plant(
        self, manifest: Manifest, *, name: str = "", labels: dict[str, str] | None = None
    ) -> str:
        """Put a notebook into the cloud that was created while creation was possible."""
        body = dict(manifest.body)
        if labels is not None and manifest.kind is Kind.DATAPROC_HUB:
            body["labels"] = labels
        elif labels is not None:
            config = body["virtualMachine"]["virtualMachineConfig"]
            body["virtualMachine"] = {"virtualMachineConfig": {**config, "labels": labels}}
        name = name or manifest.places[0]
        self.local.notebooks_v1.seed(name, body)
        return name

    def stored(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.local.notebooks_v1.resources()}

    def fault(self, method: str, **spec: Any) -> None:
        scripted = {"service": "notebooks_v1", "method": method, "times": 1, **spec}
        self.scripted.append(self.cloud.faults.add(scripted))

    def close(self) -> None:
        self.runtimes.transport.close()
        self.instances.transport.close()


@contextmanager
def notebooks_v1_stage() -> Iterator[Stage]:
    """A new local cloud, which creates no such notebooks; every scripted fault must be applied."""
    with LocalCloud() as local:
        built = Stage(local)
        yield built
        built.close()
    assert all(fault.hits for fault in built.scripted), "a scripted fault was never applied"


class Notebook:
    """The driver of one kind, and the notebook of Ana's profile."""

    def __init__(self, stage: Stage, kind: Kind) -> None:
        self.stage = stage
        self.cloud = stage.cloud
        self.driver = NotebooksV1Driver(stage.services[kind])
        self.manifest = wanted(kind)
        (self.name,) = self.manifest.places
        self.resource = Resource(kind=kind, slot="main", name=self.name)
        self.collection = "runtimes" if kind is Kind.MANAGED_NOTEBOOK else "instances"

    def observe(self, resource: Resource | None = None) -> Observation:
        return self.driver.observe(resource or self.resource, KEY, ANA.email, None)

    def create(self, number: int = 0) -> Observation:
        return self.driver.create(self.resource, self.manifest, KEY, ANA.email, request(number))

    def ended(self, step: Step, seen: Observation) -> Observation:
        """The observation after the operation of ``step`` has ended."""
        assert seen.state is not None
        self.pass_time()
        resource = replace(self.resource, step=step, state=seen.state, operation=seen.operation)
        return self.observe(resource)

    def make(self) -> None:
        self.cloud.older_notebooks = True
        assert self.ended(Step.CREATE, self.create()).state is State.READY

    def stop(self) -> None:
        assert self.ended(Step.STOP, self.driver.stop(self.resource, request(90))).finished

    def pass_time(self) -> None:
        self.cloud.clock.advance(timedelta(hours=1))

    def fault(self, method: str, **spec: Any) -> None:
        self.stage.fault(f"{self.collection}.{method}", **spec)
