"""Leaving in two stages: access ends with the event, data is deleted later, and all is recorded.

What is asserted of the cloud is asked of the cloud itself, never of the record.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest

from demo.stage import Json
from tests.integration.client import Client

WORK = "model.ipynb: three weeks of work"
GONE = "gone@example.com"
REASON = "<script>alert('for cause')</script>"


@pytest.fixture(scope="module")
def gone(client: Client) -> str:
    """Somebody who was dismissed at once, in the middle of their work; nothing is left of it."""
    client.join(GONE, profile="data-scientist")
    client.until(GONE, "ready")
    client.start_session(GONE)
    client.start_cluster(GONE)
    client.tick("2m")
    client.leave(GONE, event_id="leave-gone", immediate=True, reason=REASON)
    client.until(GONE, "removed")
    return GONE


def test_a_leave_ends_running_workloads_at_once_and_removes_data_later(client: Client) -> None:
    email = "ana@example.com"
    client.join(email, profile="data-scientist")
    client.until(email, "ready")
    client.write_work(email, WORK)
    session, cluster = client.start_session(email), client.start_cluster(email)
    client.tick("2m")
    assert client.find("dataproc.session", session)["state"] == "ACTIVE"
    assert client.find("dataproc.cluster", cluster)["status"]["state"] == "RUNNING"

    client.leave(email)
    assert client.notebook(email)["state"] == "STOPPING"
    assert client.find("dataproc.session", session)["state"] == "TERMINATING"
    assert client.find("dataproc.cluster", cluster)["status"]["state"] == "DELETING"
    client.until(email, "suspended")
    assert client.find("dataproc.session", session)["state"] == "TERMINATED"
    assert client.find("dataproc.cluster", cluster) == {}

    client.tick("29d")  # of 30
    assert client.notebook(email)["state"] == "STOPPED"
    assert client.snapshots_of(email) == []
    client.tick("25h")
    assert client.notebook(email)["state"] == "STOPPED", "its snapshot comes first"
    assert [s["status"] for s in client.snapshots_of(email)] == ["CREATING"]
    client.until(email, "removed")
    assert client.notebook(email) == {}
    assert [s["status"] for s in client.snapshots_of(email)] == ["READY"]


def test_somebody_elses_session_and_cluster_are_left_alone(client: Client) -> None:
    stays, leaves = "ben@example.com", "chen@example.com"
    for email in (stays, leaves):
        client.join(email, profile="data-scientist")
    client.until(stays, "ready")
    client.until(leaves, "ready")
    session, cluster = client.start_session(stays), client.start_cluster(stays)
    client.tick("2m")
    client.leave(leaves)
    client.until(leaves, "suspended")
    assert client.find("dataproc.session", session)["state"] == "ACTIVE"
    assert client.find("dataproc.cluster", cluster)["status"]["state"] == "RUNNING"


def test_the_leaving_record_lists_resources_and_what_was_done(client: Client, gone: str) -> None:
    answer = client.ask(f"/environments/{gone}/leaving").json()
    (record,) = answer["leavings"]
    assert (answer["email"], answer["phase"], answer["holds"]) == (gone, "removed", [])
    assert (record["event_id"], record["immediate"]) == ("leave-gone", True)
    assert record["reason"] == REASON
    assert {thing["about"] for thing in record["had"]} >= {
        "workbench/main",
        "session-template/spark",
        "cluster-template/small",
        "session/started",
        "cluster/started",
    }
    (snapshot,) = client.snapshots_of(gone)
    assert record["snapshots"] == [snapshot["name"]]
    assert record["left_at"] == record["removal_at"] < record["completed_at"]
    assert record["scan"]["leftovers"] == []
    assert [kept for kept in record["scan"]["kept"] if snapshot["name"] in kept]


def test_every_step_in_the_leaving_record_has_its_operation_and_its_end(
    client: Client, gone: str
) -> None:
    (record,) = client.ask(f"/environments/{gone}/leaving").json()["leavings"]
    steps = {(d["step"], d["about"].partition("/")[0]): d for d in record["deeds"]}
    assert all(step["ended_at"] and step["outcome"] for step in record["deeds"])
    kept, deleted = steps["create", "snapshot"], steps["delete", "workbench"]
    assert kept["outcome"] == "ready"
    assert kept["ended_at"] <= deleted["begun_at"]
    for step in (steps["stop", "workbench"], deleted):
        url = f"{client.cloud_url}/v2/{step['operation']}"
        assert client.http.get(url, timeout=10).json()["done"] is True
    assert steps["delete", "session"]["operation"]
    assert steps["delete", "cluster"]["operation"]


class Reader(HTMLParser):
    """What a browser would show of a page, and which tags it is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.shown: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def test_the_leaving_record_is_also_a_page_and_escapes_text(client: Client, gone: str) -> None:
    answer = client.ask(f"/environments/{gone}/leaving.html")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = Reader(answer.text)
    shown = " ".join(page.shown)
    (snapshot,) = client.snapshots_of(gone)
    for text in (gone, REASON, snapshot["name"], "no leftovers", "workbench/main"):
        assert text in shown
    assert not page.tags & {"script", "img", "link", "a"}


