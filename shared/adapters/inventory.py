"""Searches for everything of a person, by labels, name or owner: the last check of a departure.

It asks the cloud, not the record; what the record never knew of is found as well. Nothing is
changed here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from shared.adapters.compute import disks
from shared.adapters.compute.calls import path_of
from shared.adapters.dataproc.clusters import ClusterDriver
from shared.adapters.dataproc.sessions import SessionDriver
from shared.adapters.dataproc.workloads import SECONDS, Use
from shared.adapters.google_api.fault_table import translated
from shared.adapters.google_api.pagination import everything_aggregated, everything_listed
from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2 import instances
from shared.domain.resources import Kind, Leftover, Resource, State
from shared.domain.wants.labels import PERSON, is_ours
from shared.domain.wants.site import Site
from shared.domain.wants.snapshot import DATA_DISK, EXPIRES
from shared.domain.wants.uses import clusters_of, sessions_of
from shared.domain.wants.workbench import instance_id

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import (
        ClusterControllerClient,
        SessionControllerClient,
        SessionTemplateControllerClient,
    )
    from google.cloud.storage import Client

_PAGE = "500"
_UNMARKED = "it lacks our labels for this person"


class OlderNotebooks(Protocol):
    """The same search for the notebooks of the two older kinds."""

    def resources_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """Those that carry the person's labels, to stop and remove."""

    def leftovers_of(self, key: str, email: str) -> tuple[Leftover, ...]:
        """All that are the person's."""


class CloudSearch:
    """One listing (its pages) a kind, filtered by the person's label where that finds everything.

    All notebooks of the project are read: labels get lost, and the API documents no filter by name
    or owner. Sessions and clusters are looked for in the site's region, where the templates can be
    used.
    """

    def __init__(  # noqa: PLR0913  # one for each API that is asked
        self,
        *,
        site: Site,
        notebooks: Rest,
        compute: Rest,
        session_templates: Callable[[], SessionTemplateControllerClient],
        sessions: Callable[[], SessionControllerClient],
        clusters: Callable[[], ClusterControllerClient],
        storage: Callable[[], Client],
        older: OlderNotebooks | None,
        seconds: float = SECONDS,
    ) -> None:
        self._site = site
        self._notebooks = notebooks
        self._compute = compute
        self._make_templates_client = session_templates
        self._sessions = SessionDriver(sessions, seconds=seconds)
        self._clusters = ClusterDriver(clusters, seconds=seconds)
        self._make_storage = storage
        self._older = older
        self._seconds = seconds

    def everything_of(self, key: str, email: str) -> tuple[Leftover, ...]:
        """As the port says."""
        notebooks, existing = self._notebooks_of(key, email)
        sessions = self._sessions.alive(sessions_of(self._site), key, email, by_owner=True)
        clusters = self._clusters.alive(clusters_of(self._site), key, email, by_owner=True)
        return (
            *notebooks,
            *(self._older.leftovers_of(key, email) if self._older else ()),
            *(_use(Kind.SESSION, use) for use in sessions),
            *(_use(Kind.CLUSTER, use) for use in clusters),
            *self._session_templates_of(key),
            *self._cluster_templates_of(key),
            *self._snapshots_of(key),
            *self._disks_of(key, existing),
        )

    def older_notebooks_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """As the port says."""
        return self._older.resources_of(key, email) if self._older else ()

    def _notebooks_of(self, key: str, email: str) -> tuple[list[Leftover], set[str]]:
        """The person's notebooks, and the paths of all notebooks."""
        path = f"v2/projects/{self._site.project}/locations/-/instances"
        theirs: list[Leftover] = []
        existing: set[str] = set()
        for one in everything_listed(self._notebooks, path, "instances", pageSize=_PAGE):
            existing.add(_place(str(one["name"])))
            if _concerns(one, key, email):
                theirs.append(_notebook(one, key, email))
        return theirs, existing

    def _disks_of(self, key: str, notebooks: set[str]) -> list[Leftover]:
        """Disks left behind, with the person's label or the name of their notebook."""
        path = f"compute/v1/projects/{self._site.project}/aggregated/disks"
        name = instance_id(key)
        # Two listings: Compute can't combine a regular expression with another field.
        filters = (f"labels.{PERSON}={key}", f'name eq "{name}({DATA_DISK})?"')
        found = {
            path_of(str(disk["selfLink"])): disk
            for wanted in filters
            for disk in everything_aggregated(
                self._compute, path, "disks", maxResults=_PAGE, filter=wanted
            )
        }
        return [
            _disk(name, disk, key)
            for name, disk in found.items()
            if _place(disks.notebook_of(name)) not in notebooks
        ]

    def _snapshots_of(self, key: str) -> list[Leftover]:
        collection = f"projects/{self._site.project}/global/snapshots"
        query = {"maxResults": _PAGE, "filter": f"labels.{PERSON}={key}"}
        found = everything_listed(self._compute, f"compute/v1/{collection}", "items", **query)
        return [_snapshot(snapshot, collection, key) for snapshot in found]

    def _session_templates_of(self, key: str) -> list[Leftover]:
        from google.cloud.dataproc_v1 import ListSessionTemplatesRequest

        request = ListSessionTemplatesRequest(
            parent=f"projects/{self._site.project}/locations/{self._site.region}",
            filter=f"labels.{PERSON} = {key}",
            page_size=int(_PAGE),
        )
        with translated(changes=False):
            pages = self._templates_client.list_session_templates(
                request, retry=None, timeout=self._seconds
            )
            found = [(template.name, dict(template.labels)) for template in pages]
        return [_template(Kind.SESSION_TEMPLATE, name, labels, key) for name, labels in found]

    def _cluster_templates_of(self, key: str) -> list[Leftover]:
        bucket = self._site.templates_bucket
        with translated(changes=False):
            blobs: Any = self._storage.list_blobs(  # google-cloud-storage ships no types
                bucket, prefix=f"people/{key}/", retry=None, timeout=self._seconds
            )
            found = [(f"gs://{bucket}/{blob.name}", blob.metadata or {}) for blob in blobs]
        return [_template(Kind.CLUSTER_TEMPLATE, name, labels, key) for name, labels in found]

    @cached_property
    def _templates_client(self) -> SessionTemplateControllerClient:
        return self._make_templates_client()

    @cached_property
    def _storage(self) -> Client:
        return self._make_storage()


