"""The real services and drivers, wired as in production, against a local cloud in this process.

Only what is not under test is replaced: the clock is the cloud's own, so that a month passes in one
call, and the store and the topics are in memory. Beside it a back door sees and changes the cloud
as people would, without the drivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import msgspec
import requests
from google.auth.credentials import AnonymousCredentials

from local.api.admin import Admin
from local.api.http import build_app
from local.api.http_server import Server
from local.cloud import Cloud
from local.compute import Compute
from local.dataproc import Dataproc
from local.notebooks_v2 import Notebooks
from local.storage import Storage
from shared.adapters.storage.client import storage_client
from shared.bootstrap import App
from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message
from shared.domain.environment import Environment
from shared.domain.manifests.cluster_template import PERSONAL_AUTH_USER
from shared.domain.manifests.snapshot import data_disk
from shared.domain.names import person_key
from shared.domain.policy import Policy
from shared.domain.profiles import ProfileSet
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.kinds import Kind
from shared.domain.resources.listed import Listed
from shared.domain.status import Health, Phase
from shared.settings import Settings
from tests.support.memory_store import MemoryStore
from tests.support.simulation.world import MASTERS, PROFILES, FixedProfiles, Topics

BUCKET = "demo-templates"
MINUTE = timedelta(minutes=1)
STAGE_LIMIT = timedelta(hours=1)  # within which every wait must be over
_LOCATION = "v1/projects/demo/locations/us-central1"
_REGION = "v1/projects/demo/regions/us-central1"


Source = Callable[[], list[dict[str, Any]]]


class RealWorld:
    """One deployment, driven by hand: events, minutes, and what people do in between."""

    def __init__(
        self, cloud: Cloud, url: str, sources: Sequence[Source], profiles: ProfileSet | None = None
    ) -> None:
        self.cloud = cloud
        self.store = MemoryStore()
        self.profiles = profiles or parse_profiles(PROFILES, MASTERS)
        self.topics = Topics()
        self._sources = sources
        self._url = url
        self._ids = count()
        self._app = self._wired()

    def send(self, verb: Verb, email: str, **event: object) -> str:
        """An event, published and delivered now; the outcome."""
        message = self._message("events", email=email, **event)
        return str(self._app.intake.accept(message, verb))

    def command(self, action: str, email: str) -> str:
        """An admin command, published and delivered now; the outcome."""
        message = self._message("admin-events", email=email, action=action, reason="because")
        return str(self._app.intake.command(message))

    def until(self, email: str, phase: Phase, when: Callable[[], bool] = lambda: True) -> None:
        """Let minutes pass, with a tick each, until it is so, in good health and at rest."""
        for _ in range(STAGE_LIMIT // MINUTE):
            record = self.record(email)
            healthy = record.status.health is Health.OK
            if record.status.phase is phase and healthy and _is_idle(record) and when():
                return
            self.pass_time(MINUTE)
        raise AssertionError(f"{email} is not {phase} after {STAGE_LIMIT}: {self.record(email)}")

    def pass_time(self, span: timedelta) -> None:
        """Time passes; then a tick, and every converge it asks for."""
        self.cloud.clock.advance(span)
        self._app.tick.run()
        waiting, self.topics.waiting = self.topics.waiting, []
        for body in waiting:
            admitted = body.get("admitted", False)
            self._app.converge.run(body["key"], admitted=admitted)

    def record(self, email: str) -> Environment:
        """The record of somebody who has one."""
        stored = self.store.load(person_key(email))
        assert stored is not None
        return stored.environment

    def listed(self, kind: Kind) -> dict[str, Listed]:
        """Everything of ours of one kind, as the cloud lists it, by its full name."""
        page = self._app.listings.page(kind)
        assert page.next == ""
        return {one.name: one for one in page.items}

    # What people do

    def belongings(self, email: str) -> list[dict[str, Any]]:
        """All that is in the cloud under somebody's key, as the cloud itself shows it."""
        found = [r for source in self._sources for r in source()]
        return [r for r in found if person_key(email) in r["name"]]

    def write(self, email: str, text: str) -> None:
        """Somebody works: ``text`` is what there is on their data disk from now on."""
        self.ask("PUT", self._disk(email), {"content": text})

    def read(self, email: str) -> str:
        """What is on somebody's data disk."""
        return str(self.ask("GET", self._disk(email))["content"])

    def start_spark(self, email: str) -> None:
        """Somebody starts a session and a cluster from their templates."""
        key = person_key(email)
        [template] = [r for r in self.belongings(email) if r["kind"] == "dataproc.sessionTemplate"]
        session = {"sessionTemplate": template["name"]}
        self.ask("POST", f"{_LOCATION}/sessions?sessionId={key}", session)
        labels = {"managed-by": "benchkeeper", "benchkeeper-person": key}
        config = {"softwareConfig": {"properties": {PERSONAL_AUTH_USER: email}}}
        cluster = {"projectId": "demo", "clusterName": key, "labels": labels, "config": config}
        self.ask("POST", f"{_REGION}/clusters", cluster)

    def ask(self, verb: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A request to the cloud by hand; the answer."""
        answer = requests.request(verb, f"{self._url}/{path}", json=body, timeout=5)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _disk(self, email: str) -> str:
        notebook = self.record(email).notebook
        assert notebook is not None
        _, _, _, zone, *_ = notebook.name.split("/")
        return f"_admin/disks/{zone}/{data_disk(notebook.name).rpartition('/')[2]}"

    # How it is put together

    def _message(self, topic: str, **event: object) -> Message:
        return Message(
            id=f"m{next(self._ids)}",
            topic=topic,
            published_at=self.cloud.clock.now(),
            data=msgspec.json.encode(event),
        )

    def _wired(self) -> App:
        settings = Settings(
            project="demo",
            allowed_domains=frozenset({"example.com"}),
            profiles="file:profiles",
            templates_bucket=BUCKET,
            notebooks_endpoint=self._url,
            compute_endpoint=self._url,
            dataproc_endpoint=self._url,
        )
        app = App(settings)
        options = {"client_options": {"api_endpoint": self._url}}
        nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]  # it has no types
        objects = storage_client("demo", credentials=nobody, **options)
        replaced = {
            "clock": self.cloud.clock,
            "store": self.store,
            "profiles": FixedProfiles(self.profiles),
            "publisher": self.topics,
            "storage": lambda: objects,
            "policy": Policy(list_above=0),  # so that the tick reads the list of notebooks, too
        }
        for part, replacement in replaced.items():
            setattr(app, part, replacement)
        return app


@contextmanager
def real_worlds(profiles: ProfileSet | None = None) -> Iterator[Callable[[], RealWorld]]:
    """A local cloud on a free port, and as many fresh deployments beside it as one asks for.

    They share the cloud, so each is to be about other people. ``profiles``: other ones than those
    of the simulation.
    """
    cloud = Cloud(project="demo")
    compute = Compute(cloud)
    notebooks, dataproc, storage = Notebooks(cloud, compute), Dataproc(cloud), Storage(cloud)
    storage.make_bucket(BUCKET)
    faces = (compute, notebooks, dataproc, storage)
    sources = [face.resources for face in faces]
    admin = Admin(cloud, sources, [*compute.admin_routes(), *notebooks.admin_routes()])
    routes = [face.routes() for face in (*faces, admin)]
    with Server(build_app(cloud, routes)) as server:
        yield lambda: RealWorld(cloud, server.url, sources, profiles)


def _is_idle(record: Environment) -> bool:
    begun = any(resource.step for resource in record.resources)
    return not begun and record.lease is None and not record.outbox.waiting
