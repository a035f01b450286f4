"""The leaving record over HTTP: as JSON and as a page, during the departure and long after it."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient

import functions.fleet
from functions.leaving_page import leaving_page
from shared.domain.environment import Verb
from shared.domain.evidence import Deed, Leaving, Scan, Thing
from shared.domain.faults import Fate
from shared.domain.holds import Hold
from shared.domain.person import Person
from shared.domain.resources import Kind, Step
from tests.stateful.world import GRACE, World
from tests.support.builders import (
    ANA,
    KEY,
    NOW,
    a_problem,
    a_record,
    after,
    an_app,
    minutes,
    ready_world,
)

MAIN = Path(__file__).parents[2] / "main.py"
HOUR = timedelta(hours=1)
EVIL = "</td><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{7*7}}"


class Fleet:
    """The function, and a deployment where Ana has everything."""

    def __init__(self, client: FlaskClient, world: World) -> None:
        self.client = client
        self.world = world

    def json(self, path: str, status: int = 200, **query: Any) -> dict[str, Any]:
        answer = self.client.get(path, query_string=query)
        assert answer.status_code == status, answer.text
        assert answer.content_type == "application/json"
        body: dict[str, Any] = answer.get_json()
        return body

    def leaving(self) -> dict[str, Any]:
        """The newest departure of Ana's."""
        leaving: dict[str, Any] = self.json(f"/environments/{ANA}/leaving")["leavings"][0]
        return leaving

    def page(self) -> str:
        answer = self.client.get(f"/environments/{ANA}/leaving.html")
        assert answer.status_code == 200
        return str(answer.text)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    world = ready_world()
    served = functions_framework.create_app("fleet", str(MAIN), "http")  # type: ignore[no-untyped-call]
    monkeypatch.setattr(functions.fleet, "app", lambda: an_app(world))
    return Fleet(served.test_client(), world)


def go_and_be_removed(world: World) -> None:
    world.leave(ANA, event_id="hr-2", reason="retired")
    world.run_for(GRACE, every=HOUR)
    world.run_for(minutes(15))


# JSON


def test_during_the_grace_period_it_says_what_was_stopped_and_what_is_to_come(
    fleet: Fleet,
) -> None:
    fleet.world.leave(ANA, event_id="hr-2", reason="retired")
    fleet.world.run_for(minutes(10))
    body = fleet.json(f"/environments/{ANA}/leaving")
    assert (body["email"], body["key"], body["phase"]) == (ANA, KEY, "suspended")
    assert body["holds"] == []
    [leaving] = body["leavings"]
    assert (leaving["event_id"], leaving["reason"]) == ("hr-2", "retired")
    assert leaving["source"] == "pubsub:offboarding"
    assert {(d["step"], d["about"], d["outcome"]) for d in leaving["deeds"]} == {
        ("stop", "workbench/main", "stopped"),
        ("delete", "session-template/spark", "absent"),
        ("delete", "cluster-template/small", "absent"),
    }
    [stop] = [d for d in leaving["deeds"] if d["step"] == "stop"]
    assert stop["operation"].startswith("operations/stop-")
    assert (leaving["completed_at"], leaving["scan"]) == (None, None)


def test_when_all_is_gone_the_evidence_is_whole_and_stays(fleet: Fleet) -> None:
    go_and_be_removed(fleet.world)
    leaving = fleet.leaving()
    assert {thing["about"] for thing in leaving["had"]} == {
        "workbench/main",
        "session-template/spark",
        "cluster-template/small",
    }
    deeds = [(d["step"], d["about"].partition("/")[0]) for d in leaving["deeds"]]
    assert sorted(deeds[:3]) == [
        ("delete", "cluster-template"),
        ("delete", "session-template"),
        ("stop", "workbench"),
    ]
    assert deeds[3:] == [("create", "snapshot"), ("delete", "workbench")]
    assert all(d["ended_at"] and d["begun_at"] for d in leaving["deeds"])
    [snapshot] = leaving["snapshots"]
    assert leaving["scan"]["leftovers"] == []
    [kept] = leaving["scan"]["kept"]
    assert snapshot in kept
    assert leaving["completed_at"]
    fleet.world.run_for(timedelta(days=100), every=timedelta(days=1))
    assert not fleet.world.cloud.alive(), "even the snapshot is gone by now"
    later = fleet.leaving()
    *deeds, last = later.pop("deeds")
    assert deeds == leaving.pop("deeds")
    assert (last["step"], last["about"], last["outcome"]) == (
        "delete",
        f"snapshot/{snapshot.rpartition('-')[0][-8:]}-{snapshot[-6:]}",
        "absent",
    )
    assert later == leaving


def test_a_deed_that_failed_is_no_secret(fleet: Fleet) -> None:
    problem = a_problem(Fate.TEMPORARY, "ABORTED")
    failure = fleet.world.cloud.fail_operations(Kind.WORKBENCH, Step.STOP, problem)
    fleet.world.leave(ANA)
    fleet.world.run_for(minutes(10))
    assert failure.hits == 1
    outcomes = [d["outcome"] for d in fleet.leaving()["deeds"] if d["step"] == "stop"]
    assert outcomes == [f"ABORTED: {problem.message}", "stopped"]


def test_of_several_departures_the_newest_comes_first(fleet: Fleet) -> None:
    for number in range(2):
        fleet.world.leave(ANA, event_id=f"leave-{number}")
        fleet.world.run_for(minutes(10))
        fleet.world.join(ANA)
        fleet.world.run_for(minutes(10))
    leavings = fleet.json(f"/environments/{ANA}/leaving")["leavings"]
    assert [leaving["event_id"] for leaving in leavings] == ["leave-1", "leave-0"]
    assert all(leaving["returned_at"] for leaving in leavings)


