"""Persistent disks and their content.

The *content* of a disk is a text that stands for the files on it: tests write and read it,
snapshots copy it. It must not know HTTP routes, notebooks or snapshots.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.api.http import Incoming
from local.api.store import Collection
from local.clock import timestamp
from local.compute.errors import already_exists, not_found
from local.compute.listing import Page, aggregated, listed
from local.compute.names import fingerprint, link, numeric_id

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewDisk:
    """A disk to create; attached to the machine at path `user`, unless that is ""."""

    path: str
    type: str  # "pd-balanced"
    size_gb: int
    user: str
    labels: dict[str, str]

    def to_json(self, now: datetime) -> Json:
        """The resource, created at `now`."""
        zone, _, name = self.path.rpartition("/disks/")
        disk: Json = {
            "kind": "compute#disk",
            "id": numeric_id(),
            "name": name,
            "selfLink": link(self.path),
            "zone": link(zone),
            "type": link(f"{zone}/diskTypes/{self.type}"),
            "sizeGb": str(self.size_gb),
            "physicalBlockSizeBytes": "4096",
            "status": "READY",
            "creationTimestamp": timestamp(now),
            "labelFingerprint": fingerprint(self.labels),
        }
        if self.labels:
            disk["labels"] = dict(self.labels)
        if self.user:
            disk |= {"users": [link(self.user)], "lastAttachTimestamp": timestamp(now)}
        return disk


class Disks:
    def __init__(self) -> None:
        self._disks = Collection()
        self._content: dict[str, str] = {}
        self._kept: set[str] = set()  # paths of disks that are not deleted with their machine

    def add(self, new: Iterable[NewDisk], now: datetime) -> None:
        """Add all of them, or none if a name is in use (409)."""
        new = list(new)
        for disk in new:
            if self._disks.find(disk.path) is not None:
                raise already_exists(disk.path)
        for disk in new:
            self._disks.add(disk.path, disk.to_json(now))

    def remove(self, path: str) -> None:
        """Remove the disk and its content; do nothing if there is none."""
        self._disks.remove(path)
        self._content.pop(path, None)
        self._kept.discard(path)

    def keep(self, path: str, kept: bool) -> None:
        """Set whether the disk at `path` is kept when its machine is deleted."""
        self.find(path)
        (self._kept.add if kept else self._kept.discard)(path)

    def is_kept(self, path: str) -> bool:
        return path in self._kept

    def enlarge(self, path: str, size_gb: int) -> None:
        self.find(path)["sizeGb"] = str(size_gb)

    def detach(self, path: str, now: datetime) -> None:
        """Note that no machine uses the disk any more; ignore one that doesn't exist."""
        disk = self._disks.find(path)
        if disk is not None:
            disk.pop("users", None)
            disk["lastDetachTimestamp"] = timestamp(now)

    def find(self, path: str) -> Json:
        """The disk itself; 404 if there is none."""
        disk = self._disks.find(path)
        if disk is None:
            raise not_found(path)
        return disk

    def content(self, path: str) -> str:
        self.find(path)
        return self._content.get(path, "")

    def write(self, path: str, content: str) -> None:
        self.find(path)
        self._content[path] = content

    def resources(self) -> list[Json]:
        """For `/_admin/resources`: in the form of the API, named by the full path."""
        return [
            {**deepcopy(self._disks.get(path)), "kind": "compute.disk", "name": path}
            for path in self._disks.names()
        ]

    def get(self, incoming: Incoming) -> Json:
        return deepcopy(self.find(f"{_zone(incoming)}/disks/{incoming.params['disk']}"))

    def list(self, incoming: Incoming) -> Json:
        path = f"{_zone(incoming)}/disks"
        found = Page.of(incoming.query).take(self._disks, f"{path}/")
        return listed("compute#diskList", path, found)

    def aggregated(self, incoming: Incoming) -> Json:
        project = f"projects/{incoming.params['project']}"
        found = Page.of(incoming.query).take(self._disks, f"{project}/zones/")
        return aggregated(
            "compute#diskAggregatedList",
            f"{project}/aggregated/disks",
            "disks",
            found,
            lambda disk: "zones/" + disk["zone"].rsplit("/", 1)[1],
        )


def _zone(incoming: Incoming) -> str:
    return f"projects/{incoming.params['project']}/zones/{incoming.params['zone']}"
