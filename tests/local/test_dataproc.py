"""The Dataproc v1 face: through Google's own client, and HTTP where that hides the wire."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import dataproc_v1
from google.protobuf.descriptor import Descriptor, EnumDescriptor

from local.cloud import Cloud
from local.dataproc import Dataproc
from local.discovery import Discovery
from local.web import Server, build_app

PLACE = "projects/demo/locations/us-central1"
TEMPLATES = f"{PLACE}/sessionTemplates"
CLUSTERS = "projects/demo/regions/us-central1/clusters"
CLUSTER = {
    "projectId": "demo",
    "clusterName": "c1",
    "labels": {"team": "core"},
    "config": {"masterConfig": {"numInstances": 1}},
}


@dataclass
class Running:
    cloud: Cloud
    dataproc: Dataproc
    url: str
    client: dataproc_v1.SessionTemplateControllerClient

    def __call__(self, method: str, path: str, json: object = None, **query: str) -> dict[str, Any]:
        answer = requests.request(
            method, f"{self.url}/v1/{path}", json=json, params=query, timeout=10
        )
        body: dict[str, Any] = answer.json()
        assert answer.ok is ("error" not in body or "done" in body)
        return body

    def wait(self, seconds: float = 100) -> None:
        self.cloud.clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def running() -> Iterator[Running]:
    cloud = Cloud()
    dataproc = Dataproc(cloud)
    with Server(build_app(cloud, [dataproc.routes()])) as server:
        client = dataproc_v1.SessionTemplateControllerClient(
            transport="rest",
            client_options={"api_endpoint": server.url},
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        )
        with client:
            yield Running(cloud, dataproc, server.url, client)


def template(template_id: str = "spark-ana", **fields: Any) -> dataproc_v1.SessionTemplate:
    return dataproc_v1.SessionTemplate(
        name=f"{TEMPLATES}/{template_id}",
        labels={"team": "core"},
        jupyter_session={"kernel": "PYTHON", "display_name": "Spark"},
        environment_config={
            "execution_config": {
                "idle_ttl": {"seconds": 3600},
                "authentication_config": {
                    "user_workload_authentication_type": "END_USER_CREDENTIALS"
                },
            }
        },
        **fields,
    )


class TestSessionTemplates:
    def test_what_the_client_creates_it_reads_back(self, running: Running) -> None:
        sent = template()
        made = running.client.create_session_template(parent=PLACE, session_template=sent)
        assert made.uuid
        assert made.creator == "caller@example.com"
        assert made.create_time.timestamp() == pytest.approx(
            running.cloud.clock.now().timestamp(), abs=10
        )
        read = running.client.get_session_template(name=sent.name)
        assert read == made
        assert read.environment_config == sent.environment_config
        assert read.jupyter_session == sent.jupyter_session

    def test_on_the_wire_enums_become_names(self, running: Running) -> None:
        # The client sends numbers; this reads what the cloud keeps past the client.
        running.client.create_session_template(parent=PLACE, session_template=template())
        kept = running("GET", f"{TEMPLATES}/spark-ana")
        execution = kept["environmentConfig"]["executionConfig"]
        assert kept["jupyterSession"]["kernel"] == "PYTHON"
        assert execution["authenticationConfig"] == {
            "userWorkloadAuthenticationType": "END_USER_CREDENTIALS"
        }
        assert execution["idleTtl"] == "3600s"

    def test_a_second_create_is_refused(self, running: Running) -> None:
        running.client.create_session_template(parent=PLACE, session_template=template())
        with pytest.raises(exceptions.Conflict, match="already exists"):
            running.client.create_session_template(parent=PLACE, session_template=template())

    def test_an_update_replaces_all_but_what_the_server_gave(self, running: Running) -> None:
        made = running.client.create_session_template(parent=PLACE, session_template=template())
        running.wait()
        changed = dataproc_v1.SessionTemplate(name=made.name, description="new")
        updated = running.client.update_session_template(request={"session_template": changed})
        assert (updated.description, dict(updated.labels)) == ("new", {})
        assert (updated.uuid, updated.create_time) == (made.uuid, made.create_time)
        assert updated.update_time > made.update_time

    def test_what_was_read_can_be_changed_and_sent_back(self, running: Running) -> None:
        read = running.client.create_session_template(parent=PLACE, session_template=template())
        read.description = "changed"
        updated = running.client.update_session_template(request={"session_template": read})
        assert updated.description == "changed"

    def test_deleting_makes_it_not_found(self, running: Running) -> None:
        name = running.client.create_session_template(
            parent=PLACE, session_template=template()
        ).name
        running.client.delete_session_template(name=name)
        with pytest.raises(exceptions.NotFound):
            running.client.get_session_template(name=name)
        with pytest.raises(exceptions.NotFound):
            running.client.delete_session_template(name=name)

    def test_the_client_pages_through_the_list(self, running: Running) -> None:
        for number in range(5):
            running.client.create_session_template(
                parent=PLACE, session_template=template(f"t{number}")
            )
        listed = running.client.list_session_templates(
            request={"parent": PLACE, "page_size": 2, "filter": "labels.team=core"}
        )
        assert [t.name[-2:] for t in listed] == ["t0", "t1", "t2", "t3", "t4"]
        assert running.cloud.calls.counts()["dataproc.sessionTemplates.list"] == 3

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"name": "projects/demo/locations/europe-west1/sessionTemplates/t"}, "name"),
            ({"name": f"{TEMPLATES}/Not_Valid"}, "name"),
            ({"name": None}, "name"),
            ({"uuid": "mine"}, "uuid"),
            ({"labels": {"Team": "x"}}, "labels.Team"),
            ({"labels": {f"l{n}": "x" for n in range(33)}}, "labels"),
            ({"displayName": "x" * 64}, "displayName"),
            ({"jupyterSession": {"kernel": "RUBY"}}, "jupyterSession.kernel"),
            ({"jupyterSession": {"kernel": 9}}, "jupyterSession.kernel"),
            ({"jupyterSession": {}, "sparkConnectSession": {}}, "sparkConnectSession"),
        ],
    )
    def test_a_wrong_body_is_refused_by_field(
        self, running: Running, change: dict[str, Any], field: str
    ) -> None:
        answer = running("POST", TEMPLATES, {"name": f"{TEMPLATES}/t"} | change)
        assert answer["error"]["status"] == "INVALID_ARGUMENT"
        violations = answer["error"]["details"][0]["fieldViolations"]
        assert [v["field"] for v in violations] == [field]
        assert running("GET", TEMPLATES) == {}

    def test_the_log_names_the_template_of_a_create(self, running: Running) -> None:
        fault = running.cloud.faults.add(
            {"match": "spark-ana", "error": {"status": "UNAVAILABLE", "message": "later"}}
        )
        with pytest.raises(exceptions.ServiceUnavailable):
            running.client.create_session_template(
                parent=PLACE, session_template=template(), retry=None
            )
        assert fault.hits == 1
        assert running.cloud.calls.entries()[0].target == f"{TEMPLATES}/spark-ana"


def test_components_sent_as_numbers_keep_their_meaning(running: Running) -> None:
    # Their numbers are in no order: by place in the document, 1 would be ALLOYDB_CONNECTOR.
    with dataproc_v1.ClusterControllerClient(
        transport="rest",
        client_options={"api_endpoint": running.url},
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
    ) as clusters:
        cluster = dataproc_v1.Cluster(
            project_id="demo",
            cluster_name="c1",
            config={"software_config": {"optional_components": ["JUPYTER", "DELTA"]}},
        )
        clusters.create_cluster(project_id="demo", region="us-central1", cluster=cluster)
    kept = running("GET", f"{CLUSTERS}/c1")
    assert kept["config"]["softwareConfig"]["optionalComponents"] == ["JUPYTER", "DELTA"]


class TestClusters:
    def test_it_lives_from_creating_through_running_to_gone(self, running: Running) -> None:
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

    def test_a_repeat_is_the_same_operation(self, running: Running) -> None:
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

    def test_deleting_while_it_is_created_cancels_the_creation(self, running: Running) -> None:
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
        violations = answer["error"]["details"][0]["fieldViolations"]
        assert [v["field"] for v in violations] == [field]

    def test_the_list_filters_by_name_and_label(self, running: Running) -> None:
        running("POST", CLUSTERS, CLUSTER)
        running("POST", CLUSTERS, CLUSTER | {"clusterName": "c2", "labels": {}})
        by_label = running("GET", CLUSTERS, filter="labels.team = core")["clusters"]
        by_name = running("GET", CLUSTERS, filter="clusterName = c2")["clusters"]
        assert [c["clusterName"] for c in by_label + by_name] == ["c1", "c2"]
        refused = running("GET", CLUSTERS, filter="status.state = ACTIVE")
        assert refused["error"]["status"] == "INVALID_ARGUMENT"

    def test_resources_for_the_admin(self, running: Running) -> None:
        running("POST", CLUSTERS, CLUSTER)
        running("POST", TEMPLATES, {"name": f"{TEMPLATES}/t"})
        running.wait()
        shown = {r["kind"]: r for r in running.dataproc.resources()}
        assert shown["dataproc.cluster"]["name"] == f"{CLUSTERS}/c1"
        assert shown["dataproc.cluster"]["status"]["state"] == "RUNNING"
        assert shown["dataproc.sessionTemplate"]["name"] == f"{TEMPLATES}/t"


def enums_of(descriptor: Descriptor, seen: set[str]) -> Iterator[tuple[str, str, EnumDescriptor]]:
    """Every enum field reachable from a message: its schema, its JSON name, its numbers."""
    if descriptor.full_name in seen:
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        if field.enum_type is not None:
            yield descriptor.name, field.json_name, field.enum_type
        elif field.message_type is not None:
            yield from enums_of(field.message_type, seen)


@pytest.mark.parametrize("message", [dataproc_v1.SessionTemplate, dataproc_v1.Cluster])
def test_enum_numbers_are_those_of_the_client(message: Any) -> None:
    """A number must mean to the face what it means to the client that sends it."""
    discovery = Discovery("dataproc", "v1")
    compared = 0
    for schema, name, enum in enums_of(message.pb(message()).DESCRIPTOR, set()):
        numbers = discovery.enum_numbers(schema, name)
        for number, value in numbers.items():
            if value in enum.values_by_name:  # else newer than the client
                assert (schema, name, value, enum.values_by_name[value].number) == (
                    schema,
                    name,
                    value,
                    number,
                )
                compared += 1
    assert compared > 10
