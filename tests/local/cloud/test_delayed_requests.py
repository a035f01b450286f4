"""Delayed requests: scripted faults of kind "late"."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
import requests
from google.cloud.notebooks_v1 import ManagedNotebookServiceClient
from google.cloud.notebooks_v1.services.managed_notebook_service.transports import (
    ManagedNotebookServiceGrpcTransport as Transport,
)

from local.server import LocalCloud

ZONE = "projects/demo/locations/us-central1-a"
PLACE = "projects/demo/locations/us-central1"
REGION = "projects/demo/regions/us-central1"
INSTANCES = f"/v2/{ZONE}/instances"
NB1 = f"{INSTANCES}/nb1"
DISKS = "/compute/v1/projects/demo/zones/us-central1-a/disks"
SNAPSHOTS = "/compute/v1/projects/demo/global/snapshots"
TEMPLATES = f"/v1/{PLACE}/sessionTemplates"
SESSIONS = f"/v1/{PLACE}/sessions"
CLUSTERS = f"/v1/{REGION}/clusters"
RUNTIME = f"{PLACE}/runtimes/ana"


class Api:
    """Sends requests to the whole cloud and scripts faults of kind "late"."""

    def __init__(self, local: LocalCloud) -> None:
        self.local = local

    def __call__(self, verb: str, path: str, body: object = None, **query: str) -> dict[str, Any]:
        answer = requests.request(verb, self.local.url + path, json=body, params=query, timeout=10)
        found: dict[str, Any] = answer.json()
        return found

    def late(self, method: str, **fields: Any) -> None:
        spec = {"method": method, "when": "late", "late_seconds": 120, **fields}
        assert "id" in self("POST", "/_admin/faults", spec)

    def lose(self, verb: str, path: str, body: object = None, **query: str) -> None:
        """Send a request whose connection is closed without an answer."""
        with pytest.raises(requests.ConnectionError):
            self(verb, path, body, **query)

    def outcomes(self) -> list[str]:
        (fault,) = self("GET", "/_admin/faults")["faults"]
        return list(fault["late_outcomes"])

    def wait(self, seconds: float) -> None:
        self.local.cloud.clock.advance(timedelta(seconds=seconds))

    def names(self, kind: str) -> set[str]:
        found = self("GET", "/_admin/resources", kind=kind)["resources"]
        return {one["name"].rpartition("/")[2] for one in found}


@pytest.fixture
def api() -> Iterator[Api]:
    """A cloud with a running nb1, a stopped nb2, snapshot s1, a template, session, cluster."""
    with LocalCloud() as local:
        api = Api(local)
        local.cloud.operation_seconds = 0
        for name in ("nb1", "nb2"):
            api("POST", INSTANCES, {}, instanceId=name)
        api("POST", f"{INSTANCES}/nb2:stop", {})
        api("POST", f"{DISKS}/nb1-data-workspace/createSnapshot", {"name": "s1"})
        api("POST", TEMPLATES, _template("spark-ana"))
        api("POST", SESSIONS, {"jupyterSession": {}}, sessionId="work")
        api("POST", CLUSTERS, _cluster("c1"))
        yield api


def _template(name: str) -> dict[str, Any]:
    return {"name": f"{PLACE}/sessionTemplates/{name}", "jupyterSession": {}}


def _cluster(name: str) -> dict[str, Any]:
    return {"projectId": "demo", "clusterName": name, "config": {}}


_SNAPSHOT = {"name": "s2", "sourceDisk": f"{DISKS[12:]}/nb1-data-workspace"}
_RESTORE = {"snapshot": {"projectId": "demo", "snapshotId": "s1"}}
_LABELS = {"labels": {"team": "core"}}

WRITES = [
    ("instances.create", "POST", INSTANCES, {}, {"instanceId": "nb3"}),
    ("instances.start", "POST", f"{INSTANCES}/nb2:start", {}, {}),
    ("instances.stop", "POST", f"{NB1}:stop", {}, {}),
    ("instances.patch", "PATCH", NB1, _LABELS, {"updateMask": "labels"}),
    ("instances.restore", "POST", f"{NB1}:restore", _RESTORE, {}),
    ("instances.delete", "DELETE", NB1, None, {}),
    ("disks.createSnapshot", "POST", f"{DISKS}/nb1/createSnapshot", {"name": "s2"}, {}),
    ("snapshots.insert", "POST", SNAPSHOTS, _SNAPSHOT, {}),
    ("snapshots.delete", "DELETE", f"{SNAPSHOTS}/s1", None, {}),
    ("sessionTemplates.create", "POST", TEMPLATES, _template("spark-ben"), {}),
    ("sessionTemplates.patch", "PATCH", f"{TEMPLATES}/spark-ana", _template("spark-ana"), {}),
    ("sessionTemplates.delete", "DELETE", f"{TEMPLATES}/spark-ana", None, {}),
    ("sessions.create", "POST", SESSIONS, {"jupyterSession": {}}, {"sessionId": "more"}),
    ("sessions.terminate", "POST", f"{SESSIONS}/work:terminate", {}, {}),
    ("sessions.delete", "DELETE", f"{SESSIONS}/work", None, {}),
    ("clusters.create", "POST", CLUSTERS, _cluster("c2"), {}),
    ("clusters.stop", "POST", f"{CLUSTERS}/c1:stop", {}, {}),
    ("clusters.delete", "DELETE", f"{CLUSTERS}/c1", None, {}),
]


@pytest.mark.parametrize(
    ("method", "verb", "path", "body", "query"), WRITES, ids=[write[0] for write in WRITES]
)
def test_every_write_is_applied_only_at_its_due_time(
    api: Api, method: str, verb: str, path: str, body: object, query: dict[str, str]
) -> None:
    before = api("GET", "/_admin/resources")
    api.late(method)
    api.lose(verb, path, body, **query)
    api.wait(110)
    assert (api.outcomes(), api("GET", "/_admin/resources")) == ([], before)
    api.wait(20)
    assert api.outcomes() == ["OK"]
    assert api("GET", "/_admin/resources") != before


def test_a_delayed_request_runs_with_the_time_at_which_it_was_due(api: Api) -> None:
    api.local.cloud.operation_seconds = None
    begun = api.local.cloud.clock.now()
    api.late("instances.create")
    api.lose("POST", INSTANCES, {}, instanceId="nb3")
    api.wait(3600)
    instance = api("GET", f"{INSTANCES}/nb3")
    assert instance["state"] == "ACTIVE"  # applied after two minutes, running 90 s later
    created = datetime.fromisoformat(instance["createTime"])
    assert timedelta(seconds=120) <= created - begun < timedelta(seconds=130)


def test_a_delayed_request_is_checked_against_the_state_at_its_due_time(api: Api) -> None:
    api.late("instances.create", times=1)
    api.lose("POST", INSTANCES, {}, instanceId="nb3")
    assert "error" not in api("POST", INSTANCES, {}, instanceId="nb3")
    api.wait(120)
    assert api.outcomes() == ["ALREADY_EXISTS"]


def test_delayed_requests_run_in_the_order_of_their_due_times(api: Api) -> None:
    api.late("instances.stop", late_seconds=60)
    api.late("instances.start", late_seconds=50)
    api.lose("POST", f"{NB1}:stop", {})
    api.lose("POST", f"{NB1}:start", {})
    api.wait(600)
    assert api("GET", NB1)["state"] == "STOPPED"


def test_the_caller_may_get_an_error_instead_of_a_broken_connection(api: Api) -> None:
    api.late("instances.stop", error={"status": "DEADLINE_EXCEEDED"})
    assert api("POST", f"{NB1}:stop", {})["error"]["code"] == 504
    assert api("GET", NB1)["state"] == "ACTIVE"
    api.wait(120)
    assert api("GET", NB1)["state"] == "STOPPED"


def test_a_request_is_logged_once_as_it_was_answered(api: Api) -> None:
    api.late("instances.stop")
    api.lose("POST", f"{NB1}:stop", {})
    api.wait(120)
    calls = api("GET", "/_admin/calls", method="instances.stop")["calls"]
    assert [(c["target"], c["outcome"], c["fault"]) for c in calls] == [
        (f"{ZONE}/instances/nb2", "OK", None),
        (f"{ZONE}/instances/nb1", "DROPPED", "fault-1"),
    ]


def test_only_operation_faults_apply_to_a_delayed_request(api: Api) -> None:
    api.late("instances.stop", times=1)
    api.lose("POST", f"{NB1}:stop", {})
    internal = {"status": "INTERNAL", "message": "it broke"}
    for when in ("before", "after", "operation"):
        api("POST", "/_admin/faults", {"when": when, "method": "instances.stop", "error": internal})
    api.wait(120)
    (late, before, after, operation) = api("GET", "/_admin/faults")["faults"]
    assert late["late_outcomes"] == ["OK"]
    assert (before["hits"], after["hits"], operation["hits"]) == (0, 0, 1)
    assert api("GET", NB1)["state"] == "ACTIVE"


def test_a_delayed_read_is_dropped(api: Api) -> None:
    api.late("instances.get")
    api.lose("GET", NB1)
    api.wait(600)
    assert api.outcomes() == []


def test_a_write_over_grpc_is_delayed_too(api: Api) -> None:
    api.local.notebooks_v1.seed(RUNTIME)
    api.late("runtimes.delete", service="notebooks_v1")
    channel = grpc.insecure_channel(api.local.grpc_address)
    client = ManagedNotebookServiceClient(transport=Transport(channel=channel))
    with channel, pytest.raises(Exception, match="Socket closed"):
        client.delete_runtime(name=RUNTIME)
    assert api.names("notebooks.runtime") == {"ana"}
    api.wait(120)
    assert (api.names("notebooks.runtime"), api.outcomes()) == (set(), ["OK"])
