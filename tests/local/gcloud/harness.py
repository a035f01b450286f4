"""The tables of docs/local-cloud/gcloud.md, and the cloud in which their commands run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from local.server import LocalCloud

Json = dict[str, Any]

PAGE = Path(__file__).parents[3] / "docs" / "local-cloud" / "gcloud.md"
ZONE = "projects/demo/locations/us-central1-a"
PLACE = "projects/demo/locations/us-central1"
REGION = "projects/demo/regions/us-central1"
_PERSONAL = {"properties": {"dataproc:dataproc.personal-auth.user": "ana@example.com"}}
_ROW = re.compile(r"\| `gcloud (?P<command>[^|]+)` \| (?P<outcome>.+) \|")


def rows(title: str) -> list[tuple[str, str]]:
    """The rows of the table under that heading: command without "gcloud", and outcome."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [(row["command"], row["outcome"]) for row in _ROW.finditer(section)]


@contextmanager
def prepared_cloud() -> Iterator[LocalCloud]:
    """A cloud with the resources that the page lists; operations end at once, as gcloud waits."""
    with LocalCloud() as local:
        local.cloud.operation_seconds = 0
        for name in ("nb1", "nb2"):
            _call(local, "POST", f"v2/{ZONE}/instances?instanceId={name}", {})
        _call(local, "POST", f"v2/{ZONE}/instances/nb2:stop", {})
        _compute(local)
        _dataproc(local)
        _pubsub(local)
        local.storage.make_bucket("demo-files")
        _call(
            local, "POST", "upload/storage/v1/b/demo-files/o?uploadType=media&name=a.txt", "hello"
        )
        yield local


def resource(local: LocalCloud, path: str) -> Json | None:
    """The resource "KIND/ID" in /_admin/resources, if there is one."""
    kind, _, name = path.partition("/")
    found = requests.get(f"{local.url}/_admin/resources", params={"kind": kind}, timeout=10).json()
    fits = (one for one in found["resources"] if one["name"].rpartition("/")[2] == name)
    return next(fits, None)


def _compute(local: LocalCloud) -> None:
    disks = "compute/v1/projects/demo/zones/us-central1-a/disks"
    _call(local, "POST", disks, {"name": "spare", "sizeGb": "10", "labels": {"kind": "scratch"}})
    snapshot = {"name": "s1", "labels": {"person": "ana"}}
    _call(local, "POST", f"{disks}/nb1-data-workspace/createSnapshot", snapshot)


def _dataproc(local: LocalCloud) -> None:
    template = {"name": f"{PLACE}/sessionTemplates/spark-ana", "jupyterSession": {}}
    _call(local, "POST", f"v1/{PLACE}/sessionTemplates", template)
    _call(local, "POST", f"v1/{PLACE}/sessions?sessionId=work", {"jupyterSession": {}})
    for name, software in (("c1", {}), ("ana", _PERSONAL)):
        config = {"softwareConfig": software, "workerConfig": {"numInstances": 2}}
        cluster = {"projectId": "demo", "clusterName": name, "config": config}
        _call(local, "POST", f"v1/{REGION}/clusters", cluster)


def _pubsub(local: LocalCloud) -> None:
    """One message, acknowledged after the snapshot was taken."""
    topic, reader = "projects/demo/topics/news", "projects/demo/subscriptions/reader"
    _call(local, "PUT", f"v1/{topic}", {})
    _call(local, "PUT", f"v1/{reader}", {"topic": topic, "retainAckedMessages": True})
    local.pubsub.publish("news", b"hello")
    _call(local, "PUT", "v1/projects/demo/snapshots/then", {"subscription": reader})
    (leased,) = local.pubsub.broker.pull(reader, 1, 0)
    local.pubsub.broker.acknowledge(reader, [leased.ack_id])


def _call(local: LocalCloud, verb: str, path: str, body: Json | str) -> None:
    whole = {"json": body} if isinstance(body, dict) else {"data": body}
    answer = requests.request(verb, f"{local.url}/{path}", timeout=10, **whole)
    assert answer.ok, answer.text
