"""Creates services and adapters from the settings, once per process, at the first request.

Nothing is created at import: the framework imports this module in the server's main process and
forks afterwards, which a gRPC client does not survive. Each entry point creates only the parts it
needs; the function that creates a client imports its library.
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
from shared.domain.resources.kinds import Kind
from shared.settings import Settings, SettingsInvalid, read_settings, setting_faults

if TYPE_CHECKING:
    from google.cloud import storage

    from shared.adapters.dataproc.clients import DataprocClients
    from shared.adapters.google_api.rest import Rest
    from shared.adapters.notebooks_v1.factory import NotebooksV1Factory
    from shared.domain.manifests import Site
    from shared.ports import (
        Clock,
        Driver,
        EnvironmentStore,
        ProfileSource,
        Publisher,
        Search,
    )
    from shared.ports.listings import Listings
    from shared.services.admission import Admission
    from shared.services.converge import Converge
    from shared.services.intake import Intake
    from shared.services.parking import Parking
    from shared.services.tick import Tick

T = TypeVar("T")


class once(cached_property[T]):
    """A property that is computed at the first access, by one thread only."""

    _lock = threading.RLock()

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        with self._lock:
            return super().__get__(instance, owner)


class App:
    """The services and adapters of one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @once
    def clock(self) -> Clock:
        """The machine's clock, or the one of the settings."""
        from shared.adapters.clocks import EndpointClock, SystemClock

        endpoint = self.settings.clock_endpoint
        return EndpointClock(endpoint, logs.set_clock_offset) if endpoint else SystemClock()

    @once
    def store(self) -> EnvironmentStore:
        """Firestore, or a SQLite file for local use."""
        backend, _, where = self.settings.state.partition(":")
        if backend == "sqlite":
            from shared.adapters.state.sqlite_store import SqliteStore

            return SqliteStore(where)
        from google.cloud import firestore

        from shared.adapters.state.firestore_store import FirestoreStore

        return FirestoreStore(firestore.Client(project=self.settings.project, database=where))

    @once
    def profiles(self) -> ProfileSource:
        """The profiles in a bundle, a prefix of a bucket, or a directory."""
        from shared.adapters.profiles.location import profiles_at

        return profiles_at(
            self.settings.profiles,
            region=self.settings.region,
            state=self.settings.state,
            storage=self.storage,
            clock=self.clock,
        )

    @once
    def _storage(self) -> storage.Client:
        from shared.adapters.storage.client import storage_client

        return storage_client(self.settings.project)

    def storage(self) -> storage.Client:
        """The one Cloud Storage client."""
        return self._storage

    @once
    def drivers(self) -> dict[Kind, Driver]:
        """One driver per kind of resource; each creates its client at its first call."""
        from shared.adapters.compute.disks import DiskDriver
        from shared.adapters.compute.snapshots import SnapshotDriver
        from shared.adapters.dataproc.clusters import ClusterDriver
        from shared.adapters.dataproc.session_templates import SessionTemplateDriver
        from shared.adapters.dataproc.sessions import SessionDriver
        from shared.adapters.notebooks_v2.driver import WorkbenchDriver
        from shared.adapters.storage.cluster_templates import ClusterTemplateDriver

        drivers: tuple[Driver, ...] = (
            WorkbenchDriver(self._notebooks),
            SessionTemplateDriver(self._dataproc.session_templates),
            ClusterTemplateDriver(self.storage),
            SessionDriver(self._dataproc.sessions),
            ClusterDriver(self._dataproc.clusters),
            SnapshotDriver(self._compute),
            DiskDriver(self._compute, self._notebooks),
            *self._notebooks_v1.drivers(),
        )
        return {driver.kind: driver for driver in drivers}

    @once
    def _notebooks_v1(self) -> NotebooksV1Factory:
        from shared.adapters.google_api.credentials import credentials_for
        from shared.adapters.notebooks_v1.factory import NotebooksV1Factory

        endpoint = self.settings.notebooks_v1_endpoint
        return NotebooksV1Factory(
            endpoint, lambda: credentials_for(endpoint), self.settings.project
        )

    @once
    def _notebooks(self) -> Rest:
        return _rest(self.settings.notebooks_endpoint)

    @once
    def _compute(self) -> Rest:
        return _rest(self.settings.compute_endpoint)

    @once
    def _dataproc(self) -> DataprocClients:
        from shared.adapters.dataproc.clients import DataprocClients

        return DataprocClients(self.settings.dataproc_endpoint)

    @once
    def site(self) -> Site:
        """Where the resources are created."""
        from shared.domain.manifests import Site

        settings = self.settings
        return Site(
            project=settings.project,
            region=settings.region,
            templates_bucket=settings.templates_bucket,
        )

    @once
    def policy(self) -> Policy:
        """The limits and periods."""
        return Policy(creations=self.settings.creations_limit)

    @once
    def search(self) -> Search:
        """Finds everything that belongs to a person."""
        from shared.adapters.inventory import CloudInventory

        return CloudInventory(
            site=self.site,
            notebooks=self._notebooks,
            compute=self._compute,
            session_templates=self._dataproc.session_templates,
            sessions=self._dataproc.sessions,
            clusters=self._dataproc.clusters,
            storage=self.storage,
            older=self._notebooks_v1.inventory() if self.settings.older_kinds else None,
        )

    @once
    def listings(self) -> Listings:
        """Lists everything of ours in the cloud."""
        from shared.adapters.listings.cloud_listings import CloudListings

        return CloudListings(
            site=self.site,
            notebooks=self._notebooks,
            compute=self._compute,
            session_templates=self._dataproc.session_templates,
            sessions=self._dataproc.sessions,
            clusters=self._dataproc.clusters,
            storage=self.storage,
            older=self._notebooks_v1.services if self.settings.older_kinds else (),
        )

    @once
    def admission(self) -> Admission:
        """Decides whose notebook may be created now."""
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
        """The service of `converge`, which the other entry points call, too."""
        from shared.services.actions import ActionTaker
        from shared.services.announce import Announcer
        from shared.services.context import ContextReader
        from shared.services.converge import Converge
        from shared.services.shortages import Shortages

        reader = ContextReader(
            store=self.store,
            profiles=self.profiles,
            drivers=self.drivers,
            search=self.search,
            shortages=Shortages(store=self.store, clock=self.clock),
            admission=self.admission,
            clock=self.clock,
            site=self.site,
            policy=self.policy,
        )
        return Converge(
            store=self.store,
            reader=reader,
            actions=ActionTaker(
                drivers=self.drivers,
                note_shortage=reader.note_shortage,
                clock=self.clock,
                policy=self.policy,
            ),
            admission=self.admission,
            announcer=Announcer(
                store=self.store,
                publisher=self.publisher,
                topic=self.settings.announcements_topic,
                project=self.settings.project,
            ),
            clock=self.clock,
            tokens=lambda: uuid.uuid4().hex,
            policy=self.policy,
        )

    @once
    def parking(self) -> Parking:
        """Keeps rejected messages."""
        from shared.services.parking import Parking

        return Parking(store=self.store, clock=self.clock)

    @once
    def intake(self) -> Intake:
        """The service of `onboard`, `offboard` and `admin`."""
        from shared.services.bulk_retry import BulkRetries
        from shared.services.intake import Intake
        from shared.services.person_records import PersonRecords

        return Intake(
            store=self.store,
            records=PersonRecords(store=self.store, clock=self.clock),
            parking=self.parking,
            profiles=self.profiles,
            converge=self.converge,
            bulk_retries=BulkRetries(
                store=self.store, publisher=self.publisher, topic=self.settings.admin_topic
            ),
            clock=self.clock,
            allowed_domains=self.settings.allowed_domains,
        )

    @once
    def tick(self) -> Tick:
        """The service of `reconcile`."""
        from shared.adapters.notebooks_v2.in_flight import NotebooksInFlight
        from shared.services.tick import Tick

        return Tick(
            store=self.store,
            publisher=self.publisher,
            admission=self.admission,
            census=NotebooksInFlight(self._notebooks, self.settings.project),
            clock=self.clock,
            topic=self.settings.converge_topic,
            policy=self.policy,
        )


def _rest(endpoint: str) -> Rest:
    from shared.adapters.google_api.credentials import credentials_for
    from shared.adapters.google_api.rest import Rest

    return Rest(endpoint, credentials_for(endpoint))


def once_called(make: Callable[[], T]) -> Callable[[], T]:
    """A function that calls ``make`` at its first call only, in any number of threads."""
    lock = threading.Lock()
    made: list[T] = []

    def get() -> T:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get


def check_settings() -> None:
    """End the process, with one log line, if the settings in its environment can't be used.

    Called when the server loads the source, so that a deployment with a wrong setting fails at once
    and not at the first event. Reads the environment and checks that the directories in it exist;
    creates nothing and makes no connection.
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
