"""Puts the parts together, once a process, when the first request asks.

Nothing is built at import: the framework imports us in the server's master and forks afterwards,
and a gRPC client does not survive that. Each entry point builds only what it needs; the heavy
clients are imported by the function that makes them.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from shared import logs
from shared.domain.policy import Policy
from shared.domain.resources import Kind
from shared.settings import Settings, read_settings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud import storage

    from shared.domain.wants import Site
    from shared.ports import Clock, Driver, EnvironmentStore, ProfileSource
    from shared.services.converge import Converge
    from shared.services.intake import Intake
    from shared.services.tick import Tick

T = TypeVar("T")


class once(cached_property[T]):
    """A part that is built when first asked for; by one thread only."""

    _lock = threading.RLock()

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        with self._lock:
            return super().__get__(instance, owner)


class App:
    """The parts of one process, wired from its settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @once
    def clock(self) -> Clock:
        """The machine's clock, unless the settings name another."""
        from shared.adapters.clocks import EndpointClock, SystemClock

        endpoint = self.settings.clock_endpoint
        return EndpointClock(endpoint) if endpoint else SystemClock()

    @once
    def store(self) -> EnvironmentStore:
        """Firestore, or the SQLite file of a laptop."""
        backend, _, where = self.settings.state.partition(":")
        if backend == "sqlite":
            from shared.adapters.sqlite_store import SqliteStore

            return SqliteStore(where)
        from google.cloud import firestore

        from shared.adapters.firestore_store import FirestoreStore

        return FirestoreStore(firestore.Client(project=self.settings.project, database=where))

    @once
    def profiles(self) -> ProfileSource:
        """The profiles of the bucket, or of a directory."""
        from shared.adapters.profile_source import BucketProfiles, FileProfiles

        where = self.settings.profiles
        if where.startswith("file:"):
            return FileProfiles(where.removeprefix("file:"), region=self.settings.region)
        bucket, _, prefix = where.removeprefix("gs://").partition("/")
        return BucketProfiles(
            self.storage(), bucket, prefix, self.clock, region=self.settings.region
        )

    @once
    def _storage(self) -> storage.Client:
        from shared.adapters.storage_client import storage_client

        return storage_client(self.settings.project)

    def storage(self) -> storage.Client:
        """The Cloud Storage client, shared by everything that reads or writes objects."""
        return self._storage

    @once
    def drivers(self) -> dict[Kind, Driver]:
        """One driver for each kind of resource; their clients come with their first call."""
        from shared.adapters.cluster_templates import ClusterTemplateDriver
        from shared.adapters.rest import Rest
        from shared.adapters.session_templates import SessionTemplateDriver
        from shared.adapters.workbench import WorkbenchDriver

        endpoint = self.settings.notebooks_endpoint
        drivers: tuple[Driver, ...] = (
            WorkbenchDriver(Rest(endpoint, credentials_for(endpoint))),
            SessionTemplateDriver(self._session_templates),
            ClusterTemplateDriver(self.storage),
        )
        return {driver.kind: driver for driver in drivers}

    def _session_templates(self) -> Any:
        from google.cloud.dataproc_v1 import SessionTemplateControllerClient

        endpoint = self.settings.dataproc_endpoint
        return SessionTemplateControllerClient(
            transport="rest",
            credentials=credentials_for(endpoint),
            client_options={"api_endpoint": endpoint},
        )

    @once
    def site(self) -> Site:
        """Where the resources are made."""
        from shared.domain.wants import Site

        settings = self.settings
        return Site(
            project=settings.project,
            region=settings.region,
            templates_bucket=settings.templates_bucket,
        )

    @once
    def converge(self) -> Converge:
        """The service behind `converge`, and the second half of `onboard` and `offboard`."""
        from shared.services.converge import Converge

        return Converge(
            store=self.store,
            drivers=self.drivers,
            profiles=self.profiles,
            site=self.site,
            clock=self.clock,
            tokens=lambda: uuid.uuid4().hex,
            policy=Policy(),
        )

    @once
    def intake(self) -> Intake:
        """The service behind `onboard` and `offboard`."""
        from shared.services.intake import Intake

        return Intake(
            store=self.store,
            profiles=self.profiles,
            converge=self.converge,
            clock=self.clock,
            allowed_domains=self.settings.allowed_domains,
        )

    @once
    def tick(self) -> Tick:
        """The service behind `reconcile`."""
        from shared.adapters.pubsub_publisher import PubsubPublisher
        from shared.services.tick import Tick

        def client() -> Any:
            from google.cloud.pubsub_v1 import PublisherClient

            return PublisherClient()

        return Tick(
            store=self.store,
            publisher=PubsubPublisher(once_called(client), self.settings.project),
            clock=self.clock,
            topic=self.settings.converge_topic,
        )


def once_called(make: Callable[[], T]) -> Callable[[], T]:
    """``make``, called at most once, whatever number of threads ask."""
    lock = threading.Lock()
    made: list[T] = []

    def get() -> T:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get


def credentials_for(endpoint: str) -> Credentials:
    """The deployment's own credentials; none at all for plain http, where a token could be read."""
    if endpoint.startswith("http://"):
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    import google.auth

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return credentials


def _from_environment() -> App:
    settings = read_settings(os.environ)
    logs.configure(settings.log_level)
    logging.getLogger(__name__).debug("settings read", extra={"action": "process.started"})
    return App(settings)


app = once_called(_from_environment)
