"""The leaving record over HTTP: as JSON and as a page, during offboarding and long after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions.fleet.offboarding_page import offboarding_page
from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Verb
from shared.domain.faults import Disposition
from shared.domain.people.person import Person
from shared.domain.projections.offboarding_record import (
    InventoryResult,
    OffboardingRecord,
    StepRecord,
    Thing,
)
from shared.domain.resources.kinds import Kind, Step
from tests.support.builders import (
    ANA,
    KEY,
    NOW,
    a_problem,
    a_record,
    after,
    minutes,
    ready_world,
)
from tests.support.fleet import fleet_of
from tests.support.simulation.world import GRACE, World

HOUR = timedelta(hours=1)
EVIL = "</td><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;{{7*7}}"


class Fleet:
    """The function, and a deployment where Ana's environment is ready."""

    def __init__(self, client: FlaskClient, world: World) -> None:
        self.client = client
        self.world = world

    def json(self, path: str, status: int = 200, **query: Any) -> dict[str, Any]:
        response = self.client.get(path, query_string=query)
        assert response.status_code == status, response.text
        assert response.content_type == "application/json"
        body: dict[str, Any] = response.get_json()
        return body

    def leaving(self) -> dict[str, Any]:
        """Ana's newest leaving record."""
        leaving: dict[str, Any] = self.json(f"/environments/{ANA}/leaving")["leavings"][0]
        return leaving

    def page(self) -> str:
        response = self.client.get(f"/environments/{ANA}/leaving.html")
        assert response.status_code == 200
        return str(response.text)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    world = ready_world()
    with fleet_of(world) as client:
        yield Fleet(client, world)


def leave_and_be_removed(world: World) -> None:
    world.leave(ANA, event_id="hr-2", reason="retired")
    world.run_for(GRACE, every=HOUR)
    world.run_for(minutes(15))


# JSON


def test_during_the_grace_period_it_has_the_steps_so_far(fleet: Fleet) -> None:
    fleet.world.leave(ANA, event_id="hr-2", reason="retired")
    fleet.world.run_for(minutes(10))
    body = fleet.json(f"/environments/{ANA}/leaving")
    assert (body["email"], body["key"], body["phase"]) == (ANA, KEY, "suspended")
    assert body["person_id"] is None
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


def test_after_the_removal_the_record_is_complete_and_stays(fleet: Fleet) -> None:
    leave_and_be_removed(fleet.world)
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
    assert not fleet.world.cloud.alive(), "the snapshot has expired as well"
    later = fleet.leaving()
    *deeds, last = later.pop("deeds")
    assert deeds == leaving.pop("deeds")
    assert (last["step"], last["about"], last["outcome"]) == (
        "delete",
        f"snapshot/{snapshot.rpartition('-')[0][-8:]}-{snapshot[-6:]}",
        "absent",
    )
    assert later == leaving


def test_a_failed_step_is_shown(fleet: Fleet) -> None:
    problem = a_problem(Disposition.TEMPORARY, "ABORTED")
    failure = fleet.world.cloud.fail_operations(Kind.WORKBENCH, Step.STOP, problem)
    fleet.world.leave(ANA)
    fleet.world.run_for(minutes(10))
    assert failure.hits == 1
    outcomes = [d["outcome"] for d in fleet.leaving()["deeds"] if d["step"] == "stop"]
    assert outcomes == [f"ABORTED: {problem.message}", "stopped"]


def test_leaving_records_are_newest_first(fleet: Fleet) -> None:
    for number in range(2):
        fleet.world.leave(ANA, event_id=f"leave-{number}")
        fleet.world.run_for(minutes(10))
        fleet.world.join(ANA)
        fleet.world.run_for(minutes(10))
    leavings = fleet.json(f"/environments/{ANA}/leaving")["leavings"]
    assert [leaving["event_id"] for leaving in leavings] == ["leave-1", "leave-0"]
    assert all(leaving["returned_at"] for leaving in leavings)


def test_a_person_who_has_not_left_has_no_leaving_record(fleet: Fleet) -> None:
    assert fleet.json(f"/environments/{ANA}/leaving")["leavings"] == []
    assert "This person has not left." in fleet.page()


def test_the_page_of_a_merged_record_names_the_record_of_the_person() -> None:
    """It doesn't say that they have not left: the other record knows that."""
    text = " ".join(Page(offboarding_page(a_record(key="x-1", merged_into=KEY))).text.split())
    assert f"This record was merged into {KEY}, the record of the same person." in text
    assert "has not left" not in text


def test_the_environment_has_the_current_leaving_record(fleet: Fleet) -> None:
    assert fleet.json(f"/environments/{ANA}")["leaving"] is None
    fleet.world.leave(ANA, event_id="hr-2")
    assert fleet.json(f"/environments/{ANA}")["leaving"] == fleet.leaving()


def test_a_hold_is_shown_on_every_route(fleet: Fleet) -> None:
    fleet.world.command("hold", ANA, hold="CASE-7", reason="a lawsuit", by="legal@example.com")
    expected = {"id": "CASE-7", "reason": "a lawsuit", "by": "legal@example.com"}
    for path in (f"/environments/{ANA}", f"/environments/{ANA}/leaving"):
        [hold] = fleet.json(path)["holds"]
        assert hold == expected | {"at": hold["at"]}
    [entry] = fleet.json("/environments")["environments"]
    assert entry["held"] is True
    assert "on hold since" in fleet.page()