def test_who_has_not_left_has_no_departures(fleet: Fleet) -> None:
    assert fleet.json(f"/environments/{ANA}/leaving")["leavings"] == []
    assert "This person has not left." in fleet.page()


def test_the_environment_shows_the_current_departure_too(fleet: Fleet) -> None:
    assert fleet.json(f"/environments/{ANA}")["leaving"] is None
    fleet.world.leave(ANA, event_id="hr-2")
    assert fleet.json(f"/environments/{ANA}")["leaving"] == fleet.leaving()


def test_a_hold_is_shown_wherever_somebody_could_wonder(fleet: Fleet) -> None:
    fleet.world.order("hold", ANA, hold="CASE-7", reason="a lawsuit", by="legal@example.com")
    expected = {"id": "CASE-7", "reason": "a lawsuit", "by": "legal@example.com"}
    for path in (f"/environments/{ANA}", f"/environments/{ANA}/leaving"):
        [hold] = fleet.json(path)["holds"]
        assert hold == expected | {"at": hold["at"]}
    [line] = fleet.json("/environments")["environments"]
    assert line["held"] is True
    assert "on hold since" in fleet.page()


@pytest.mark.parametrize("end", ["leaving", "leaving.html"])
@pytest.mark.parametrize("email", ["ben@example.com", "<script>", "%00"])
def test_an_unknown_person_has_no_leaving_record(fleet: Fleet, email: str, end: str) -> None:
    error = fleet.json(f"/environments/{email}/{end}", status=404)["error"]
    assert "/parked" in error


@pytest.mark.parametrize("end", ["leaving", "leaving.html"])
def test_a_leaving_record_takes_no_parameters(fleet: Fleet, end: str) -> None:
    error = fleet.json(f"/environments/{ANA}/{end}", status=400, limit="1")["error"]
    assert error == "unknown parameter 'limit'; there is only pretty here"


@pytest.mark.parametrize("end", ["leaving", "leaving.html"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_evidence_cannot_be_changed(fleet: Fleet, method: str, end: str) -> None:
    before = fleet.world.record(ANA)
    answer = fleet.client.open(f"/environments/{ANA}/{end}", method=method)
    assert answer.status_code == 405
    assert fleet.world.record(ANA) == before


# The page


class Page(HTMLParser):
    """What a browser makes of it: the tags, their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile(text: str) -> str:
    """The page of somebody whose every text is ``text``."""
    leaving = Leaving(
        event_id=text,
        source=text,
        occurred_at=NOW,
        left_at=NOW,
        removal_at=after(9),
        immediate=True,
        reason=text,
        moved_to=text,
        had=(Thing(about=text, name=text, state=text),),
        deeds=(Deed(step=Step.STOP, about=text, begun_at=NOW, operation=text, outcome=text),),
        snapshots=(text, text),
        scan=Scan(at=NOW, leftovers=(text,), kept=(text,)),
    )
    record = a_record(
        verb=Verb.LEAVE,
        person=Person(email=text, display_name=text),
        held=Hold(id=text, at=NOW, reason=text, by=text),
        leavings=(leaving,),
    )
    return leaving_page(record)


def test_invariant_10_whatever_people_and_clouds_write_stays_text() -> None:
    plain, evil = Page(hostile("plain")), Page(hostile(EVIL))
    assert evil.tags == plain.tags
    assert "script" not in evil.tags
    assert evil.attributes == plain.attributes
    assert evil.text.count(EVIL) == plain.text.count("plain")
    assert evil.text.count(EVIL) >= 16, "each of them is shown"


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = Page(hostile("plain"))
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    assert not page.attributes & {"src", "href", "onclick", "style"}


def test_its_headers_say_so_too(fleet: Fleet) -> None:
    answer = fleet.client.get(f"/environments/{ANA}/leaving.html")
    assert answer.content_type == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_tells_what_the_json_tells(fleet: Fleet) -> None:
    fleet.world.join(ANA, display_name="Ana L\u00f3pez")
    fleet.world.run_for(minutes(5))
    go_and_be_removed(fleet.world)
    leaving, text = fleet.leaving(), Page(fleet.page()).text
    assert "Leaving record of Ana L\u00f3pez" in text
    for deed in leaving["deeds"]:
        assert deed["operation"] in text
        assert deed["about"] in text
    for thing in leaving["had"]:
        assert thing["name"] in text
    for snapshot in leaving["snapshots"]:
        assert snapshot in text
    assert "everything gone 2026-03-15 09:" in text
    assert "nothing left over" in text
    assert "retired" in text


def test_a_departure_under_way_says_so(fleet: Fleet) -> None:
    fleet.world.leave(ANA, immediate=True)
    text = Page(fleet.page()).text
    assert "Outcomeunder way" in text
    assert "(immediate)" in text


def test_who_came_back_after_the_removal_was_removed_all_the_same(fleet: Fleet) -> None:
    go_and_be_removed(fleet.world)
    fleet.world.join(ANA)
    text = Page(fleet.page()).text
    assert "everything gone 2026-03-15" in text
    assert "came back 2026-03-15" in text


def test_times_are_in_utc_whatever_the_sender_wrote(fleet: Fleet) -> None:
    fleet.world.leave(ANA, occurred_at="2026-03-01T11:04:00+02:00")
    assert "of 2026-03-01 09:04:00 UTC" in " ".join(Page(fleet.page()).text.split())