def _concerns(instance: dict[str, Any], key: str, email: str) -> bool:
    """Whether a notebook is the person's by label, by our name for theirs, or by its owner."""
    labelled = instance.get("labels", {}).get(PERSON) == key
    return (
        labelled
        or instances.bears_our_name(instance, key)
        or instances.is_owned_by(instance, email)
    )


def _notebook(instance: dict[str, Any], key: str, email: str) -> Leftover:
    name = str(instance["name"])
    seen = instances.judged(
        instance, Resource(kind=Kind.WORKBENCH, slot="", name=name), key, email, want=None
    )
    theirs = seen.state is not State.FOREIGN
    detail = seen.detail or str(instance.get("state", "")).lower()
    return Leftover(
        kind=Kind.WORKBENCH,
        name=name,
        # Decide as the driver does: what it takes for foreign, no record could ever remove.
        ours=theirs and seen.labelled,
        named=theirs and instances.bears_our_name(instance, key),
        detail=detail if seen.labelled else f"{detail}; {_UNMARKED}",
    )


def _disk(name: str, disk: dict[str, Any], key: str) -> Leftover:
    labelled = is_ours(disk.get("labels", {}), key)
    why = disks.stranger(disk, key)
    outlived = "it outlived its notebook" if labelled else f"it outlived its notebook; {_UNMARKED}"
    return Leftover(
        kind=Kind.DISK,
        name=name,
        ours=labelled and not why,
        named=disks.bears_our_name(disk, key),
        detail=why or outlived,
    )


def _place(name: str) -> str:
    """The part of the name after its project, which may be given as an id or as a number."""
    return name.partition("/locations/")[2]


def _use(kind: Kind, use: Use) -> Leftover:
    detail = use.hands_off or use.item.state.lower()
    return Leftover(kind=kind, name=use.item.name, ours=not use.hands_off, detail=detail)


def _template(kind: Kind, name: str, labels: dict[str, str], key: str) -> Leftover:
    ours = is_ours(labels, key)
    return Leftover(kind=kind, name=name, ours=ours, detail="" if ours else _UNMARKED)


def _snapshot(snapshot: dict[str, Any], collection: str, key: str) -> Leftover:
    labels = snapshot.get("labels", {})
    ours = is_ours(labels, key)
    detail = f"kept until {labels[EXPIRES]}" if EXPIRES in labels else "kept until it is deleted"
    name = f"{collection}/{snapshot['name']}"
    return Leftover(kind=Kind.SNAPSHOT, name=name, ours=ours, detail=detail if ours else _UNMARKED)
