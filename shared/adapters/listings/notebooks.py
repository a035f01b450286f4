"""The listings of Workbench instances (Notebooks v2), and of the two older kinds (Notebooks v1)."""

from __future__ import annotations

from typing import Any

from shared.adapters.google_api.pagination import read_page
from shared.adapters.google_api.rest import Rest
from shared.adapters.google_api.timestamps import parsed_time
from shared.adapters.listings.facts import in_project, key_of, only_ours, state_and_detail
from shared.adapters.notebooks_v1 import states
from shared.adapters.notebooks_v1.inventory import IDS
from shared.adapters.notebooks_v1.services import NotebooksV1Service
from shared.adapters.notebooks_v2 import instances
from shared.domain.manifests.labels import is_ours
from shared.domain.manifests.workbench import key_of_instance
from shared.domain.names import key_in
from shared.domain.resources.kinds import Kind
from shared.domain.resources.listed import Listed
from shared.domain.resources.resource import Resource
from shared.ports import Page

Json = dict[str, Any]


class NotebookListing:
    """All instances of the project: labels can be lost, and no filter by name is documented."""

    kind = Kind.WORKBENCH

    def __init__(self, rest: Rest, project: str, page_size: int) -> None:
        self._rest = rest
        self._project = project
        self._page_size = str(page_size)

    def page(self, after: str) -> Page[Listed]:
        """See ``facts.Listing``."""
        path = f"v2/projects/{self._project}/locations/-/instances"
        found = read_page(self._rest, path, "instances", after, pageSize=self._page_size)
        return only_ours(found, self._listed)

    def _listed(self, instance: Json) -> Listed | None:
        name = in_project(str(instance["name"]), self._project)
        labels = instance.get("labels", {})
        key = key_of(labels, key_of_instance(name.rpartition("/")[2]))
        if not key:
            return None
        seen = instances.state_of(instance, Resource(kind=self.kind, slot="", name=name))
        state, detail = state_and_detail(seen)
        owners = instance.get("instanceOwners", [])
        return Listed(
            kind=self.kind,
            name=name,
            key=key,
            labelled=is_ours(labels, key),
            owner=str(owners[0]).lower() if len(owners) == 1 else "",
            state=state,
            fingerprint=seen.fingerprint,
            created_at=parsed_time(instance.get("createTime")),
            detail=detail,
        )


class OlderNotebookListing:
    """All notebooks of one service of Notebooks v1; they have no fingerprint."""

    def __init__(self, service: NotebooksV1Service, project: str, page_size: int) -> None:
        self.kind = service.kind
        self._service = service
        self._project = project
        self._page_size = page_size

    def page(self, after: str) -> Page[Listed]:
        """See ``facts.Listing``."""
        found = self._service.page(self._project, after, self._page_size)
        return only_ours(found, self._listed)

    def _listed(self, notebook: Json) -> Listed | None:
        name = in_project(str(notebook["name"]), self._project)
        labels = self._service.labels_of(notebook)
        key = key_of(labels, self._key_in(name.rpartition("/")[2]))
        if not key:
            return None
        resource = Resource(kind=self.kind, slot="", name=name)
        state, detail = state_and_detail(states.state_of(self._service, notebook, resource))
        return Listed(
            kind=self.kind,
            name=name,
            key=key,
            labelled=is_ours(labels, key),
            owner=self._service.owner_of(notebook) or "",
            state=state,
            created_at=parsed_time(notebook.get("createTime")),
            detail=detail,
        )

    def _key_in(self, id: str) -> str:
        """The key of the person for whom this is the id of such a notebook; '' if it is not."""
        key = key_in(id)
        return key if key and IDS[self.kind](key) == id else ""
