"""Termination and deletion of Dataproc sessions, and failures of both."""

from tests.local.dataproc import harness
from tests.local.dataproc.harness import SESSION, SESSIONS, Running, status, violated

running = harness.running  # pytest finds fixtures by name


class TestTerminate:
    def test_an_active_session_ends_and_stays_listed(self, running: Running) -> None:
        running.create()
        running.wait()
        operation = running("POST", f"{SESSION}:terminate", {"requestId": "r-1"})
        assert operation["metadata"]["operationType"] == "TERMINATE"
        assert running.state() == "TERMINATING"
        assert running("POST", f"{SESSION}:terminate", {"requestId": "r-1"}) == operation
        running.wait()
        assert running.state() == "TERMINATED"
        assert running.past() == ["CREATING", "ACTIVE", "TERMINATING"]
        assert running("GET", operation["name"])["response"]["state"] == "TERMINATED"
        assert [s["name"] for s in running("GET", SESSIONS)["sessions"]] == [SESSION]

    def test_a_session_terminated_during_its_creation_never_becomes_active(
        self, running: Running
    ) -> None:
        creation = running.create()
        running("POST", f"{SESSION}:terminate", {})
        assert running("GET", creation["name"])["error"]["code"] == 1
        running.wait()
        assert (running.state(), running.past()) == ("TERMINATED", ["CREATING", "TERMINATING"])

    def test_terminating_an_ending_or_ended_session_is_refused(self, running: Running) -> None:
        running.create()
        running("POST", f"{SESSION}:terminate", {})
        assert status(running("POST", f"{SESSION}:terminate", {})) == "FAILED_PRECONDITION"
        running.wait()
        assert status(running("POST", f"{SESSION}:terminate", {})) == "FAILED_PRECONDITION"

    def test_a_missing_session_is_not_found(self, running: Running) -> None:
        assert status(running("POST", f"{SESSION}:terminate", {})) == "NOT_FOUND"

    def test_an_unknown_field_is_refused(self, running: Running) -> None:
        assert violated(running("POST", f"{SESSION}:terminate", {"force": True})) == ["force"]

    def test_a_failed_termination_leaves_the_session_active(self, running: Running) -> None:
        running.create()
        running.wait()
        error = {"status": "INTERNAL", "message": "no"}
        fault = running.cloud.faults.add(
            {"method": "sessions.terminate", "when": "operation", "times": 1, "error": error}
        )
        operation = running("POST", f"{SESSION}:terminate", {})
        running.wait()
        assert fault.hits == 1
        assert running("GET", operation["name"])["error"]["message"] == "no"
        assert running.state() == "ACTIVE"
        running("POST", f"{SESSION}:terminate", {})
        running.wait()
        assert running.state() == "TERMINATED"

    def test_each_request_passes_the_gate_once(self, running: Running) -> None:
        running.create()
        running("POST", f"{SESSION}:terminate", {})
        made = [(c.service, c.method, c.target) for c in running.cloud.calls.entries()]
        assert made == [
            ("dataproc", "sessions.create", SESSION),
            ("dataproc", "sessions.terminate", SESSION),
        ]

    def test_a_before_fault_prevents_the_termination(self, running: Running) -> None:
        running.create()
        running.wait()
        error = {"status": "UNAVAILABLE", "message": "later"}
        fault = running.cloud.faults.add({"method": "sessions.terminate", "error": error})
        assert status(running("POST", f"{SESSION}:terminate", {})) == "UNAVAILABLE"
        assert (fault.hits, running.state()) == (1, "ACTIVE")


class TestDelete:
    def test_an_active_session_is_terminated_first(self, running: Running) -> None:
        running.create()
        running.wait()
        operation = running("DELETE", SESSION)
        assert running.state() == "TERMINATING"
        running.wait(40)  # the duration of a deletion alone
        assert running.state() == "TERMINATING"
        running.wait()
        assert status(running("GET", SESSION)) == "NOT_FOUND"
        assert running("GET", operation["name"])["response"]["name"] == SESSION

    def test_a_terminating_session_is_deleted_after_that(self, running: Running) -> None:
        running.create()
        running.wait()
        termination = running("POST", f"{SESSION}:terminate", {})
        running("DELETE", SESSION)
        running.wait(30)
        assert running("GET", termination["name"])["done"]
        assert running.state() == "TERMINATED"
        assert status(running("DELETE", SESSION)) == "FAILED_PRECONDITION"
        running.wait()
        assert status(running("GET", SESSION)) == "NOT_FOUND"

    def test_an_ended_session_is_deleted_without_another_termination(
        self, running: Running
    ) -> None:
        running.create()
        running("POST", f"{SESSION}:terminate", {})
        running.wait()
        running("DELETE", SESSION)
        assert running.state() == "TERMINATED"
        running.wait(40)
        assert running("GET", SESSIONS) == {}

    def test_the_name_can_be_used_again(self, running: Running) -> None:
        running.create()
        first = running("GET", SESSION)["uuid"]
        running("DELETE", SESSION)
        running.wait()
        running.create()
        assert running("GET", SESSION)["uuid"] != first
