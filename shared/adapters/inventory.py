"""Finds everything that belongs to a person, by label, name or owner.

The final check of a departure. It reads the cloud and not the record, so it also finds resources
that the record does not know. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from shared.adapters.compute import disks
from shared.adapters.compute.calls import path_of
from shared.adapters.dataproc.clusters import ClusterDriver
from shared.adapters.dataproc.sessions import SessionDriver
from shared.adapters.dataproc.workloads import SECONDS, Workload
from shared.adapters.google_api.fault_table import translated
from shared.adapters.google_api.pagination import list_all, list_all_zones
from shared.adapters.google_api.rest import Rest
from shared.adapters.google_api.timestamps import parsed_time
from shared.adapters.notebooks_v2 import instances
from shared.domain.manifests.cluster_template import folder_of
from shared.domain.manifests.labels import PERSON, is_ours
from shared.domain.manifests.site import Site
from shared.domain.manifests.snapshot import DATA_DISK, EXPIRES
from shared.domain.manifests.workbench import SUCCESSOR, instance_id
from shared.domain.manifests.workloads import clusters_of, sessions_of
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Orphan
from shared.domain.resources.resource import Resource

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import (
        ClusterControllerClient,
        SessionControllerClient,
        SessionTemplateControllerClient,
    )
    from google.cloud.storage import Client

_PAGE = "500"
_UNMARKED = "it lacks our labels for this person"


class NotebooksV1Inventory(Protocol):
    """Finds a person's notebooks of the two older kinds."""

    def resources_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """Those that have the person's labels, to stop and remove."""

    def leftovers_of(self, key: str, email: str) -> tuple[Orphan, ...]:
        """All that belong to the person."""


