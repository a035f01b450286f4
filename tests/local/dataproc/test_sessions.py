"""Dataproc sessions: creation and listing."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import dataproc_v1

from tests.local.dataproc import harness
from tests.local.dataproc.harness import (
    PLACE,
    REGION,
    SESSION,
    SESSIONS,
    TEMPLATES,
    Running,
    status,
    violated,
)

running = harness.running  # pytest finds fixtures by name

TEMPLATE = {
    "name": f"{TEMPLATES}/spark-ana",
    "labels": {"team": "core", "env": "dev"},
    "jupyterSession": {"kernel": "PYTHON", "displayName": "Spark"},
    "runtimeConfig": {"version": "2.3", "properties": {"spark.a": "1", "spark.b": "1"}},
    "environmentConfig": {
        "executionConfig": {
            "subnetworkUri": "analytics",
            "authenticationConfig": {"userWorkloadAuthenticationType": "END_USER_CREDENTIALS"},
        }
    },
}


class TestCreate:
    def test_a_session_is_active_when_its_creation_ends(self, running: Running) -> None:
        operation = running.create(user="ana@example.com")
        assert operation["name"].startswith(f"{REGION}/operations/")
        begun = running("GET", SESSION)
        assert (begun["state"], begun["stateTime"]) == ("CREATING", begun["createTime"])
        running.wait()
        session = running("GET", SESSION)
        assert session["state"] == "ACTIVE"
        assert session["stateTime"] > session["createTime"]
        assert session["stateHistory"] == [
            {"state": "CREATING", "stateStartTime": session["createTime"]}
        ]
        assert (session["user"], session["creator"]) == ("ana@example.com", "ana@example.com")
        done = running("GET", operation["name"])
        assert done["response"]["uuid"] == session["uuid"] == done["metadata"]["sessionUuid"]
        assert done["metadata"]["operationType"] == "CREATE"
        assert done["metadata"]["doneTime"] == session["stateTime"]

    def test_a_session_without_a_user_has_no_creator(self, running: Running) -> None:
        running.create()
        session = running("GET", SESSION)
        assert "user" not in session
        assert "creator" not in session

    @pytest.mark.parametrize("template", ["spark-ana", f"{TEMPLATES}/spark-ana"])
    def test_a_session_gets_labels_and_configuration_from_its_template(
        self, running: Running, template: str
    ) -> None:
        running("POST", TEMPLATES, TEMPLATE)
        running.create(
            sessionTemplate=template,
            labels={"env": "prod"},
            runtimeConfig={"properties": {"spark.b": "2"}},
        )
        session = running("GET", SESSION)
        assert session["sessionTemplate"] == f"{TEMPLATES}/spark-ana"
        assert session["labels"] == {
            "team": "core",
            "env": "prod",
            "goog-dataproc-location": "us-central1",
            "goog-dataproc-session-id": "s-ana",
            "goog-dataproc-session-uuid": session["uuid"],
        }
        assert session["jupyterSession"] == TEMPLATE["jupyterSession"]
        assert session["runtimeConfig"] == {
            "version": "2.3",
            "properties": {"spark.a": "1", "spark.b": "2"},
        }
        execution = session["environmentConfig"]["executionConfig"]
        assert execution["subnetworkUri"] == "analytics"
        assert execution["authenticationConfig"] == {
            "userWorkloadAuthenticationType": "END_USER_CREDENTIALS"
        }
        assert (execution["idleTtl"], execution["ttl"]) == ("3600s", "86400s")

    def test_the_sessions_own_kind_replaces_the_templates(self, running: Running) -> None:
        running("POST", TEMPLATES, TEMPLATE)
        running.create(sessionTemplate="spark-ana", sparkConnectSession={})
        session = running("GET", SESSION)
        assert "sparkConnectSession" in session
        assert "jupyterSession" not in session

    def test_a_session_remains_when_its_template_is_deleted(self, running: Running) -> None:
        running("POST", TEMPLATES, TEMPLATE)
        running.create(sessionTemplate="spark-ana")
        running("DELETE", f"{TEMPLATES}/spark-ana")
        running.wait()
        assert running.state() == "ACTIVE"

    def test_a_missing_template_is_not_found(self, running: Running) -> None:
        assert status(running.create(sessionTemplate="spark-bo")) == "NOT_FOUND"
        assert running("GET", SESSIONS) == {}

    def test_a_repeat_is_the_same_operation(self, running: Running) -> None:
        query = {"sessionId": "s-ana", "requestId": "r-1"}
        first = running("POST", SESSIONS, {}, **query)
        assert running("POST", SESSIONS, {}, **query)["name"] == first["name"]
        assert status(running.create()) == "ALREADY_EXISTS"

    def test_a_failed_creation_leaves_a_failed_session_with_the_reason(
        self, running: Running
    ) -> None:
        error = {"status": "RESOURCE_EXHAUSTED", "message": "no CPUs left"}
        fault = running.cloud.faults.add(
            {"method": "sessions.create", "when": "operation", "error": error}
        )
        running.create()
        running.wait()
        session = running("GET", SESSION)
        assert (fault.hits, session["state"]) == (1, "FAILED")
        assert session["stateMessage"] == "no CPUs left"

    @pytest.mark.parametrize(
        ("session_id", "body", "field"),
        [
            ("abc", {}, "sessionId"),
            ("a" * 64, {}, "sessionId"),
            ("S_ana", {}, "sessionId"),
            ("s-ana", {"name": f"{SESSIONS}/other"}, "name"),
            ("s-ana", {"state": "ACTIVE"}, "state"),
            ("s-ana", {"uuid": "mine"}, "uuid"),
            ("s-ana", {"labels": {"Team": "x"}}, "labels.Team"),
            ("s-ana", {"labels": {f"l{n}": "x" for n in range(33)}}, "labels"),
            ("s-ana", {"jupyterSession": {}, "sparkConnectSession": {}}, "sparkConnectSession"),
            (
                "s-ana",
                {"sessionTemplate": "projects/demo/locations/europe-west1/sessionTemplates/t"},
                "sessionTemplate",
            ),
        ],
    )
    def test_a_wrong_request_is_refused_by_field(
        self, running: Running, session_id: str, body: dict[str, Any], field: str
    ) -> None:
        assert violated(running.create(session_id, **body)) == [field]
        assert running("GET", SESSIONS) == {}

    def test_labels_are_counted_together_with_the_templates(self, running: Running) -> None:
        running("POST", TEMPLATES, TEMPLATE)
        labels = {f"l{n}": "x" for n in range(31)}
        assert violated(running.create(sessionTemplate="spark-ana", labels=labels)) == ["labels"]

    def test_ended_sessions_do_not_count_for_the_quota(self, running: Running) -> None:
        running.cloud.quotas.set({"live": {"dataproc.sessions": 1}})
        running.create()
        assert status(running.create("s-second")) == "RESOURCE_EXHAUSTED"
        running("POST", f"{SESSION}:terminate", {})
        running.wait()
        assert "name" in running.create("s-second")


class TestList:
    @pytest.fixture
    def client(self, running: Running) -> Iterator[dataproc_v1.SessionControllerClient]:
        with dataproc_v1.SessionControllerClient(
            transport="rest",
            client_options={"api_endpoint": running.url},
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        ) as client:
            yield client

    def test_the_client_pages_through_the_active_ones_of_a_label(
        self, running: Running, client: dataproc_v1.SessionControllerClient
    ) -> None:
        for number in range(6):
            labels = {"owner": "ana" if number else "bo"}
            session = dataproc_v1.Session(labels=labels, jupyter_session={"kernel": "PYTHON"})
            client.create_session(parent=PLACE, session=session, session_id=f"spark-{number}")
        running.wait()
        client.terminate_session(name=f"{SESSIONS}/spark-3")
        wanted = 'state = ACTIVE and labels.owner="ana"'
        found = client.list_sessions(request={"parent": PLACE, "page_size": 2, "filter": wanted})
        assert [s.name[-1] for s in found] == ["1", "2", "4", "5"]
        assert running.cloud.calls.counts()["dataproc.sessions.list"] == 2

    def test_the_client_waits_for_an_operation(
        self, running: Running, client: dataproc_v1.SessionControllerClient
    ) -> None:
        running.cloud.operation_seconds = 0
        client.create_session(
            parent=PLACE,
            session=dataproc_v1.Session(jupyter_session={"kernel": "PYTHON"}),
            session_id="s-ana",
        )
        ended = client.terminate_session(name=SESSION).result(timeout=10)
        assert ended.state == dataproc_v1.Session.State.TERMINATED
        assert [h.state.name for h in ended.state_history] == ["CREATING", "ACTIVE", "TERMINATING"]
        client.delete_session(name=SESSION).result(timeout=10)
        with pytest.raises(exceptions.NotFound):
            client.get_session(name=SESSION)

    def test_other_locations_are_not_listed(self, running: Running) -> None:
        running.create()
        assert running("GET", SESSIONS.replace("us-central1", "europe-west1")) == {}

    def test_an_invalid_filter_is_refused(self, running: Running) -> None:
        assert violated(running("GET", SESSIONS, filter="user = ana")) == ["filter"]

    def test_admin_resources(self, running: Running) -> None:
        running.create()
        running.wait()
        (shown,) = running.dataproc.resources()
        assert (shown["kind"], shown["name"], shown["state"]) == (
            "dataproc.session",
            SESSION,
            "ACTIVE",
        )
