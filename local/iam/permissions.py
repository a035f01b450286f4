"""The permissions that each method of Google's APIs needs, and the source for that.

One row for each method and permission, for all methods that the functions may call;
`docs/permissions.md` is generated from it. Method names are those of the call log. It must not know
accounts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple


class Known(Enum):
    """The source of a row. None was tested on Google Cloud."""

    DATASET = "IAM dataset"  # github.com/iann0036/iam-dataset 2073fa5, gcp/map.json, by method
    PAGE = "Google's page"  # the page of the service, see docs/permissions.md
    NAME = "by name"  # a permission with the name of the method is in Google's roles
    UNVERIFIED = "not verified"


class When(Enum):
    """The condition under which a request needs a permission."""

    ALWAYS = ""
    SERVICE_ACCOUNT = "the body names a service account"
    LABELS = "the body has labels"
    OVERWRITES = "an object of that name exists"
    CREATES = "a write may create a document"
    UPDATES = "a write may change a document"
    DELETES = "a write deletes a document"
    TRANSACTION = "it begins a transaction"


class Permitted(NamedTuple):
    """A permission on a place."""

    permission: str
    place: str


@dataclass(frozen=True)
class Need:
    """A method needs a permission."""

    method: str
    permission: str
    known: Known
    when: When = When.ALWAYS


_DATASET, _PAGE, _NAME, _UNVERIFIED = Known.DATASET, Known.PAGE, Known.NAME, Known.UNVERIFIED
_ACT_AS = "iam.serviceAccounts.actAs"

# Methods for which neither the method's page nor the dataset names a permission.
FREE = ("notebooks.instances.checkAuthorization",)


def _same(known: Known, *methods: str) -> list[Need]:
    """Methods whose permission has the same name."""
    return [Need(method, method, known) for method in methods]


_NOTEBOOKS = [
    *_same(
        _DATASET,
        "notebooks.instances.create",
        "notebooks.instances.delete",
        "notebooks.instances.get",
        "notebooks.instances.list",
        "notebooks.instances.start",
        "notebooks.instances.stop",
        "notebooks.operations.get",
        "notebooks.operations.list",
    ),
    Need("notebooks.instances.create", _ACT_AS, _DATASET, When.SERVICE_ACCOUNT),
    Need("notebooks.instances.patch", "notebooks.instances.update", _DATASET),
    Need("notebooks.instances.patch", "notebooks.instances.get", _DATASET),
    Need("notebooks.instances.patch", _ACT_AS, _DATASET, When.SERVICE_ACCOUNT),
    Need("notebooks.instances.resizeDisk", "notebooks.instances.update", _DATASET),
    Need("notebooks.instances.restore", "notebooks.instances.update", _DATASET),
]

_OLDER = [
    *(
        Need(f"notebooks_v1.{kind}.{verb}", f"notebooks.{kind}.{verb}", _DATASET)
        for kind in ("runtimes", "instances")
        for verb in ("create", "delete", "get", "list", "start", "stop")
    ),
    Need("notebooks_v1.runtimes.delete", "notebooks.runtimes.create", _DATASET),
    Need("notebooks_v1.instances.create", _ACT_AS, _DATASET, When.SERVICE_ACCOUNT),
    Need("notebooks_v1.operations.get", "notebooks.operations.get", _DATASET),
    Need("notebooks_v1.operations.list", "notebooks.operations.list", _DATASET),
]

_COMPUTE = [
    *_same(
        _DATASET,
        "compute.disks.createSnapshot",
        "compute.disks.delete",
        "compute.disks.get",
        "compute.disks.list",
        "compute.globalOperations.get",
        "compute.snapshots.delete",
        "compute.snapshots.get",
        "compute.snapshots.list",
        "compute.snapshots.setLabels",
        "compute.zoneOperations.get",
    ),
    Need("compute.disks.aggregatedList", "compute.disks.list", _DATASET),
    Need("compute.disks.createSnapshot", "compute.snapshots.create", _DATASET),
    Need("compute.disks.createSnapshot", "compute.snapshots.setLabels", _UNVERIFIED, When.LABELS),
    Need("compute.globalOperations.wait", "compute.globalOperations.get", _DATASET),
    Need("compute.snapshots.insert", "compute.snapshots.create", _DATASET),
    Need("compute.snapshots.insert", "compute.disks.createSnapshot", _PAGE),
    Need("compute.snapshots.insert", "compute.snapshots.setLabels", _UNVERIFIED, When.LABELS),
]

_DATAPROC = [
    *_same(
        _NAME,
        "dataproc.sessionTemplates.create",
        "dataproc.sessionTemplates.delete",
        "dataproc.sessionTemplates.get",
        "dataproc.sessionTemplates.list",
        "dataproc.sessions.get",
        "dataproc.sessions.list",
        "dataproc.sessions.terminate",
    ),
    Need("dataproc.sessionTemplates.create", _ACT_AS, _UNVERIFIED, When.SERVICE_ACCOUNT),
    Need("dataproc.sessionTemplates.patch", "dataproc.sessionTemplates.update", _NAME),
    Need("dataproc.sessionTemplates.patch", _ACT_AS, _UNVERIFIED, When.SERVICE_ACCOUNT),
    *_same(
        _DATASET,
        "dataproc.clusters.delete",
        "dataproc.clusters.get",
        "dataproc.clusters.list",
        "dataproc.operations.get",
    ),
]

_STORAGE = [
    *_same(_DATASET, "storage.objects.delete", "storage.objects.get", "storage.objects.list"),
    Need("storage.objects.insert", "storage.objects.create", _DATASET),
    Need("storage.objects.insert", "storage.objects.delete", _PAGE, When.OVERWRITES),
    Need("storage.objects.patch", "storage.objects.get", _DATASET),
    Need("storage.objects.patch", "storage.objects.update", _DATASET),
    Need("storage.buckets.get", "storage.buckets.get", _DATASET),
]

_PUBSUB = _same(_DATASET, "pubsub.topics.publish")

_FIRESTORE = [
    Need("firestore.GetDocument", "datastore.entities.get", _PAGE),
    Need("firestore.BatchGetDocuments", "datastore.entities.get", _PAGE),
    Need("firestore.BatchGetDocuments", "datastore.databases.get", _PAGE, When.TRANSACTION),
    *(
        Need(f"firestore.{method}", permission, known, when)
        for method, known in (("RunQuery", _PAGE), ("RunAggregationQuery", _UNVERIFIED))
        for permission, when in (
            ("datastore.entities.get", When.ALWAYS),
            ("datastore.entities.list", When.ALWAYS),
            ("datastore.databases.get", When.TRANSACTION),
        )
    ),
    *(
        Need(f"firestore.{method}", f"datastore.entities.{verb}", _PAGE, when)
        for method in ("Commit", "BatchWrite")
        for verb, when in (
            ("create", When.CREATES),
            ("update", When.UPDATES),
            ("delete", When.DELETES),
        )
    ),
    Need("firestore.BeginTransaction", "datastore.databases.get", _PAGE),
    Need("firestore.Rollback", "datastore.databases.get", _PAGE),
]

NEEDS: tuple[Need, ...] = (
    *_NOTEBOOKS,
    *_OLDER,
    *_COMPUTE,
    *_DATAPROC,
    *_STORAGE,
    *_PUBSUB,
    *_FIRESTORE,
)

_BY_METHOD: dict[str, list[Need]] = {}
for _need in NEEDS:
    _BY_METHOD.setdefault(_need.method, []).append(_need)


def needed(method: str, conditions: Collection[When]) -> list[str]:
    """The permissions that a call of ``method`` under these ``conditions`` needs.

    For a method without a row it is ``unknown:METHOD``, which no role has.
    """
    if method in FREE or method.startswith("unknown."):  # not served: refused for all accounts
        return []
    rows = _BY_METHOD.get(method)
    if rows is None:
        return [f"unknown:{method}"]
    return [n.permission for n in rows if n.when is When.ALWAYS or n.when in conditions]


def conditions_of(body: Mapping[str, Any]) -> tuple[When, ...]:
    """The conditions that a request body meets."""
    found = []
    if body.get("labels"):
        found.append(When.LABELS)
    if _names_account(body):
        found.append(When.SERVICE_ACCOUNT)
    return tuple(found)


def _names_account(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_names_account, value))
    if not isinstance(value, Mapping):
        return False
    named = value.get("serviceAccount") or value.get("serviceAccounts")
    return bool(named) or any(map(_names_account, value.values()))


def place_of(method: str, target: str) -> str:
    """Where its permissions are checked: "bucket/NAME", "topic/NAME", "database" or "project"."""
    service = method.partition(".")[0]
    if service == "storage":
        return f"bucket/{target.partition('/')[0]}"
    if service == "pubsub":
        return f"topic/{target.rpartition('/')[2]}"
    return "database" if service == "firestore" else "project"
