"""The REST API of Compute Engine v1, as far as notebooks need it: disks, snapshots, operations.

It routes requests to its parts, and lets other services create and change disks. It must not know
Notebooks: a service whose operations change disks registers with `settle_first`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from starlette.routing import Route

from local.api.admin import AdminRoute
from local.api.discovery import Discovery
from local.api.http import Answer, Incoming, route
from local.cloud import Cloud
from local.compute import errors
from local.compute.disk_changes import DiskChanges
from local.compute.disks import Disks, NewDisk
from local.compute.operations import ComputeOperations
from local.compute.snapshots import Snapshots
from local.errors import ApiError

Json = dict[str, Any]
_Work = Callable[[Incoming], Json]

_ROOT = "/compute/v1/"
_PROJECT = _ROOT + "projects/{project}/"
# Custom verbs at the end of a path.
_VERBS = ("/createSnapshot", "/setLabels", "/resize", "/wait")

# gcloud sends it with every list, but it is not in the discovery document.
_UNDOCUMENTED = ("returnPartialSuccess",)


class Compute:
    """All disks, snapshots and their operations of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._discovery = Discovery("compute", "v1")
        self._operations = ComputeOperations(cloud)
        self._disks = Disks()
        self._snapshots = Snapshots(cloud, self._discovery, self._operations, self._disks)
        self._changes = DiskChanges(self._discovery, self._operations, self._disks, self._snapshots)
        self._settle_first: list[Callable[[], None]] = []

    def routes(self) -> list[Route]:
        """Routes at Google's paths."""
        disks, snapshots, operations = self._disks, self._snapshots, self._operations
        changes = self._changes
        table: list[tuple[str, str, str, _Work]] = [
            ("GET", "aggregated/disks", "disks.aggregatedList", disks.aggregated),
            ("GET", "zones/{zone}/disks", "disks.list", disks.list),
            ("POST", "zones/{zone}/disks", "disks.insert", changes.insert),
            ("GET", "zones/{zone}/disks/{disk}", "disks.get", disks.get),
            ("DELETE", "zones/{zone}/disks/{disk}", "disks.delete", changes.delete),
            ("POST", "zones/{zone}/disks/{disk}/setLabels", "disks.setLabels", changes.set_labels),
            ("POST", "zones/{zone}/disks/{disk}/resize", "disks.resize", changes.resize),
            ("POST", "zones/{zone}/disks/{disk}/createSnapshot", "disks.createSnapshot",
             snapshots.create_snapshot),
            ("GET", "global/snapshots", "snapshots.list", snapshots.list),
            ("POST", "global/snapshots", "snapshots.insert", snapshots.insert),
            ("GET", "global/snapshots/{snapshot}", "snapshots.get", snapshots.get),
            ("DELETE", "global/snapshots/{snapshot}", "snapshots.delete", snapshots.delete),
            ("POST", "global/snapshots/{snapshot}/setLabels", "snapshots.setLabels",
             snapshots.set_labels),
        ]  # fmt: skip
        for scope, name in (("global", "globalOperations"), ("zones/{zone}", "zoneOperations")):
            every, one = f"{scope}/operations", f"{scope}/operations/{{operation}}"
            table += [
                ("GET", every, f"{name}.list", operations.list),
                ("GET", one, f"{name}.get", operations.get),
                ("POST", one + "/wait", f"{name}.wait", operations.wait),
            ]
        return [self._route(*entry) for entry in table]

    def admin_routes(self) -> list[AdminRoute]:
        """Admin routes for the content of a disk, and for keeping a disk."""
        path = "/disks/{zone}/{disk}"
        keep = 'keep it when its notebook is deleted, or not: {"kept": true}'
        return [
            AdminRoute("GET", path, "the content of a disk", self._read_content),
            AdminRoute("PUT", path, 'replace the content: {"content": "…"}', self._write_content),
            AdminRoute("PUT", path + "/kept", keep, self._keep),
        ]

    def resources(self) -> list[Json]:
        """All resources for `/_admin/resources`: in the form of the API, plus a kind."""
        self._settle_others()
        with self._operations.settled():
            return self._disks.resources() + self._snapshots.resources()

    # For other services. `at`: the time of their operation's effect.

    def settle_first(self, settle: Callable[[], None]) -> None:
        """Call `settle`, which ends another service's due operations, before each request."""
        self._settle_first.append(settle)

    def create_disks(self, new: Iterable[NewDisk], at: datetime) -> None:
        """Create all of them, or none if a name is in use (409)."""
        with self._operations.settled(at):
            self._disks.add(new, at)

    def delete_disks(self, paths: Iterable[str], at: datetime) -> None:
        """Delete the disks and their contents; skip those that don't exist or are kept."""
        with self._operations.settled(at):
            for path in paths:
                if self._disks.is_kept(path):
                    continue
                self._disks.remove(path)
                self._snapshots.disk_deleted(path)

    def detach_disks(self, paths: Iterable[str], at: datetime) -> None:
        """Detach the disks from their deleted machine; skip those that don't exist."""
        with self._operations.settled(at):
            for path in paths:
                self._disks.detach(path, at)

    def enlarge_disk(self, disk: str, size_gb: int, at: datetime) -> None:
        """Enlarge the disk at this path; 404 if there is none."""
        with self._operations.settled(at):
            self._disks.enlarge(disk, size_gb)

    def write(self, disk: str, content: str, at: datetime) -> None:
        """Replace the content of the disk at this path; 404 if there is none."""
        with self._operations.settled(at):
            self._disks.write(disk, content)

    def snapshot_content(self, snapshot: str, disk: str, at: datetime) -> str:
        """The content of a READY snapshot.

        404 if there is none; 400 FAILED_PRECONDITION if it is not READY; 400 INVALID_ARGUMENT if it
        is of a larger disk than the one at path `disk`.
        """
        with self._operations.settled(at):
            return self._snapshots.content(snapshot, self._disks.find(disk))

    # Behind the routes

    def _route(self, verb: str, path: str, method: str, work: _Work) -> Route:
        def handler(incoming: Incoming) -> Answer:
            try:
                target, conditions = _target(incoming), incoming.permission_conditions()
                with self._cloud.call("compute", method, target, *conditions):
                    query = [e for e in incoming.query.multi_items() if e[0] not in _UNDOCUMENTED]
                    self._discovery.check_query(f"compute.{method}", query)
                    self._settle_others()
                    return self._read(work, incoming) if verb == "GET" else work(incoming)
            except ApiError as error:
                return errors.answer(error)

        return route(verb, _PROJECT + path, handler)

    def _read(self, work: _Work, incoming: Incoming) -> Json:
        with self._operations.settled():
            return work(incoming)

    def _settle_others(self) -> None:
        for settle in self._settle_first:
            settle()

    def _read_content(self, incoming: Incoming) -> Json:
        path = self._admin_path(incoming)
        self._settle_others()
        with self._operations.settled():
            return {"name": path, "content": self._disks.content(path)}

    def _write_content(self, incoming: Incoming) -> Json:
        body = incoming.json()
        content = body.get("content")
        if set(body) != {"content"} or not isinstance(content, str):
            raise ApiError.invalid('The body must be {"content": "some text"}.')
        self._settle_others()
        with self._operations.settled():
            self._disks.write(self._admin_path(incoming), content)
        return self._read_content(incoming)

    def _keep(self, incoming: Incoming) -> Json:
        body, path = incoming.json(), self._admin_path(incoming)
        if set(body) != {"kept"} or not isinstance(body["kept"], bool):
            raise ApiError.invalid('The body must be {"kept": true} or {"kept": false}.')
        self._settle_others()
        with self._operations.settled():
            self._disks.keep(path, body["kept"])
        return {"name": path, "kept": body["kept"]}

    def _admin_path(self, incoming: Incoming) -> str:
        place = incoming.params
        return f"projects/{self._cloud.project}/zones/{place['zone']}/disks/{place['disk']}"


def _target(incoming: Incoming) -> str:
    """The path of a request's resource; for an insert its name is in the body."""
    path = incoming.path.removeprefix(_ROOT)
    if incoming.method == "POST" and path.endswith(("/snapshots", "/disks")):
        try:
            return f"{path}/{incoming.json().get('name', '')}"
        except ApiError:  # the method itself reports an invalid body
            return path
    for verb in _VERBS:
        path = path.removesuffix(verb)
    return path
