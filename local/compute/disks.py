"""Persistent disks: made and taken away by those whose machines they belong to, read by anyone.

Beside its API form a disk has *content*, a text that stands for a person's work on it: written and
read by tests, copied by snapshots. It must not know HTTP routes, notebooks or snapshots.
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
    """A disk to be made, attached to the machine at path `user`, if not "", from the beginning."""

    path: str
    type: str  # "pd-balanced"
    size_gb: int
    user: str
    labels: dict[str, str]

    def born(self, now: datetime) -> Json:
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
        self._kept: set[str] = set()  # paths of disks that stay when their machine is deleted

    def add(self, new: Iterable[NewDisk], now: datetime) -> None:
        """All of them, or none when the name of one is taken (409)."""
        new = list(new)
        for disk in new:
            if self._disks.find(disk.path) is not None:
                raise already_exists(disk.path)
        for disk in new:
            self._disks.add(disk.path, disk.born(now))

    def remove(self, path: str) -> None:
        """With what is on it; nothing when there is none."""
        self._disks.remove(path)
        self._content.pop(path, None)
        self._kept.discard(path)

    def keep(self, path: str, kept: bool) -> None:
        """Set whether the disk at `path` stays when its machine is deleted."""
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
        """The disk itself; 404 when there is none."""
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
        """For the admin face: the API form under its full path."""
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
