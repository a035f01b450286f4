"""The snapshot of a notebook's data disk, as the body of a request to Compute Engine.

It is made from the record only, so that a leaver's work is saved even if the profiles changed.
Source: "Back up and restore data by using a snapshot" (Workbench): the data disk of an instance is
called ``INSTANCE-data-workspace`` and is in the instance's zone.
"""

from __future__ import annotations

from shared.domain.environment import Environment
from shared.domain.manifests.building import manifest
from shared.domain.manifests.labels import PROFILE, ownership
from shared.domain.names import key_in, label_value, resource_id
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource

EXPIRES = "benchkeeper-expires"
DATA_DISK = "-data-workspace"
_PREFIX = "sn"


def snapshot_name(notebook: str, key: str, slot: str) -> str:
    """The full name of the snapshot in ``slot``; ``notebook``: the full name of its source."""
    project = notebook.split("/")[1]
    return f"projects/{project}/global/snapshots/{resource_id(_PREFIX, key, slot)}"


def key_of_snapshot(name: str) -> str:
    """The key of the person for whom ``name`` is the id of a snapshot; '' if it is not ours."""
    return key_in(name) if name.startswith(f"{_PREFIX}-") else ""


def data_disk(notebook: str) -> str:
    """The full name of the data disk of a Workbench instance."""
    _, project, _, zone, _, instance = notebook.split("/")
    return f"projects/{project}/zones/{zone}/disks/{instance}{DATA_DISK}"


def snapshot_manifest(environment: Environment, snapshot: Resource) -> Manifest:
    """The manifest of ``snapshot``, stored in the region of the disk from which it is taken."""
    disk = data_disk(snapshot.retention.source)
    region = disk.split("/")[3].rpartition("-")[0]
    person = environment.person
    labels = ownership(environment.key) | {
        PROFILE: environment.terms.profile,
        "cost-center": label_value(person.cost_center),
        "team": label_value(person.team),
        EXPIRES: snapshot.retention.expires_at.date().isoformat()
        if snapshot.retention.expires_at
        else "",
    }
    body = {
        "name": snapshot.name.rpartition("/")[2],
        "sourceDisk": disk,
        "storageLocations": [region],
        "labels": {name: value for name, value in labels.items() if value},
        "description": f"Data of the notebook {snapshot.retention.source.rpartition('/')[2]}.",
    }
    return manifest(Kind.SNAPSHOT, snapshot.slot, (snapshot.name,), body)
