"""Snapshots of disks; they remain when their disk is deleted.

It must not know HTTP routes or notebooks.

Where Google's documents say nothing:
- a snapshot has the content that its disk had at the time of the request;
- if the disk is deleted while the snapshot is CREATING, the snapshot becomes FAILED, so that a
  caller that deletes too early sees the loss;
- a snapshot whose creation fails stays as FAILED until it is deleted;
- a change during another change is a 400 resourceNotReady.
"""

import re
from copy import deepcopy
from datetime import datetime
from typing import Any

from local.api.discovery import Discovery, refuse
from local.api.http import Incoming
from local.api.labels import label_violations
from local.api.store import Collection
from local.clock import timestamp
from local.cloud import Cloud
from local.compute import errors
from local.compute.disks import Disks
from local.compute.listing import Page, listed
from local.compute.names import disk_path, fingerprint, link, numeric_id
from local.compute.operations import Change, ComputeOperations
from local.errors import ApiError

Json = dict[str, Any]

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_CONTINENTS = {
    "us": "us",
    "europe": "eu",
    "asia": "asia",
}  # multi-region in which snapshots are stored
_INPUT_ONLY = ("guestFlush", "kind", "params", "sourceDisk")


class Snapshots:
    def __init__(
        self, cloud: Cloud, discovery: Discovery, operations: ComputeOperations, disks: Disks
    ) -> None:
        self._cloud = cloud
        self._discovery = discovery
        self._operations = operations
        self._disks = disks
        self._snapshots = Collection()
        self._content: dict[str, str] = {}
        self._creating: dict[
            str, set[str]
        ] = {}  # path of a disk -> paths of snapshots being created

    def content(self, path: str, disk: Json) -> str:
        """The content of a READY snapshot, for `disk`.

        404 if there is none; 400 FAILED_PRECONDITION if it is not READY; 400 INVALID_ARGUMENT if it
        is of a larger disk.
        """
        snapshot = self._find(path)
        if snapshot["status"] != "READY":
            raise ApiError.failed_precondition(f"'{path}' is {snapshot['status']}, not READY.")
        if int(disk["sizeGb"]) < int(snapshot["diskSizeGb"]):
            raise ApiError.invalid(
                f"Requested disk size cannot be smaller than the snapshot size "
                f"({snapshot['diskSizeGb']} GB)."
            )
        return self._content[path]

    def size_gb(self, path: str) -> int:
        """The minimum size of a disk created from the snapshot."""
        return int(self._find(path)["diskSizeGb"])

    def disk_deleted(self, disk: str) -> None:
        """The disk at this path was deleted: fail the snapshots that are being created from it."""
        for path in self._creating.get(disk, ()):
            self._operations.fail_pending(path, errors.not_found(disk))

    def resources(self) -> list[Json]:
        """For `/_admin/resources`: in the form of the API, named by the full path."""
        return [
            {**deepcopy(self._snapshots.get(path)), "kind": "compute.snapshot", "name": path}
            for path in self._snapshots.names()
        ]

    # Reading

    def get(self, incoming: Incoming) -> Json:
        return deepcopy(self._find(_path(incoming, incoming.params["snapshot"])))

    def list(self, incoming: Incoming) -> Json:
        prefix = _path(incoming, "")
        found = Page.of(incoming.query).take(self._snapshots, prefix)
        return listed("compute#snapshotList", prefix.removesuffix("/"), found)

    # Changing

    def insert(self, incoming: Incoming) -> Json:
        """Create one from the disk in `sourceDisk`, a link or a partial path."""
        body = self._checked("Snapshot", incoming)
        reference = body.get("sourceDisk", "")
        disk = disk_path(reference, incoming.params["project"])
        if disk is None:
            refuse([f'sourceDisk: "{reference}" is not the URL of a disk'])
        assert disk is not None
        return self._create(incoming, "snapshots.insert", "insert", disk, body)

    def create_snapshot(self, incoming: Incoming) -> Json:
        """Create one from the disk in the path."""
        body = self._checked("Snapshot", incoming)
        place = incoming.params
        disk = f"projects/{place['project']}/zones/{place['zone']}/disks/{place['disk']}"
        return self._create(incoming, "disks.createSnapshot", "createSnapshot", disk, body)

    def set_labels(self, incoming: Incoming) -> Json:
        body = self._checked("GlobalSetLabelsRequest", incoming)
        path = _path(incoming, incoming.params["snapshot"])
        labels = body.get("labels", {})
        refuse(label_violations(labels, "labels"))

        def begin(_: datetime) -> Change:
            snapshot = self._find(path)
            self._operations.check_idle(path)
            if body.get("labelFingerprint") != snapshot["labelFingerprint"]:
                raise errors.labels_changed()

            def succeed(_: datetime) -> Json:
                snapshot.update(labels=labels, labelFingerprint=fingerprint(labels))
                return {}

            return Change("setLabels", "update", path, snapshot["id"], succeed, nothing_to_undo)

        return self._operations.change(incoming, "snapshots.setLabels", path, begin)

    def delete(self, incoming: Incoming) -> Json:
        path = _path(incoming, incoming.params["snapshot"])

        def begin(_: datetime) -> Change:
            snapshot = self._find(path)
            self._operations.check_idle(path)
            before = snapshot["status"]
            snapshot["status"] = "DELETING"

            def succeed(_: datetime) -> Json:
                self._snapshots.remove(path)
                self._content.pop(path, None)
                return {}

            def fail(_: datetime) -> None:
                snapshot["status"] = before

            return Change("delete", "delete", path, snapshot["id"], succeed, fail)

        return self._operations.change(incoming, "snapshots.delete", path, begin)

    def _create(self, incoming: Incoming, method: str, kind: str, disk: str, body: Json) -> Json:
        refuse(_body_violations(body))
        path = _path(incoming, body["name"])

        def begin(now: datetime) -> Change:
            source = self._disks.find(disk)
            if self._snapshots.find(path) is not None:
                raise errors.already_exists(path)
            self._check_room()
            snapshot = _new_snapshot(path, body, source, now)
            self._snapshots.add(path, snapshot)
            content = self._disks.content(disk)
            self._creating.setdefault(disk, set()).add(path)

            def succeed(_: datetime) -> Json:
                self._end_creation(disk, path, "READY")
                self._content[path] = content
                snapshot["storageBytes"] = str(len(content.encode()))
                return {}

            def fail(_: datetime) -> None:
                self._end_creation(disk, path, "FAILED")

            return Change(kind, "snapshot", disk, source["id"], succeed, fail)

        return self._operations.change(incoming, method, path, begin)

    def _end_creation(self, disk: str, path: str, status: str) -> None:
        """Set the status at the end of a creation; the disk is not needed from now on."""
        self._snapshots.get(path)["status"] = status
        creating = self._creating[disk]
        creating.discard(path)
        if not creating:
            del self._creating[disk]

    def _checked(self, schema: str, incoming: Incoming) -> Json:
        # "kind" is output only, but clients may send back a resource that they read.
        body = {key: value for key, value in incoming.json().items() if key != "kind"}
        self._discovery.check(schema, body)
        return self._discovery.normalised(schema, body)

    def _check_room(self) -> None:
        try:
            self._cloud.quotas.check_room("compute.snapshots", len(self._snapshots))
        except ApiError as error:
            raise errors.quota_exceeded(error.message) from error

    def _find(self, path: str) -> Json:
        snapshot = self._snapshots.find(path)
        if snapshot is None:
            raise errors.not_found(path)
        return snapshot