def test_a_present_person_has_no_leaving_record(client: Client) -> None:
    client.join("dora@example.com")
    assert client.ask("/environments/dora@example.com/leaving").json()["leavings"] == []
    page = client.ask("/environments/dora@example.com/leaving.html").text
    assert "This person has not left." in page
    assert client.ask("/environments/nobody@example.com/leaving").status_code == 404
    assert client.ask("/environments/nobody@example.com/leaving.html").status_code == 404


def test_a_return_after_the_removal_finds_the_work_in_a_new_notebook(client: Client) -> None:
    email = "emil@example.com"
    client.join(email)
    client.until(email, "ready")
    client.write_work(email, WORK)
    before = client.notebook(email)["id"]
    client.leave(email)
    client.until(email, "suspended")
    client.tick("15d")
    client.until(email, "removed")

    client.tick("30d")
    client.join(email)
    begun = client.environment(email)
    assert begun["notebook"] == "", "no link before the work is restored"
    client.until(email, "ready")
    assert client.notebook(email)["id"] != before
    assert client.read_work(email) == WORK
    assert "notebook.restored" in client.actions_of(email)
    key = begun["key"]
    assert [t for t in client.resources("dataproc.sessionTemplate") if key in t["name"]]

    client.tick("91d")
    client.tick("2m")
    assert client.snapshots_of(email) == [], "kept for ninety days, as the profile says"
    assert client.read_work(email) == WORK


def moment(client: Client, hours: float, zone: float) -> str:
    """So many hours from now, as a clock in that zone (hours from UTC) shows it."""
    now = datetime.fromisoformat(client.now())
    there = (now + timedelta(hours=hours)).astimezone(timezone(timedelta(hours=zone)))
    return there.isoformat()


def test_a_scheduled_leave_is_carried_out_by_the_first_tick_after_its_time(client: Client) -> None:
    email = "fay@example.com"
    client.join(email, effective_at=moment(client, 2, zone=-8))
    client.leave(email, effective_at=moment(client, 6, zone=5.5))
    client.tick("119m")
    assert client.notebook(email) == {}, "not yet"
    client.tick("1m")
    client.until(email, "ready")
    client.tick("3h")
    assert client.environment(email)["phase"] == "ready", "not yet"
    client.tick("1h")
    assert client.notebook(email)["state"] == "STOPPING"


def test_a_scheduled_leave_is_replaced_by_a_newer_one_and_cancelled_by_a_join(
    client: Client,
) -> None:
    email = "gus@example.com"
    client.join(email)
    client.until(email, "ready")
    client.leave(email, effective_at=moment(client, 2, zone=0))
    client.leave(email, effective_at=moment(client, 5, zone=0))
    client.tick("3h")
    assert pending(client, email) == ["leave"]
    assert client.environment(email)["phase"] == "ready"
    client.join(email)
    assert pending(client, email) == []
    client.tick("3h")
    assert client.notebook(email)["state"] == "ACTIVE"


def pending(client: Client, email: str) -> list[Json]:
    """The verbs of what is announced for the person."""
    return [intent["verb"] for intent in client.environment(email)["pending"]]
