"""Looks everywhere for what carries a person's labels: the last check of a departure.

It asks the cloud, not the record; what the record never knew of is found as well. Nothing is
changed here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from shared.adapters.clusters import ClusterDriver
from shared.adapters.errors import translated
from shared.adapters.instances import judged
from shared.adapters.listings import everything_listed
from shared.adapters.rest import Rest
from shared.adapters.sessions import SessionDriver
from shared.adapters.uses import SECONDS, Use
from shared.domain.resources import Kind, Leftover, Resource, State
from shared.domain.wants.labels import PERSON, is_ours
from shared.domain.wants.site import Site
from shared.domain.wants.snapshot import EXPIRES
from shared.domain.wants.uses import clusters_of, sessions_of

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
    """One listing (its pages) a kind, filtered by the person's label where the API can.

    Notebooks that belong to the person but carry no label of ours are not found: the API knows no
    filter by owner, and to read all notebooks of the project for each leaver is too much. Sessions
    and clusters are looked for in the site's region, where the templates can be used.
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
        sessions = self._sessions.alive(sessions_of(self._site), key, email)
        clusters = self._clusters.alive(clusters_of(self._site), key, email)
        return (
            *self._notebooks_of(key, email),
            *(self._older.leftovers_of(key, email) if self._older else ()),
            *(_use(Kind.SESSION, use) for use in sessions),
            *(_use(Kind.CLUSTER, use) for use in clusters),
            *self._session_templates_of(key),
            *self._cluster_templates_of(key),
            *self._snapshots_of(key),
        )

    def older_notebooks_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """As the port says."""
        return self._older.resources_of(key, email) if self._older else ()

    def _notebooks_of(self, key: str, email: str) -> list[Leftover]:
        path = f"v2/projects/{self._site.project}/locations/-/instances"
        query = {"pageSize": _PAGE, "filter": f"labels.{PERSON}={key}"}
        found = everything_listed(self._notebooks, path, "instances", **query)
        return [_notebook(instance, key, email) for instance in found]

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


def _notebook(instance: dict[str, Any], key: str, email: str) -> Leftover:
    name = str(instance["name"])
    seen = judged(
        instance, Resource(kind=Kind.WORKBENCH, slot="", name=name), key, email, want=None
    )
    return Leftover(
        kind=Kind.WORKBENCH,
        name=name,
        # As the driver sees it: what that takes for foreign, no record could ever remove.
        ours=seen.state is not State.FOREIGN,
        detail=seen.detail or str(instance.get("state", "")).lower(),
    )


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
