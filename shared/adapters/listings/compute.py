"""The listings of snapshots and disks (Compute Engine v1)."""

from __future__ import annotations

from typing import Any

from shared.adapters.compute import disks, snapshots
from shared.adapters.compute.calls import ROOT, path_of
from shared.adapters.google_api.pagination import read_page, read_zones_page
from shared.adapters.google_api.rest import Rest
from shared.adapters.google_api.timestamps import parsed_time
from shared.adapters.listings.facts import in_project, key_of, only_ours, state_and_detail
from shared.domain.manifests.labels import PERSON, is_ours
from shared.domain.manifests.snapshot import DATA_DISK, key_of_snapshot
from shared.domain.manifests.workbench import key_of_instance
from shared.domain.resources.kinds import Kind
from shared.domain.resources.listed import Listed
from shared.domain.resources.observation import Observation
from shared.ports import Page

Json = dict[str, Any]


class SnapshotListing:
    """The snapshots that have our label for a person: without it, one is never taken for ours."""

    kind = Kind.SNAPSHOT

    def __init__(self, rest: Rest, project: str, page_size: int) -> None:
        self._rest = rest
        self._collection = f"projects/{project}/global/snapshots"
        self._query = {"maxResults": str(page_size), "filter": f"labels.{PERSON}:*"}

    def page(self, after: str) -> Page[Listed]:
        """See ``facts.Listing``."""
        path = f"{ROOT}/{self._collection}"
        return only_ours(read_page(self._rest, path, "items", after, **self._query), self._listed)

    def _listed(self, snapshot: Json) -> Listed | None:
        id = str(snapshot["name"])
        key = key_of(snapshot.get("labels", {}), key_of_snapshot(id))
        name, seen = f"{self._collection}/{id}", snapshots.state_of(snapshot)
        return _listed(self.kind, name, key, snapshot, seen) if key else None


class DiskListing:
    """All disks of the project, also those of notebooks that exist.

    Not filtered: a filter of Compute can't combine a name with a label.
    """

    kind = Kind.DISK

    def __init__(self, rest: Rest, project: str, page_size: int) -> None:
        self._rest = rest
        self._project = project
        self._page_size = str(page_size)

    def page(self, after: str) -> Page[Listed]:
        """See ``facts.Listing``."""
        path = f"{ROOT}/projects/{self._project}/aggregated/disks"
        found = read_zones_page(self._rest, path, "disks", after, maxResults=self._page_size)
        return only_ours(found, self._listed)

    def _listed(self, disk: Json) -> Listed | None:
        name = in_project(path_of(str(disk["selfLink"])), self._project)
        notebook = str(disk["name"]).removesuffix(DATA_DISK)
        key = key_of(disk.get("labels", {}), key_of_instance(notebook))
        return _listed(self.kind, name, key, disk, disks.state_of(disk)) if key else None


def _listed(kind: Kind, name: str, key: str, item: Json, seen: Observation) -> Listed:
    state, detail = state_and_detail(seen)
    return Listed(
        kind=kind,
        name=name,
        key=key,
        labelled=is_ours(item.get("labels", {}), key),
        state=state,
        created_at=parsed_time(item.get("creationTimestamp")),
        detail=detail,
    )
