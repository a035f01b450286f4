"""Updates of Dataproc clusters, and injection of credentials, over HTTP."""

import hashlib
from typing import Any

import pytest

from tests.local.dataproc import harness
from tests.local.dataproc.harness import CLUSTER, CLUSTERS, PERSONAL, Running, status, violated

running = harness.running  # pytest finds fixtures by name


class TestUpdate:
    @pytest.fixture(autouse=True)
    def _running(self, running: Running) -> None:
        running("POST", CLUSTERS, CLUSTER)
        running.wait()

    def patch(self, running: Running, body: dict[str, Any], mask: str) -> dict[str, Any]:
        return running("PATCH", f"{CLUSTERS}/c1", body, updateMask=mask)

    def test_labels_are_replaced_except_dataprocs_own(self, running: Running) -> None:
        operation = self.patch(running, {"labels": {"cost": "7"}}, "labels")
        assert operation["metadata"]["operationType"] == "UPDATE"
        assert running("GET", f"{CLUSTERS}/c1")["status"]["state"] == "UPDATING"
        running.wait()
        cluster = running("GET", f"{CLUSTERS}/c1")
        assert cluster["status"]["state"] == "RUNNING"
        mine = {k: v for k, v in cluster["labels"].items() if not k.startswith("goog-")}
        assert (mine, len(cluster["labels"])) == ({"cost": "7"}, 4)

    def test_workers_are_added(self, running: Running) -> None:
        body = {"config": {"workerConfig": {"numInstances": 5}}}
        self.patch(running, body, "config.worker_config.num_instances")
        running.wait()
        config = running("GET", f"{CLUSTERS}/c1")["config"]
        assert config["workerConfig"]["numInstances"] == 5
        assert config["masterConfig"]["numInstances"] == 1

    @pytest.mark.parametrize("mask", ["config.software_config", "", "clusterName"])
    def test_nothing_else_can_be_updated(self, running: Running, mask: str) -> None:
        assert violated(self.patch(running, {}, mask)) == ["updateMask"]

    def test_an_update_during_another_one_is_refused(self, running: Running) -> None:
        self.patch(running, {"labels": {}}, "labels")
        assert status(self.patch(running, {"labels": {}}, "labels")) == "FAILED_PRECONDITION"


class TestCredentials:
    def inject(self, running: Running, key: str, uuid: str = "", name: str = "c1") -> Any:
        cluster = running("GET", f"{CLUSTERS}/{name}")
        digest = hashlib.sha256(f"{key}\n".encode()).hexdigest()
        body = {
            "clusterUuid": uuid or cluster["clusterUuid"],
            "credentialsCiphertext": f"{digest}:token:key:iv:tag",
        }
        return running("POST", f"{CLUSTERS}/{name}:injectCredentials", body)

    def key(self, running: Running) -> str:
        """The public key of the personal cluster."""
        (master,) = running("GET", f"{CLUSTERS}/c1")["config"]["masterConfig"]["instanceReferences"]
        return str(master["publicKey"])

    @pytest.fixture
    def personal(self, running: Running) -> None:
        running("POST", CLUSTERS, PERSONAL)
        running.wait()

    @pytest.mark.usefixtures("personal")
    def test_credentials_for_the_clusters_key_are_accepted(self, running: Running) -> None:
        operation = self.inject(running, self.key(running))
        assert operation["metadata"]["operationType"] == "INJECT_CREDENTIALS"
        running.wait()
        assert running("GET", operation["name"])["done"]
        assert running("GET", f"{CLUSTERS}/c1")["status"]["state"] == "RUNNING"

    @pytest.mark.usefixtures("personal")
    def test_credentials_for_another_key_or_cluster_are_refused(self, running: Running) -> None:
        key = self.key(running)
        assert violated(self.inject(running, key + "x")) == ["credentialsCiphertext"]
        assert violated(self.inject(running, key, uuid="other")) == ["clusterUuid"]

    def test_credentials_are_refused_by_a_cluster_that_is_not_personal(
        self, running: Running
    ) -> None:
        running("POST", CLUSTERS, CLUSTER)
        running.wait()
        config = running("GET", f"{CLUSTERS}/c1")["config"]
        assert config["masterConfig"]["instanceReferences"] == [{"instanceName": "c1-m"}]
        assert status(self.inject(running, "key")) == "FAILED_PRECONDITION"