def _new_snapshot(path: str, body: Json, source: Json, now: datetime) -> Json:
    labels: dict[str, str] = body.get("labels", {})
    region = source["zone"].rsplit("/", 1)[1].rsplit("-", 1)[0]
    nearest = _CONTINENTS.get(region.split("-")[0], region)
    given = {key: value for key, value in body.items() if key not in _INPUT_ONLY}
    defaults: Json = {"snapshotType": "STANDARD", "storageLocations": [nearest]}
    return (
        defaults
        | given
        | {
            "kind": "compute#snapshot",
            "id": numeric_id(),
            "selfLink": link(path),
            "creationTimestamp": timestamp(now),
            "status": "CREATING",
            "sourceDisk": source["selfLink"],
            "sourceDiskId": source["id"],
            "diskSizeGb": source["sizeGb"],
            "storageBytes": "0",
            "storageBytesStatus": "UP_TO_DATE",
            "labelFingerprint": fingerprint(labels),
        }
    )


def _body_violations(body: Json) -> list[str]:
    found = label_violations(body.get("labels", {}), "labels")
    if not _NAME.fullmatch(body.get("name", "")):
        found.append(f'name: "{body.get("name", "")}" must match {_NAME.pattern}')
    return found


def _path(incoming: Incoming, name: str) -> str:
    return f"projects/{incoming.params['project']}/global/snapshots/{name}"


def nothing_to_undo(_: datetime) -> None:
    """The `fail` of a change that has no effect before it succeeds."""