@pytest.mark.parametrize("suffix", ["leaving", "leaving.html"])
@pytest.mark.parametrize("email", ["ben@example.com", "<script>", "%00"])
def test_an_unknown_person_has_no_leaving_record(fleet: Fleet, email: str, suffix: str) -> None:
    error = fleet.json(f"/environments/{email}/{suffix}", status=404)["error"]
    assert "/parked" in error


@pytest.mark.parametrize("suffix", ["leaving", "leaving.html"])
def test_a_leaving_record_has_no_parameters(fleet: Fleet, suffix: str) -> None:
    error = fleet.json(f"/environments/{ANA}/{suffix}", status=400, limit="1")["error"]
    assert error == "unknown parameter 'limit'; known parameters: pretty"


@pytest.mark.parametrize("suffix", ["leaving", "leaving.html"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_leaving_record_cannot_be_changed(fleet: Fleet, method: str, suffix: str) -> None:
    before = fleet.world.record(ANA)
    response = fleet.client.open(f"/environments/{ANA}/{suffix}", method=method)
    assert response.status_code == 405
    assert fleet.world.record(ANA) == before


# The page


class Page(HTMLParser):
    """The page as a browser parses it: tags, attributes and text."""

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
    """The page of a record in which every text is ``text``."""
    leaving = OffboardingRecord(
        event_id=text,
        source=text,
        occurred_at=NOW,
        left_at=NOW,
        removal_at=after(9),
        immediate=True,
        reason=text,
        had=(Thing(about=text, name=text, state=text),),
        deeds=(StepRecord(step=Step.STOP, about=text, begun_at=NOW, operation=text, outcome=text),),
        snapshots=(text, text),
        scan=InventoryResult(at=NOW, leftovers=(text,), kept=(text,)),
    )
    record = a_record(
        verb=Verb.LEAVE,
        person=Person(email=text, display_name=text),
        held=Hold(id=text, at=NOW, reason=text, by=text),
        leavings=(leaving,),
    )
    return offboarding_page(record)


def test_invariant_10_text_from_people_and_apis_is_escaped() -> None:
    plain, evil = Page(hostile("plain")), Page(hostile(EVIL))
    assert evil.tags == plain.tags
    assert "script" not in evil.tags
    assert evil.attributes == plain.attributes
    assert evil.text.count(EVIL) == plain.text.count("plain")
    assert evil.text.count(EVIL) >= 16, "every text is shown"


def test_the_page_loads_and_runs_nothing() -> None:
    page = Page(hostile("plain"))
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    assert not page.attributes & {"src", "href", "onclick", "style"}


@pytest.mark.parametrize("more", [0, 7])
def test_the_page_says_how_much_it_leaves_out(more: int) -> None:
    leaving = OffboardingRecord(
        event_id="hr-2",
        source="hr",
        occurred_at=NOW,
        left_at=NOW,
        removal_at=NOW,
        had_more=more,
        deeds_left_out=more,
    )
    page = Page(offboarding_page(a_record(verb=Verb.LEAVE, leavings=(leaving,)))).text
    assert ("and at least 7 more sessions or clusters" in page) is bool(more)
    assert ("and 7 more\n" in page) is bool(more)


def test_the_page_has_plain_words_for_the_fields_of_the_json() -> None:
    page = Page(hostile("plain")).text
    words = set(re.findall("[a-z]+", page.lower()))
    assert not words & {"deed", "deeds", "scan", "had", "order", "orders", "news", "leavings"}
    assert "Final search, 2026-05-04 12:00:00 UTC" in page


def test_the_headers_forbid_loading_and_running(fleet: Fleet) -> None:
    response = fleet.client.get(f"/environments/{ANA}/leaving.html")
    assert response.content_type == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_has_the_content_of_the_json(fleet: Fleet) -> None:
    fleet.world.join(ANA, display_name="Ana L\u00f3pez")
    fleet.world.run_for(minutes(5))
    leave_and_be_removed(fleet.world)
    leaving, text = fleet.leaving(), Page(fleet.page()).text
    assert "Leaving record of Ana L\u00f3pez" in text
    for deed in leaving["deeds"]:
        assert deed["operation"] in text
        assert deed["about"] in text
    for thing in leaving["had"]:
        assert thing["name"] in text
    for snapshot in leaving["snapshots"]:
        assert snapshot in text
    assert "all resources removed 2026-03-15 09:" in text
    assert "no leftovers" in text
    assert "retired" in text


def test_offboarding_in_progress_is_shown_as_that(fleet: Fleet) -> None:
    fleet.world.leave(ANA, immediate=True)
    text = Page(fleet.page()).text
    assert "Outcomein progress" in text
    assert "(immediate)" in text


def test_a_rejoin_after_the_removal_keeps_the_time_of_the_removal(fleet: Fleet) -> None:
    leave_and_be_removed(fleet.world)
    fleet.world.join(ANA)
    text = Page(fleet.page()).text
    assert "all resources removed 2026-03-15" in text
    assert "rejoined 2026-03-15" in text


def test_times_are_shown_in_utc(fleet: Fleet) -> None:
    fleet.world.leave(ANA, occurred_at="2026-03-01T11:04:00+02:00")
    assert "occurred 2026-03-01 09:04:00 UTC" in " ".join(Page(fleet.page()).text.split())
