"""How far people have got with their notebooks: created, waiting, in use, never opened."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import functions_framework
import pytest

import functions.fleet
from functions.fleet_views import detail, never_opened, summary
from shared.domain.environment import Environment
from shared.domain.resources import Kind, State
from tests.stateful.world import World
from tests.support.builders import ANA, NOW, a_notebook, a_record, after, an_app, minutes
from tests.support.fake_cloud import Thing

MAIN = Path(__file__).parents[2] / "main.py"
LINK = "https://nb.notebooks.example.com"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("notebook", "words"),
    [
        ({"state": State.CREATING}, ""),
        ({"state": State.READY, "was_ready": True}, "created"),
        ({"state": State.READY, "was_ready": True, "consented": False}, "waiting for consent"),
        ({"state": State.READY, "was_ready": True, "consented": True}, "in use"),
        ({"state": State.STOPPED, "was_ready": True, "consented": True}, "in use"),
        ({"state": State.ABSENT}, ""),
    ],
)
def test_how_far_the_owner_has_got(notebook: dict[str, Any], words: str) -> None:
    assert summary(a_record(a_notebook(**notebook)))["consent"] == words


def test_who_has_no_notebook_needs_no_consent() -> None:
    line = summary(a_record())
    assert (line["consent"], line["notebook"], line["waiting_since"]) == ("", "", None)


@pytest.mark.parametrize(
    ("restore_from", "link"), [("", LINK), ("snapshots/s1", "")], ids=["whole", "empty as yet"]
)
def test_a_notebook_is_not_linked_before_its_data_is_back(restore_from: str, link: str) -> None:
    """A person who opened it now would find nothing, and the restore would overwrite their work."""
    notebook = a_notebook(State.READY, link=LINK, restore_from=restore_from)
    assert summary(a_record(notebook))["notebook"] == link


def test_who_waits_for_their_turn_is_told_since_when() -> None:
    record = a_record(a_notebook(queued_at=NOW))
    assert summary(record)["waiting_since"] == NOW
    [resource] = detail(record, ())["resources"]
    assert resource["waiting_since"] == NOW


@pytest.mark.parametrize(
    ("notebook", "never", "because"),
    [
        ({}, True, "it has been there all that time"),
        ({"ready_since": after(days=-7)}, True, "on the day itself"),
        ({"ready_since": after(days=-6.9)}, False, "it hasn't been there so long"),
        ({"ready_since": None}, False, "since when isn't known"),
        ({"consented": True}, False, "it is in use"),
        ({"consented": None}, False, "whether it is in use isn't known"),
        ({"state": State.STOPPED}, False, "it is stopped"),
    ],
)
def test_what_counts_as_never_opened(notebook: dict[str, Any], never: bool, because: str) -> None:
    ordinary: dict[str, Any] = {
        "state": State.READY,
        "consented": False,
        "ready_since": after(days=-30),
    }
    record = a_record(a_notebook(**ordinary | notebook))
    assert never_opened(record, after(days=-7)) is never, because


def test_who_has_none_has_not_left_it_unopened() -> None:
    record: Environment = a_record()
    assert not never_opened(record, NOW)


# Over HTTP


class Fleet:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = World()
        served = functions_framework.create_app("fleet", str(MAIN), "http")  # type: ignore[no-untyped-call]
        monkeypatch.setattr(functions.fleet, "app", lambda: an_app(self.world))
        self._client = served.test_client()

    def get(self, status: int = 200, **query: Any) -> dict[str, Any]:
        answer = self._client.get("/environments", query_string=query)
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    def emails(self, **query: Any) -> list[str]:
        return [e["email"] for e in self.get(**query)["environments"]]

    def notebook_of(self, email: str) -> Thing:
        return next(t for t in self.world.cloud.alive(Kind.WORKBENCH) if t.email == email)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(monkeypatch)


def test_notebooks_that_nobody_opened_for_days_are_listed(fleet: Fleet) -> None:
    ben, cleo = "ben@example.com", "cleo@example.com"
    for email in (ANA, ben):
        fleet.world.join(email)
    fleet.world.run_for(minutes(5))
    for email in (ANA, ben):
        fleet.notebook_of(email).consented = email == ben
    fleet.world.run_for(timedelta(days=6), every=HOUR)
    fleet.world.join(cleo)
    fleet.world.run_for(minutes(5))
    fleet.notebook_of(cleo).consented = False
    fleet.world.run_for(timedelta(days=2), every=HOUR)
    assert fleet.emails(unopened_days="7") == [ANA]
    assert sorted(fleet.emails(unopened_days="1")) == [ANA, cleo]
    assert fleet.emails(unopened_days="30") == []
    assert fleet.emails(unopened_days="7", phase="suspended") == []
    consents = {e["email"]: e["consent"] for e in fleet.get()["environments"]}
    waiting = "waiting for consent"
    assert consents == {ANA: waiting, ben: "in use", cleo: waiting}


def test_a_page_may_hold_none_of_them_and_still_have_a_next(fleet: Fleet) -> None:
    people = [f"p{n}@example.com" for n in range(6)]
    for email in people:
        fleet.world.join(email)
    fleet.world.run_for(minutes(5))
    for email in people:
        fleet.notebook_of(email).consented = email != people[3]
    fleet.world.run_for(timedelta(days=2), every=HOUR)
    found, cursor, pages = [], "", 0
    while True:
        page = fleet.get(unopened_days="1", limit="1", cursor=cursor)
        found += [e["email"] for e in page["environments"]]
        cursor, pages = page["next_cursor"], pages + 1
        if not cursor:
            break
    assert (found, pages) == ([people[3]], 6)


@pytest.mark.parametrize("text", ["-1", "a week", "1.5", "", "\u0667", "10000", "9" * 5000])
def test_what_is_no_number_of_days_is_refused(fleet: Fleet, text: str) -> None:
    error = fleet.get(status=400, unopened_days=text)["error"]
    assert error.startswith("unopened_days: ")
    assert "is not a number of days" in error
    assert len(error) < 100
