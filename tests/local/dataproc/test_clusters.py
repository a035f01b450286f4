"""Dataproc clusters over HTTP: creation, stop and start, updates, deletion, listing."""

from typing import Any

import pytest

from tests.local.dataproc import harness
from tests.local.dataproc.harness import (
    CLUSTER,
    CLUSTERS,
    PERSONAL,
    TEMPLATES,
    Running,
    status,
    violated,
)

running = harness.running  # pytest finds fixtures by name


class TestClusters:
    def test_a_cluster_is_created_runs_and_is_deleted(self, running: Running) -> None:
        operation = running("POST", CLUSTERS, CLUSTER, requestId="r-1")
        assert operation["name"].startswith("projects/demo/regions/us-central1/operations/")
        assert operation["metadata"]["operationType"] == "CREATE"
        assert running("GET", f"{CLUSTERS}/c1")["status"]["state"] == "CREATING"
        running.wait(90)
        cluster = running("GET", f"{CLUSTERS}/c1")
        assert cluster["status"]["state"] == "RUNNING"
        assert [s["state"] for s in cluster["statusHistory"]] == ["CREATING"]
        assert cluster["labels"]["goog-dataproc-cluster-name"] == "c1"
        done = running("GET", operation["name"])
        assert done["response"]["clusterUuid"] == cluster["clusterUuid"]
        assert done["metadata"]["status"]["state"] == "DONE"

        running("DELETE", f"{CLUSTERS}/c1")
        assert running("GET", f"{CLUSTERS}/c1")["status"]["state"] == "DELETING"
        again = running("DELETE", f"{CLUSTERS}/c1")
        assert again["error"]["status"] == "FAILED_PRECONDITION"
        running.wait()
        assert running("GET", f"{CLUSTERS}/c1")["error"]["status"] == "NOT_FOUND"

    def test_a_repeated_request_id_gets_the_same_operation(self, running: Running) -> None:
        first = running("POST", CLUSTERS, CLUSTER, requestId="r-1")
        assert running("POST", CLUSTERS, CLUSTER, requestId="r-1")["name"] == first["name"]
        other = running("POST", CLUSTERS, CLUSTER, requestId="r-2")
        assert other["error"]["status"] == "ALREADY_EXISTS"

    def test_a_failed_creation_stays_in_error_until_deleted(self, running: Running) -> None:
        error = {"status": "RESOURCE_EXHAUSTED", "message": "ZONE_RESOURCE_POOL_EXHAUSTED"}
        running.cloud.faults.add({"method": "clusters.create", "when": "operation", "error": error})
        operation = running("POST", CLUSTERS, CLUSTER)
        running.wait()
        assert running("GET", operation["name"])["error"]["code"] == 8
        assert running("GET", f"{CLUSTERS}/c1")["status"]["state"] == "ERROR"
        running("DELETE", f"{CLUSTERS}/c1")
        running.wait()
        assert running("GET", CLUSTERS) == {}

    def test_deleting_cancels_a_running_creation(self, running: Running) -> None:
        operation = running("POST", CLUSTERS, CLUSTER)
        running("DELETE", f"{CLUSTERS}/c1")
        assert running("GET", operation["name"])["error"]["code"] == 1
        running.wait()
        assert running("GET", CLUSTERS) == {}

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"clusterName": "C1"}, "clusterName"),
            ({"clusterName": "c" * 53}, "clusterName"),
            ({"projectId": "other"}, "projectId"),
            ({"projectId": None}, "projectId"),
            ({"status": {}}, "status"),
            ({"config": {"softwareConfig": {"optionalComponents": ["TETRIS"]}}},
             "config.softwareConfig.optionalComponents[0]"),
            ({"virtualClusterConfig": {"kubernetesClusterConfig": {"gkeClusterConfig": {}}}},
             "virtualClusterConfig"),
        ],
    )  # fmt: skip
    def test_a_wrong_body_is_refused_by_field(
        self, running: Running, change: dict[str, Any], field: str
    ) -> None:
        answer = running("POST", CLUSTERS, CLUSTER | change)
        assert violated(answer) == [field]

    def test_the_list_filters_by_name_label_and_group_of_states(self, running: Running) -> None:
        running("POST", CLUSTERS, CLUSTER)
        running("POST", CLUSTERS, CLUSTER | {"clusterName": "c2", "labels": {}})
        running.wait()
        running("DELETE", f"{CLUSTERS}/c2")

        def listed(text: str) -> list[str]:
            page = running("GET", CLUSTERS, filter=text)
            return [cluster["clusterName"] for cluster in page.get("clusters", [])]

        assert listed("labels.team = core AND status.state = ACTIVE") == ["c1"]
        assert listed("labels.team = core AND status.state = INACTIVE") == []
        assert listed("clusterName = c2 status.state = DELETING") == ["c2"]

    def test_admin_resources(self, running: Running) -> None:
        running("POST", CLUSTERS, CLUSTER)
        running("POST", TEMPLATES, {"name": f"{TEMPLATES}/t"})
        running.wait()
        shown = {r["kind"]: r for r in running.dataproc.resources()}
        assert shown["dataproc.cluster"]["name"] == f"{CLUSTERS}/c1"
        assert shown["dataproc.cluster"]["status"]["state"] == "RUNNING"
        assert shown["dataproc.sessionTemplate"]["name"] == f"{TEMPLATES}/t"


