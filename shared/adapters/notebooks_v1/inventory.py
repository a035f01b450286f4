"""Finds a person's notebooks of the two older kinds, without using the record.

All notebooks of the project are listed, because the API cannot filter by label or owner. It must
not know how a call is made, nor change anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shared.adapters.google_api.timestamps import parsed_time
from shared.adapters.notebooks_v1.services import Json, NotebooksV1Service
from shared.adapters.notebooks_v1.states import foreign_reason
from shared.domain.manifests.dataproc_hub import hub_id
from shared.domain.manifests.labels import is_ours, other_person, ownership
from shared.domain.manifests.managed_notebook import SLOT, runtime_id
from shared.domain.names import found_slot
from shared.domain.people.person import same_address
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Orphan
from shared.domain.resources.resource import Resource

IDS = {Kind.MANAGED_NOTEBOOK: runtime_id, Kind.DATAPROC_HUB: hub_id}
_ADOPTION = {
    Kind.MANAGED_NOTEBOOK: "Google's client does not return labels added later, so stop and "
    "remove it by hand",
    Kind.DATAPROC_HUB: "add them to have it stopped and removed",
}


class NotebooksV1Inventory:
    """One listing (all pages) per service and call; raises ``CloudFault``."""

    def __init__(self, project: str, services: Sequence[NotebooksV1Service]) -> None:
        self._project = project
        self._services = tuple(services)

    def resources_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """The person's notebooks that have our labels, as resources to stop and remove."""
        return tuple(
            resource
            for service in self._services
            for resource in self._resources(service, key, email)
        )

    def leftovers_of(self, key: str, email: str) -> tuple[Orphan, ...]:
        """Notebooks that have our labels for the person, or only them as their owner."""
        return tuple(
            leftover
            for service in self._services
            for leftover in self._leftovers(service, key, email)
        )

    def _leftovers(self, service: NotebooksV1Service, key: str, email: str) -> list[Orphan]:
        def is_theirs(notebook: Json) -> bool:
            owner = service.owner_of(notebook) or ""
            return is_ours(service.labels_of(notebook), key) or same_address(owner, email)

        found = service.search(self._project, is_theirs)
        return [_leftover(service, notebook, key, email) for notebook in found]

    def _resources(self, service: NotebooksV1Service, key: str, email: str) -> list[Resource]:
        found = service.search(
            self._project, lambda notebook: not foreign_reason(service, notebook, key, email)
        )
        names = [str(notebook["name"]) for notebook in found]
        expected = IDS[service.kind](key)
        # If the profile's location has changed, two locations may have a notebook of this name.
        # Then neither gets the usual slot.
        count = Counter(name.rpartition("/")[2] for name in names)[expected]
        return [
            Resource(
                kind=service.kind,
                slot=SLOT if count == 1 and name.endswith(f"/{expected}") else found_slot(name),
                name=name,
                # Not the listed state: it is observed before it is stopped.
                state=State.READY,
            )
            for name in names
        ]


def _leftover(service: NotebooksV1Service, notebook: Json, key: str, email: str) -> Orphan:
    why = foreign_reason(service, notebook, key, email)
    is_owner = same_address(service.owner_of(notebook) or "", email)
    if why and is_owner:
        labels = ", ".join(f"{name}={value}" for name, value in ownership(key).items())
        why = f"it lacks our labels {labels}: {_ADOPTION[service.kind]}"
    return Orphan(
        kind=service.kind,
        name=str(notebook["name"]),
        ours=not why,
        detail=why or str(notebook.get("state", "")).lower(),
        labelled_for=other_person(service.labels_of(notebook), key) if is_owner else "",
        created_at=parsed_time(notebook.get("createTime")),
    )