class CloudInventory:
    """One listing (all pages) per kind, filtered by the person's label where that is enough.

    All notebooks of the project are read: labels can be lost, and the API documents no filter by
    name or owner. Sessions and clusters are listed in the site's region, where the templates are.
    """

    def __init__(  # noqa: PLR0913  # one for each API
        self,
        *,
        site: Site,
        notebooks: Rest,
        compute: Rest,
        session_templates: Callable[[], SessionTemplateControllerClient],
        sessions: Callable[[], SessionControllerClient],
        clusters: Callable[[], ClusterControllerClient],
        storage: Callable[[], Client],
        older: NotebooksV1Inventory | None,
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

    def everything_of(self, key: str, email: str) -> tuple[Orphan, ...]:
        """See ``ports.Search``."""
        notebooks, existing = self._notebooks_of(key, email)
        sessions = self._sessions.active(sessions_of(self._site), key, email, by_owner=True)
        clusters = self._clusters.active(clusters_of(self._site), key, email, by_owner=True)
        return (
            *notebooks,
            *(self._older.leftovers_of(key, email) if self._older else ()),
            *(_workload(Kind.SESSION, session) for session in sessions),
            *(_workload(Kind.CLUSTER, cluster) for cluster in clusters),
            *self._session_templates_of(key),
            *self._cluster_templates_of(key),
            *self._snapshots_of(key),
            *self._disks_of(key, existing),
        )

    def older_notebooks_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """See ``ports.Search``."""
        return self._older.resources_of(key, email) if self._older else ()

    def _notebooks_of(self, key: str, email: str) -> tuple[list[Orphan], set[str]]:
        """The person's notebooks, and the paths of all notebooks without their project."""
        path = f"v2/projects/{self._site.project}/locations/-/instances"
        theirs: list[Orphan] = []
        existing: set[str] = set()
        for instance in list_all(self._notebooks, path, "instances", pageSize=_PAGE):
            existing.add(_path_in_project(str(instance["name"])))
            if _is_related(instance, key, email):
                theirs.append(_notebook(instance, key, email))
        return theirs, existing

    def _disks_of(self, key: str, notebooks: set[str]) -> list[Orphan]:
        """Disks without a notebook, with the person's label or the name of their notebook."""
        path = f"compute/v1/projects/{self._site.project}/aggregated/disks"
        name = f"{instance_id(key)}{SUCCESSOR}"
        # Two listings: a filter of Compute can't combine a regular expression with another field.
        filters = (f"labels.{PERSON}={key}", f'name eq "{name}({DATA_DISK})?"')
        found = {
            path_of(str(disk["selfLink"])): disk
            for one_filter in filters
            for disk in list_all_zones(
                self._compute, path, "disks", maxResults=_PAGE, filter=one_filter
            )
        }
        return [
            _disk(name, disk, key)
            for name, disk in found.items()
            if _path_in_project(disks.notebook_of(name)) not in notebooks
        ]

    def _snapshots_of(self, key: str) -> list[Orphan]:
        collection = f"projects/{self._site.project}/global/snapshots"
        query = {"maxResults": _PAGE, "filter": f"labels.{PERSON}={key}"}
        found = list_all(self._compute, f"compute/v1/{collection}", "items", **query)
        return [_snapshot(snapshot, collection, key) for snapshot in found]

    def _session_templates_of(self, key: str) -> list[Orphan]:
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

    def _cluster_templates_of(self, key: str) -> list[Orphan]:
        bucket = self._site.templates_bucket
        with translated(changes=False):
            blobs: Any = self._storage.list_blobs(  # google-cloud-storage ships no types
                bucket, prefix=folder_of(key), retry=None, timeout=self._seconds
            )
            found = [(f"gs://{bucket}/{blob.name}", blob.metadata or {}) for blob in blobs]
        return [_template(Kind.CLUSTER_TEMPLATE, name, labels, key) for name, labels in found]

    @cached_property
    def _templates_client(self) -> SessionTemplateControllerClient:
        return self._make_templates_client()

    @cached_property
    def _storage(self) -> Client:
        return self._make_storage()


def _is_related(instance: dict[str, Any], key: str, email: str) -> bool:
    """Whether a notebook has the person's label, our name for their notebook, or them as owner."""
    labelled = instance.get("labels", {}).get(PERSON) == key
    return (
        labelled or instances.has_our_name(instance, key) or instances.is_owned_by(instance, email)
    )


def _notebook(instance: dict[str, Any], key: str, email: str) -> Orphan:
    name = str(instance["name"])
    seen = instances.observation_of(
        instance, Resource(kind=Kind.WORKBENCH, slot="", name=name), key, email, manifest=None
    )
    theirs = seen.state is not State.FOREIGN
    detail = seen.detail or str(instance.get("state", "")).lower()
    return Orphan(
        kind=Kind.WORKBENCH,
        name=name,
        # As the driver decides, since it would not delete what it observes as FOREIGN.
        ours=theirs and seen.labelled,
        named=theirs and instances.has_our_name(instance, key),
        detail=detail if seen.labelled else f"{detail}; {_UNMARKED}",
        labelled_for=instances.labelled_for(instance, key, email),
        created_at=parsed_time(instance.get("createTime")),
    )


def _disk(name: str, disk: dict[str, Any], key: str) -> Orphan:
    labelled = is_ours(disk.get("labels", {}), key)
    why = disks.foreign_reason(disk, key)
    outlived = "it outlived its notebook" if labelled else f"it outlived its notebook; {_UNMARKED}"
    return Orphan(
        kind=Kind.DISK,
        name=name,
        ours=labelled and not why,
        named=disks.has_our_name(disk, key),
        detail=why or outlived,
    )


def _path_in_project(name: str) -> str:
    """The name without its project, which is given as an id or as a number."""
    return name.partition("/locations/")[2]


def _workload(kind: Kind, found: Workload) -> Orphan:
    detail = found.foreign_reason or found.item.state.lower()
    return Orphan(
        kind=kind,
        name=found.item.name,
        ours=not found.foreign_reason,
        detail=detail,
        labelled_for=found.labelled_for,
        created_at=found.created_at,
    )


def _template(kind: Kind, name: str, labels: dict[str, str], key: str) -> Orphan:
    ours = is_ours(labels, key)
    return Orphan(kind=kind, name=name, ours=ours, detail="" if ours else _UNMARKED)


def _snapshot(snapshot: dict[str, Any], collection: str, key: str) -> Orphan:
    labels = snapshot.get("labels", {})
    ours = is_ours(labels, key)
    detail = f"kept until {labels[EXPIRES]}" if EXPIRES in labels else "kept until it is deleted"
    name = f"{collection}/{snapshot['name']}"
    return Orphan(kind=Kind.SNAPSHOT, name=name, ours=ours, detail=detail if ours else _UNMARKED)
