"""The two older kinds beside a local cloud: what the tests of their driver and search share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from google.auth.credentials import AnonymousCredentials
from msgspec.structs import replace

from local.cloud.faults import Fault
from local.server import LocalCloud
from shared.adapters.older_clients import managed_notebooks_client, notebooks_client
from shared.adapters.older_driver import OlderDriver
from shared.adapters.older_notebooks import OlderNotebooks
from shared.adapters.older_services import Instances, OlderService, Runtimes
from shared.domain.names import person_key
from shared.domain.person import Person
from shared.domain.profiles import DataprocHub, ManagedNotebook, Network, Profile
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from shared.domain.wants import Site, wants

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
PATIENCE = 1.0  # real seconds for each call; none is waited for in vain but where a test says so


def request(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def wanted(kind: Kind, person: Person = ANA) -> Want:
    made = wants(PROFILE, person, person_key(person.email), SITE)
    return next(want for want in made if want.kind is kind)


class Stage:
    """A local cloud, and what is under test beside it."""

    def __init__(self, local: LocalCloud) -> None:
        self.local = local
        self.cloud = local.cloud
        endpoint, nobody = f"http://{local.grpc_address}", AnonymousCredentials()
        self.runtimes = managed_notebooks_client(endpoint, nobody)
        self.instances = notebooks_client(endpoint, nobody)
        self.services: dict[Kind, OlderService] = {
            Kind.MANAGED_NOTEBOOK: Runtimes(lambda: self.runtimes, seconds=PATIENCE),
            Kind.DATAPROC_HUB: Instances(lambda: self.instances, seconds=PATIENCE),
        }
        self.search = OlderNotebooks("demo", tuple(self.services.values()))
        self.scripted: list[Fault] = []

    def plant(self, want: Want, *, name: str = "", labels: dict[str, str] | None = None) -> str:
        """One that has been there since before the end."""
        body = dict(want.body)
        if labels is not None and want.kind is Kind.DATAPROC_HUB:
            body["labels"] = labels
        elif labels is not None:
            config = body["virtualMachine"]["virtualMachineConfig"]
            body["virtualMachine"] = {"virtualMachineConfig": {**config, "labels": labels}}
        name = name or want.places[0]
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
def older_stage() -> Iterator[Stage]:
    """A fresh local cloud, the Google of today; whatever was scripted must have struck."""
    with LocalCloud() as local:
        built = Stage(local)
        yield built
        built.close()
    assert all(fault.hits for fault in built.scripted), "a scripted fault was never hit"


class One:
    """The driver of one kind, and the notebook that Ana's profile asks for."""

    def __init__(self, stage: Stage, kind: Kind) -> None:
        self.stage = stage
        self.cloud = stage.cloud
        self.driver = OlderDriver(stage.services[kind])
        self.want = wanted(kind)
        (self.name,) = self.want.places
        self.resource = Resource(kind=kind, slot="main", name=self.name)
        self.collection = "runtimes" if kind is Kind.MANAGED_NOTEBOOK else "instances"

    def look(self, resource: Resource | None = None) -> Observation:
        return self.driver.observe(resource or self.resource, KEY, ANA.email, None)

    def create(self, number: int = 0) -> Observation:
        return self.driver.create(self.resource, self.want, KEY, ANA.email, request(number))

    def ended(self, step: Step, seen: Observation) -> Observation:
        """What a look says once the operation of ``step`` has had its time."""
        assert seen.state is not None
        self.pass_time()
        memory = replace(self.resource, under_way=step, state=seen.state, operation=seen.operation)
        return self.look(memory)

    def make(self) -> None:
        self.cloud.older_notebooks = True
        assert self.ended(Step.CREATE, self.create()).state is State.READY

    def stop(self) -> None:
        assert self.ended(Step.STOP, self.driver.stop(self.resource, request(90))).finished

    def pass_time(self) -> None:
        self.cloud.clock.advance(timedelta(hours=1))

    def fault(self, method: str, **spec: Any) -> None:
        self.stage.fault(f"{self.collection}.{method}", **spec)
