"""Session templates with Google's own client, and enums in all request bodies."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import dataproc_v1
from google.protobuf.descriptor import Descriptor, EnumDescriptor

from local.api.discovery import Discovery
from tests.local.dataproc import harness
from tests.local.dataproc.harness import CLUSTERS, PLACE, TEMPLATES, Running

running = harness.running  # pytest finds fixtures by name

Client = dataproc_v1.SessionTemplateControllerClient


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with dataproc_v1.SessionTemplateControllerClient(
        transport="rest",
        client_options={"api_endpoint": running.url},
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
    ) as client:
        yield client


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
    def test_the_client_reads_back_what_it_created(self, running: Running, client: Client) -> None:
        sent = template()
        made = client.create_session_template(parent=PLACE, session_template=sent)
        assert made.uuid
        assert made.creator == "caller@example.com"
        assert made.create_time.timestamp() == pytest.approx(
            running.cloud.clock.now().timestamp(), abs=10
        )
        read = client.get_session_template(name=sent.name)
        assert read == made
        assert read.environment_config == sent.environment_config
        assert read.jupyter_session == sent.jupyter_session

    def test_enum_numbers_are_stored_as_names(self, running: Running, client: Client) -> None:
        # The client sends numbers; this reads the stored JSON without the client.
        client.create_session_template(parent=PLACE, session_template=template())
        kept = running("GET", f"{TEMPLATES}/spark-ana")
        execution = kept["environmentConfig"]["executionConfig"]
        assert kept["jupyterSession"]["kernel"] == "PYTHON"
        assert execution["authenticationConfig"] == {
            "userWorkloadAuthenticationType": "END_USER_CREDENTIALS"
        }
        assert execution["idleTtl"] == "3600s"

    def test_a_second_create_is_refused(self, client: Client) -> None:
        client.create_session_template(parent=PLACE, session_template=template())
        with pytest.raises(exceptions.Conflict, match="already exists"):
            client.create_session_template(parent=PLACE, session_template=template())

    def test_an_update_replaces_all_fields_except_the_servers(
        self, running: Running, client: Client
    ) -> None:
        made = client.create_session_template(parent=PLACE, session_template=template())
        running.wait()
        changed = dataproc_v1.SessionTemplate(name=made.name, description="new")
        updated = client.update_session_template(request={"session_template": changed})
        assert (updated.description, dict(updated.labels)) == ("new", {})
        assert (updated.uuid, updated.create_time) == (made.uuid, made.create_time)
        assert updated.update_time > made.update_time

    def test_a_template_that_was_read_can_be_changed_and_sent_back(self, client: Client) -> None:
        read = client.create_session_template(parent=PLACE, session_template=template())
        read.description = "changed"
        updated = client.update_session_template(request={"session_template": read})
        assert updated.description == "changed"

    def test_a_deleted_template_is_not_found(self, client: Client) -> None:
        name = client.create_session_template(parent=PLACE, session_template=template()).name
        client.delete_session_template(name=name)
        with pytest.raises(exceptions.NotFound):
            client.get_session_template(name=name)
        with pytest.raises(exceptions.NotFound):
            client.delete_session_template(name=name)

    def test_the_client_pages_through_the_list(self, running: Running, client: Client) -> None:
        for number in range(5):
            client.create_session_template(parent=PLACE, session_template=template(f"t{number}"))
        listed = client.list_session_templates(
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

    def test_the_log_names_the_template_of_a_create(self, running: Running, client: Client) -> None:
        fault = running.cloud.faults.add(
            {"match": "spark-ana", "error": {"status": "UNAVAILABLE", "message": "later"}}
        )
        with pytest.raises(exceptions.ServiceUnavailable):
            client.create_session_template(parent=PLACE, session_template=template(), retry=None)
        assert fault.hits == 1
        assert running.cloud.calls.entries()[0].target == f"{TEMPLATES}/spark-ana"


def test_components_sent_as_numbers_are_stored_correctly(running: Running) -> None:
    # Their numbers are not the index in the document, by which 1 would be ALLOYDB_CONNECTOR.
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


def enums_of(descriptor: Descriptor, seen: set[str]) -> Iterator[tuple[str, str, EnumDescriptor]]:
    """Every enum field of a message and its submessages: schema, JSON name, numbers."""
    if descriptor.full_name in seen:
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        if field.enum_type is not None:
            yield descriptor.name, field.json_name, field.enum_type
        elif field.message_type is not None:
            yield from enums_of(field.message_type, seen)


@pytest.mark.parametrize(
    "message", [dataproc_v1.SessionTemplate, dataproc_v1.Session, dataproc_v1.Cluster]
)
def test_enum_numbers_are_the_same_as_in_the_client(message: Any) -> None:
    """A number must mean the same as in the client that sends it."""
    discovery = Discovery("dataproc", "v1")
    compared = 0
    for schema, name, enum in enums_of(message.pb(message()).DESCRIPTOR, set()):
        numbers = discovery.enum_numbers(schema, name)
        for number, value in numbers.items():
            if value in enum.values_by_name:  # else: a value newer than the client
                assert (schema, name, value, enum.values_by_name[value].number) == (
                    schema,
                    name,
                    value,
                    number,
                )
                compared += 1
    assert compared > 10
