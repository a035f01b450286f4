"""The use of a notebook as `fleet` shows it: created, queued, opened, never opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions.fleet.queries import never_opened
from functions.fleet.views import detail, summary
from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.resources.kinds import Goal, Kind, State, Step
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import ANA, NOW, a_notebook, a_record, after, minutes
from tests.support.fake_cloud import Thing
from tests.support.fleet import fleet_of
from tests.support.simulation.world import World

LINK = "https://nb.notebooks.example.com"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("notebook", "consent"),
    [
        ({"state": State.CREATING}, ""),
        ({"state": State.READY, "was_ready": True}, "created"),
        ({"state": State.READY, "was_ready": True, "consented": False}, "waiting for consent"),
        ({"state": State.READY, "was_ready": True, "consented": True}, "opened"),
        ({"state": State.STOPPED, "was_ready": True, "consented": True}, "opened"),
        ({"state": State.ABSENT}, ""),
    ],
)
def test_the_consent_of_the_owner_is_shown_in_words(notebook: dict[str, Any], consent: str) -> None:
    assert summary(a_record(a_notebook(**notebook)))["consent"] == consent


def test_a_person_without_a_notebook_has_no_consent_and_no_link() -> None:
    entry = summary(a_record())
    assert (entry["consent"], entry["notebook"], entry["waiting_since"]) == ("", "", None)


SUPERSEDED = a_notebook(State.STOPPED, superseded=True, owner=ANA)


@pytest.mark.parametrize(
    ("notebook", "others", "verb", "is_usable"),
    [
        pytest.param({}, (), Verb.JOIN, True, id="runs"),
        pytest.param({"goal": Goal.PRESENT}, (), Verb.JOIN, True, id="is to run"),
        pytest.param({"state": State.UPDATING}, (), Verb.JOIN, True, id="its labels are changed"),
        pytest.param(
            {"state": State.UPDATING, "start_owed": True},
            (),
            Verb.JOIN,
            False,
            id="stopped for a change",
        ),
        pytest.param({"restore_from": "snapshots/s1"}, (), Verb.JOIN, False, id="restore owed"),
        pytest.param(
            {"restore_from": "snapshots/s1", "state": State.RESTORING},
            (),
            Verb.JOIN,
            False,
            id="restore under way",
        ),
        pytest.param(
            {"unconfirmed": (LostCall(step=Step.RESTORE, until=after(5)),)},
            (),
            Verb.JOIN,
            False,
            id="a restore may still be carried out",
        ),
        pytest.param({"generation": 2}, (SUPERSEDED,), Verb.JOIN, False, id="no snapshot yet"),
        pytest.param({"recreate": True}, (), Verb.JOIN, False, id="to be recreated"),
        pytest.param({"owner": "a.b@example.com"}, (), Verb.JOIN, False, id="of another address"),
        pytest.param(
            {"goal": Goal.STOPPED}, (), Verb.JOIN, False, id="not in the profile any more"
        ),
        pytest.param({"state": State.STOPPED}, (), Verb.JOIN, False, id="stopped"),
        pytest.param({}, (), Verb.LEAVE, False, id="of a leaver"),
    ],
)
def test_the_link_is_shown_only_when_the_owner_may_use_the_notebook(
    notebook: dict[str, Any], others: tuple[Resource, ...], verb: Verb, is_usable: bool
) -> None:
    """Before a restore the owner would find no data, and it would overwrite what they write."""
    ordinary: dict[str, Any] = {"state": State.READY, "link": LINK, "owner": ANA}
    record = a_record(a_notebook(**ordinary | notebook), *others, verb=verb)
    shown = detail(record, ())
    assert shown["notebook"] == (LINK if is_usable else "")
    assert [r["link"] for r in shown["resources"]] == [LINK if is_usable else None] + [
        None for _ in others
    ]


def test_a_queued_notebook_has_the_time_since_when_it_waits() -> None:
    record = a_record(a_notebook(queued_at=NOW))
    assert summary(record)["waiting_since"] == NOW
    [resource] = detail(record, ())["resources"]
    assert resource["waiting_since"] == NOW


@pytest.mark.parametrize(
    ("notebook", "never", "because"),
    [
        ({}, True, "ready for all of that time"),
        ({"ready_since": after(days=-7)}, True, "ready for exactly that time"),
        ({"ready_since": after(days=-6.9)}, False, "ready for less than that time"),
        ({"ready_since": None}, False, "the time is unknown"),
        ({"consented": True}, False, "it is in use"),
        ({"consented": None}, False, "the consent is unknown"),
        ({"state": State.STOPPED}, False, "it is stopped"),
    ],
)
def test_a_notebook_ready_so_long_without_consent_was_never_opened(
    notebook: dict[str, Any], never: bool, because: str
) -> None:
    ordinary: dict[str, Any] = {
        "state": State.READY,
        "consented": False,
        "ready_since": after(days=-30),
    }
    record = a_record(a_notebook(**ordinary | notebook))
    assert never_opened(record, after(days=-7)) is never, because


def test_a_person_without_a_notebook_is_not_listed_as_never_opened() -> None:
    record: Environment = a_record()
    assert not never_opened(record, NOW)


# Over HTTP


class Fleet:
    """The function, and the deployment that it reads."""

    def __init__(self, client: FlaskClient, world: World) -> None:
        self.world = world
        self._client = client

    def get(self, status: int = 200, **query: Any) -> dict[str, Any]:
        response = self._client.get("/environments", query_string=query)
        assert response.status_code == status, response.text
        body: dict[str, Any] = response.get_json()
        return body

    def emails(self, **query: Any) -> list[str]:
        return [e["email"] for e in self.get(**query)["environments"]]

    def notebook_of(self, email: str) -> Thing:
        return next(t for t in self.world.cloud.alive(Kind.WORKBENCH) if t.email == email)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    world = World()
    with fleet_of(world) as client:
        yield Fleet(client, world)


def test_the_list_can_be_filtered_by_the_days_a_notebook_was_never_opened(fleet: Fleet) -> None:
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
    assert consents == {ANA: waiting, ben: "opened", cleo: waiting}


def test_a_filtered_page_may_be_empty_and_have_a_next_page(fleet: Fleet) -> None:
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
def test_a_value_that_is_not_a_number_of_days_is_rejected(fleet: Fleet, text: str) -> None:
    error = fleet.get(status=400, unopened_days=text)["error"]
    assert error.startswith("unopened_days: ")
    assert "is not a number of days" in error
    assert len(error) < 100
