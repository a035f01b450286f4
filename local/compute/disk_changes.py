"""Changes of disks over the API: insert, setLabels, resize and delete.

It must not know HTTP routes or notebooks.

Where Google's documents say nothing: a disk exists and is empty as soon as its insert is accepted;
it has the content of its source snapshot when the operation ends.
"""

import re
from datetime import datetime
from typing import Any

from local.api.discovery import Discovery, refuse
from local.api.http import Incoming
from local.api.labels import label_violations
from local.compute import errors
from local.compute.disks import Disks, NewDisk
from local.compute.names import fingerprint
from local.compute.operations import Change, ComputeOperations
from local.compute.snapshots import Snapshots

Json = dict[str, Any]

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SNAPSHOT = re.compile(
    r"(?:(?:https?://[^/]+/compute/[a-z0-9]+/)?(?:projects/(?P<project>[^/]+)/)?global/snapshots/)?"
    r"(?P<name>[^/]+)"
)
_DEFAULT_GB = {"pd-standard": 500}  # documented; 100 for the others
# Fields that an insert may have; others are refused, as they would have no effect.
_SUPPORTED = frozenset(
    {"description", "labels", "name", "sizeGb", "sourceSnapshot", "type", "zone"}
)


class DiskChanges:
    def __init__(
        self,
        discovery: Discovery,
        operations: ComputeOperations,
        disks: Disks,
        snapshots: Snapshots,
    ) -> None:
        self._discovery = discovery
        self._operations = operations
        self._disks = disks
        self._snapshots = snapshots

    def insert(self, incoming: Incoming) -> Json:
        """Create an empty disk, or one from `sourceSnapshot` that is at least as large."""
        body = self._checked("Disk", incoming)
        refuse(_insert_violations(body))
        path = _path(incoming, body["name"])
        source = _snapshot_path(body.get("sourceSnapshot", ""), incoming.params["project"])

        def begin(now: datetime) -> Change:
            type_ = body.get("type", "pd-standard").rsplit("/", 1)[-1]
            least = self._snapshots.size_gb(source) if source else 1
            default = least if source else _DEFAULT_GB.get(type_, 100)
            size = int(body.get("sizeGb") or default)
            if size < least:
                refuse([f"sizeGb: must be at least the snapshot's {least}, not {size}"])
            content = self._snapshots.content(source, {"sizeGb": size}) if source else ""
            disk = NewDisk(path, type_, size, "", body.get("labels", {}))
            self._disks.add([disk], now)
            made = self._disks.find(path)
            made |= {k: body[k] for k in ("description", "sourceSnapshot") if k in body}

            def succeed(_: datetime) -> Json:
                self._disks.write(path, content)
                return {}

            def fail(_: datetime) -> None:
                self._disks.remove(path)

            return Change("insert", "create", path, made["id"], succeed, fail)

        return self._operations.change(incoming, "disks.insert", path, begin)

    def set_labels(self, incoming: Incoming) -> Json:
        body = self._checked("ZoneSetLabelsRequest", incoming)
        path = _path(incoming, incoming.params["disk"])
        labels = body.get("labels", {})
        refuse(label_violations(labels, "labels"))

        def begin(_: datetime) -> Change:
            disk = self._disks.find(path)
            self._operations.check_idle(path)
            if body.get("labelFingerprint") != disk["labelFingerprint"]:
                raise errors.labels_changed()

            def succeed(_: datetime) -> Json:
                disk.update(labels=labels, labelFingerprint=fingerprint(labels))
                return {}

            return Change("setLabels", "update", path, disk["id"], succeed, nothing_to_undo)

        return self._operations.change(incoming, "disks.setLabels", path, begin)

    def resize(self, incoming: Incoming) -> Json:
        """Enlarge a disk; 400 unless the new size is larger."""
        body = self._checked("DisksResizeRequest", incoming)
        path = _path(incoming, incoming.params["disk"])
        wanted = int(body.get("sizeGb", 0))

        def begin(_: datetime) -> Change:
            disk = self._disks.find(path)
            self._operations.check_idle(path)
            if wanted <= int(disk["sizeGb"]):
                refuse([f"sizeGb: {wanted} is not larger than the disk's {disk['sizeGb']}"])

            def succeed(_: datetime) -> Json:
                self._disks.enlarge(path, wanted)
                return {}

            return Change("resizeDisk", "update", path, disk["id"], succeed, nothing_to_undo)

        return self._operations.change(incoming, "disks.resize", path, begin)

    def delete(self, incoming: Incoming) -> Json:
        """Delete a disk; 400 if it is attached to a machine."""
        path = _path(incoming, incoming.params["disk"])

        def begin(_: datetime) -> Change:
            disk = self._disks.find(path)
            self._operations.check_idle(path)
            if disk.get("users"):
                raise errors.in_use(path, disk["users"][0])
            before = disk["status"]
            disk["status"] = "DELETING"

            def succeed(_: datetime) -> Json:
                self._disks.remove(path)
                self._snapshots.disk_deleted(path)
                return {}

            def fail(_: datetime) -> None:
                disk["status"] = before

            return Change("delete", "delete", path, disk["id"], succeed, fail)

        return self._operations.change(incoming, "disks.delete", path, begin)

    def _checked(self, schema: str, incoming: Incoming) -> Json:
        # "kind" is output only, but clients may send back a resource that they read.
        body = {key: value for key, value in incoming.json().items() if key != "kind"}
        self._discovery.check(schema, body)
        return self._discovery.normalised(schema, body)


def _insert_violations(body: Json) -> list[str]:
    found = label_violations(body.get("labels", {}), "labels")
    if not _NAME.fullmatch(body.get("name", "")):
        found.append(f'name: "{body.get("name", "")}" must match {_NAME.pattern}')
    unknown = sorted(set(body) - _SUPPORTED)
    return found + [f"{field}: not supported by the local cloud" for field in unknown]


def _snapshot_path(reference: str, project: str) -> str:
    """The path of a snapshot given as a link, a partial path or a name; "" for none."""
    if not reference:
        return ""
    found = _SNAPSHOT.fullmatch(reference)
    if found is None:
        refuse([f'sourceSnapshot: "{reference}" is not the URL of a snapshot'])
    assert found is not None
    return f"projects/{found['project'] or project}/global/snapshots/{found['name']}"


def _path(incoming: Incoming, name: str) -> str:
    return f"projects/{incoming.params['project']}/zones/{incoming.params['zone']}/disks/{name}"


def nothing_to_undo(_: datetime) -> None:
    """The `fail` of a change that has no effect before it succeeds."""
