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
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from shared import logs
from shared.domain.policy import Policy
from shared.domain.resources import Kind
from shared.settings import Settings, SettingsInvalid, read_settings, setting_faults

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud import storage

    from shared.adapters.google_api.rest import Rest
    from shared.adapters.notebooks_v1.factory import OlderKinds
    from shared.domain.wants import Site
    from shared.ports import (
        Clock,
        Driver,
        EnvironmentStore,
        ProfileSource,
        Publisher,
        Search,
    )
    from shared.services.admission import Admission
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
        return EndpointClock(endpoint, logs.clock_is_ahead) if endpoint else SystemClock()

    @once
    def store(self) -> EnvironmentStore:
        """Firestore, or the SQLite file of a laptop."""
        backend, _, where = self.settings.state.partition(":")
        if backend == "sqlite":
            from shared.adapters.state.sqlite_store import SqliteStore

            return SqliteStore(where)
        from google.cloud import firestore

        from shared.adapters.state.firestore_store import FirestoreStore

        return FirestoreStore(firestore.Client(project=self.settings.project, database=where))

    @once
    def profiles(self) -> ProfileSource:
        """The profiles of a bundle or a prefix in a bucket, or of a directory."""
        from shared.adapters.profiles.bundle import BundleProfiles
        from shared.adapters.profiles.last_good import kept_beside
        from shared.adapters.profiles.sources import BucketProfiles, FileProfiles

        where, region = self.settings.profiles, self.settings.region
        if where.startswith("file:"):
            kept = kept_beside(self.settings.state)
            return FileProfiles(where.removeprefix("file:"), region=region, kept=kept)
        bucket, _, name = where.removeprefix("gs://").partition("/")
        source = BundleProfiles if name.endswith(".json") else BucketProfiles
        return source(self.storage(), bucket, name, self.clock, region=region)

    @once
    def _storage(self) -> storage.Client:
        from shared.adapters.storage.client import storage_client

        return storage_client(self.settings.project)

    def storage(self) -> storage.Client:
        """The Cloud Storage client, shared by everything that reads or writes objects."""
        return self._storage

    @once
    def drivers(self) -> dict[Kind, Driver]:
        """One driver for each kind of resource; their clients come with their first call."""
        from shared.adapters.compute.disks import DiskDriver
        from shared.adapters.compute.snapshots import SnapshotDriver
        from shared.adapters.dataproc.clusters import ClusterDriver
        from shared.adapters.dataproc.session_templates import SessionTemplateDriver
        from shared.adapters.dataproc.sessions import SessionDriver
        from shared.adapters.notebooks_v2.driver import WorkbenchDriver
        from shared.adapters.storage.cluster_templates import ClusterTemplateDriver

        drivers: tuple[Driver, ...] = (
            WorkbenchDriver(self._notebooks),
            SessionTemplateDriver(self._session_templates),
            ClusterTemplateDriver(self.storage),
            SessionDriver(self._sessions),
            ClusterDriver(self._clusters),
            SnapshotDriver(self._compute),
            DiskDriver(self._compute, self._notebooks),
            *self._older.drivers(),
        )
        return {driver.kind: driver for driver in drivers}

    @once
    def _older(self) -> OlderKinds:
        from shared.adapters.notebooks_v1.factory import OlderKinds

        endpoint = self.settings.notebooks_v1_endpoint
        return OlderKinds(endpoint, lambda: credentials_for(endpoint), self.settings.project)

    @once
    def _notebooks(self) -> Rest:
        return _rest(self.settings.notebooks_endpoint)

    @once
    def _compute(self) -> Rest:
        return _rest(self.settings.compute_endpoint)

    def _sessions(self) -> Any:
        from google.cloud.dataproc_v1 import SessionControllerClient

        return self._dataproc_client(SessionControllerClient)

    def _clusters(self) -> Any:
        from google.cloud.dataproc_v1 import ClusterControllerClient

        return self._dataproc_client(ClusterControllerClient)

    def _session_templates(self) -> Any:
        from google.cloud.dataproc_v1 import SessionTemplateControllerClient

        return self._dataproc_client(SessionTemplateControllerClient)

    def _dataproc_client(self, client: Any) -> Any:
        endpoint = self.settings.dataproc_endpoint
        return client(
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
    def policy(self) -> Policy:
        """How patient we are."""
        return Policy(creations=self.settings.creations_limit)

    @once
    def search(self) -> Search:
        """Looks everywhere for what is a person's."""
        from shared.adapters.inventory import CloudSearch

        return CloudSearch(
            site=self.site,
            notebooks=self._notebooks,
            compute=self._compute,
            session_templates=self._session_templates,
            sessions=self._sessions,
            clusters=self._clusters,
            storage=self.storage,
            older=self._older.search() if self.settings.older_kinds else None,
        )

    @once
    def admission(self) -> Admission:
        """Who may have a notebook made now."""
        from shared.services.admission import Admission

        return Admission(store=self.store, clock=self.clock, limit=self.policy.creations)

    @once
    def publisher(self) -> Publisher:
        """Publishes to the project's topics."""
        from shared.adapters.pubsub.publisher import PubsubPublisher

        def client() -> Any:
            from google.cloud.pubsub_v1 import PublisherClient

            return PublisherClient()

        return PubsubPublisher(once_called(client), self.settings.project)

    @once
    def converge(self) -> Converge:
        """The service behind `converge`, and the second half of the other entry points."""
        from shared.services.announce import Announcer
        from shared.services.converge import Commons, Converge
        from shared.services.planning import Planner
        from shared.services.shortages import Shortages

        shortages = Shortages(store=self.store, clock=self.clock)
        return Converge(
            store=self.store,
            drivers=self.drivers,
            planner=Planner(
                store=self.store,
                profiles=self.profiles,
                search=self.search,
                shortages=shortages,
                site=self.site,
            ),
            commons=Commons(
                admission=self.admission,
                shortages=shortages,
                announcer=Announcer(
                    store=self.store,
                    publisher=self.publisher,
                    topic=self.settings.announcements_topic,
                    project=self.settings.project,
                ),
                search=self.search,
            ),
            clock=self.clock,
            tokens=lambda: uuid.uuid4().hex,
            policy=self.policy,
        )

    @once
    def intake(self) -> Intake:
        """The service behind `onboard`, `offboard` and `admin`."""
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
        from shared.adapters.notebooks_v2.in_flight import NotebookCensus
        from shared.services.tick import Tick

        return Tick(
            store=self.store,
            publisher=self.publisher,
            admission=self.admission,
            census=NotebookCensus(self._notebooks, self.settings.project),
            clock=self.clock,
            topic=self.settings.converge_topic,
            policy=self.policy,
        )


def _rest(endpoint: str) -> Rest:
    from shared.adapters.google_api.rest import Rest

    return Rest(endpoint, credentials_for(endpoint))


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
    return _own_credentials()


@cache
def _own_credentials() -> Credentials:
    """Looked up once a process: on Google Cloud that asks the metadata server."""
    import google.auth

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return credentials


def check_settings() -> None:
    """End the process, with one line in the log, if the settings in its environment can't be used.

    For the moment the server loads its source: a deployment with a wrong setting fails at once and
    not when somebody joins. Looks at the environment, and whether the directories that it names
    exist; nothing is built and nothing connects.
    """
    if faults := setting_faults(os.environ):
        logs.configure("INFO")
        extra = {"action": "process.refused", "faults": faults}
        logging.getLogger(__name__).critical(str(SettingsInvalid(faults)), extra=extra)
        raise SystemExit(1)


def _from_environment() -> App:
    settings = read_settings(os.environ)
    logs.configure(settings.log_level)
    logging.getLogger(__name__).debug("settings read", extra={"action": "process.started"})
    return App(settings)


app = once_called(_from_environment)
