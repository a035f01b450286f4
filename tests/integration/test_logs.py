"""The log of the functions: one JSON line per outcome, with everything to follow an event."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import requests

from demo.stage import Json
from tests.integration.client import Client
from tests.integration.conftest import StartStack

FUNCTIONS = ("onboard", "offboard", "converge", "reconcile", "fleet")
SEVERITIES = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
TRACE = "logging.googleapis.com/trace"
ANA = "ana@example.com"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def client(start_stack: StartStack) -> Client:
    """After a life in which most possible events happened."""
    client = start_stack()
    failing = {"error": {"status": "UNAVAILABLE", "message": "not\nnow"}, "times": 1}
    with client.fault(service="notebooks", method="instances.create", **failing):
        client.join(ANA, event_id="hr-1", reason="first\u00a0day: \u00e9\u4e2d")
        client.until(ANA, "ready")
    client.join(ANA, event_id="hr-1")
    client.join(ANA, event_id="hr-0", occurred_at="2020-01-01T00:00:00Z")
    client.join(ANA, event_id="hr-3", effective_at="2099-01-01T00:00:00Z")
    client.send("onboarding", b"not json")
    client.leave(ANA, event_id="hr-4", immediate=True)
    client.until(ANA, "removed")
    client.ask(f"/environments/{ANA}")
    client.ask("/nothing")
    return client


def written(client: Client) -> list[str]:
    """Every line of every function's log."""
    logs = [client.stack.log_directory / f"{name}.log" for name in FUNCTIONS]
    return [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]


def all_lines(client: Client) -> list[Json]:
    return [line for name in FUNCTIONS for line in client.log(name)]


def test_every_line_is_a_json_object(client: Client) -> None:
    odd = [line for line in written(client) if not line.startswith("{")]
    assert odd == []
    assert all(isinstance(json.loads(line), dict) for line in written(client))


def test_every_line_has_severity_message_time_and_action(client: Client) -> None:
    lines = all_lines(client)
    assert lines
    for line in lines:
        assert line["severity"] in SEVERITIES
        assert line["message"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", line["time"])
        assert re.fullmatch(r"[a-z]+\.[a-z-]+", line["action"]), line
    assert {line["logger"].partition(".")[0] for line in lines} <= {"shared", "functions"}


def test_every_line_belongs_to_a_delivery_and_its_trace(client: Client) -> None:
    traces: dict[str, set[str]] = {}
    for line in all_lines(client):
        assert re.fullmatch(r"projects/demo/traces/[0-9a-f]{32}", line[TRACE])
        traces.setdefault(line["message_id"], set()).add(line[TRACE])
    assert all(len(found) == 1 for found in traces.values()), "one delivery, one trace"


def test_lines_have_the_time_that_the_records_have(client: Client) -> None:
    """The cloud's, which was minutes ahead of the machine's when Ana left."""
    (line,) = client.log("offboard", action="intent.applied", event_id="hr-4")
    history = client.environment(ANA)["history"]
    (entry,) = [e for e in history if e["action"] == "intent.applied" and e["event_id"] == "hr-4"]
    logged, recorded = (datetime.fromisoformat(text) for text in (line["time"], entry["at"]))
    assert abs(logged - recorded) < timedelta(seconds=10)
    assert logged - datetime.now(UTC) > timedelta(minutes=1)


def test_lines_about_a_person_carry_their_key_and_never_their_address(client: Client) -> None:
    key = client.environment(ANA)["key"]
    lines = [line for line in all_lines(client) if line["action"].startswith(("intent.", "phase."))]
    assert {line["person"] for line in lines} == {key}
    assert not [line for line in written(client) if ANA in line], "logs are widely read"


def test_each_outcome_of_an_event_has_its_own_stable_action(client: Client) -> None:
    outcomes = [
        (line["action"], line["event_id"])
        for name in ("onboard", "offboard")
        for line in client.log(name)
        if line["action"].startswith("intent.")
    ]
    assert outcomes == [
        ("intent.applied", "hr-1"),
        ("intent.duplicate", "hr-1"),
        ("intent.stale", "hr-0"),
        ("intent.scheduled", "hr-3"),
        ("intent.applied", "hr-4"),
        ("intent.cancelled", "hr-3"),
    ]


def test_a_line_that_ends_a_wait_has_its_duration(client: Client) -> None:
    lines = all_lines(client)
    stored = {(x["action"], x.get("event_id")): x.get("seconds") for x in client.log("onboard")}
    assert 0 <= stored["intent.applied", "hr-1"] < 10
    assert stored["intent.duplicate", "hr-1"] is None
    [ready] = [x["seconds"] for x in lines if x["action"] == "phase.changed" and "seconds" in x]
    [ended] = [x["seconds"] for x in lines if x["action"] == "access.ended"]
    assert 0 < ready < 900
    assert 0 < ended < 600
    assert {x["oldest_seconds"] >= 0 for x in lines if x["action"] == "tick.due"} == {True}


def test_only_lines_that_need_attention_are_warnings(client: Client) -> None:
    loud = {line["action"] for line in all_lines(client) if line["severity"] != "INFO"}
    assert loud == {"event.parked", "step.failed"}
    (failed,) = [line for line in all_lines(client) if line["action"] == "step.failed"]
    assert failed["about"] == "workbench/main"
    assert "not now" in failed["message"]


def test_the_trace_is_the_one_of_the_request(client: Client) -> None:
    endpoint = client.subscription("reconcile")["pushConfig"]["pushEndpoint"]
    headers = {
        "ce-id": "traced-1",
        "ce-source": "//pubsub.googleapis.com/projects/demo/topics/reconcile",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01",
    }
    message = {"data": "eyJzY29wZSI6ICJkdWUifQ==", "messageId": "traced-1"}
    answer = requests.post(endpoint, json={"message": message}, headers=headers, timeout=10)
    assert answer.status_code == 200
    (line,) = client.log("reconcile", message_id="traced-1")
    assert line[TRACE] == f"projects/demo/traces/{TRACE_ID}"
    assert (line["action"], line["count"]) == ("tick.due", 0)