class TestStopAndStart:
    @pytest.fixture(autouse=True)
    def _created(self, running: Running) -> None:
        running("POST", CLUSTERS, CLUSTER)
        running("POST", CLUSTERS, PERSONAL | {"clusterName": "personal"})
        running.wait()

    def test_a_cluster_is_stopped_and_started_again(self, running: Running) -> None:
        operation = running("POST", f"{CLUSTERS}/c1:stop", {"requestId": "r-1"})
        assert operation["metadata"]["operationType"] == "STOP"
        assert state(running) == "STOPPING"
        assert running("POST", f"{CLUSTERS}/c1:stop", {"requestId": "r-1"}) == operation
        running.wait(30)
        assert state(running) == "STOPPED"
        running("POST", f"{CLUSTERS}/c1:start")
        assert state(running) == "STARTING"
        running.wait()
        assert state(running) == "RUNNING"

    def test_stop_and_start_need_the_right_state(self, running: Running) -> None:
        assert status(running("POST", f"{CLUSTERS}/c1:start", {})) == "FAILED_PRECONDITION"
        running("POST", f"{CLUSTERS}/c1:stop", {})
        assert status(running("POST", f"{CLUSTERS}/c1:stop", {})) == "FAILED_PRECONDITION"

    @pytest.mark.parametrize("verb", ["stop", "start"])
    def test_a_personal_cluster_is_neither_stopped_nor_started(
        self, running: Running, verb: str
    ) -> None:
        refused = running("POST", f"{CLUSTERS}/personal:{verb}", {})
        assert (refused["error"]["code"], status(refused)) == (400, "FAILED_PRECONDITION")
        assert state(running, "personal") == "RUNNING"

    def test_a_personal_cluster_is_deleted(self, running: Running) -> None:
        running("DELETE", f"{CLUSTERS}/personal")
        running.wait()
        assert status(running("GET", f"{CLUSTERS}/personal")) == "NOT_FOUND"

    def test_another_uuid_is_not_found(self, running: Running) -> None:
        other = running("POST", f"{CLUSTERS}/c1:stop", {"clusterUuid": "another"})
        assert status(other) == "NOT_FOUND"
        assert state(running) == "RUNNING"

    def test_an_unknown_field_is_refused(self, running: Running) -> None:
        assert violated(running("POST", f"{CLUSTERS}/c1:stop", {"force": True})) == ["force"]

    def test_a_stop_that_fails_leaves_it_running(self, running: Running) -> None:
        error = {"status": "INTERNAL", "message": "no"}
        fault = running.cloud.faults.add(
            {"method": "clusters.stop", "when": "operation", "match": "/c1", "error": error}
        )
        operation = running("POST", f"{CLUSTERS}/c1:stop", {})
        running.wait()
        assert fault.hits == 1
        assert running("GET", operation["name"])["error"]["code"] == 13
        cluster = running("GET", f"{CLUSTERS}/c1")
        assert (cluster["status"]["state"], cluster["status"]["detail"]) == ("RUNNING", "no")

    def test_deleting_cancels_a_running_stop(self, running: Running) -> None:
        stop = running("POST", f"{CLUSTERS}/c1:stop", {})
        running("DELETE", f"{CLUSTERS}/c1")
        assert running("GET", stop["name"])["error"]["code"] == 1
        assert state(running) == "DELETING"
        running.wait()
        assert status(running("GET", f"{CLUSTERS}/c1")) == "NOT_FOUND"

    def test_each_request_is_logged_once(self, running: Running) -> None:
        running.cloud.calls.clear()
        running("POST", f"{CLUSTERS}/c1:stop", {})
        (call,) = running.cloud.calls.entries()
        assert (call.method, call.target) == ("clusters.stop", f"{CLUSTERS}/c1")


def state(running: Running, name: str = "c1") -> str:
    return str(running("GET", f"{CLUSTERS}/{name}")["status"]["state"])
