"""`fleet` for very many people: filters, counts, and the events that changed nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.names import person_key
from shared.domain.status import Health, Phase
from shared.ports import Filter
from tests.support.builders import ANA, BEN, minutes
from tests.support.fleet import Fleet, fleet_of
from tests.support.simulation.world import GRACE, START, World

CLEO, DEV = "cleo@example.com", "dev@example.com"
DAY = timedelta(days=1)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Ana and Ben are ready, Cleo is to leave in ten days, Dev has left."""
    world = World()
    world.join(ANA, team="risk", cost_center="CC 1", profile="full")
    world.join(BEN, team="risk", cost_center="CC 2", profile="lean")
    world.join(CLEO, team="core", cost_center="CC 1", profile="lean")
    world.join(DEV, profile="full")
    world.run_for(minutes(5))
    world.leave(CLEO, effective_at=START + 10 * DAY)
    world.leave(DEV)
    world.command("hold", BEN)
    world.run_for(minutes(5))
    with fleet_of(world) as client:
        yield Fleet(client, world)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"profile": "lean"}, [BEN, CLEO]),
        ({"team": "risk"}, [ANA, BEN]),
        ({"team": "nobody's"}, []),
        ({"cost_center": "CC 1"}, [ANA, CLEO]),
        ({"held": "true"}, [BEN]),
        ({"held": "false", "team": "risk"}, [ANA]),
        ({"running": "true"}, [ANA, BEN, CLEO]),
        ({"running": "false"}, [DEV]),
        ({"merged": "true"}, []),
        ({"problem": "STOCK_OUT"}, []),
        ({"leaves_before": "2026-03-12"}, [CLEO]),
        ({"leaves_before": "2026-03-11"}, []),
        ({"leaves_before": "2026-03-11T09:00:00Z"}, []),
        ({"leaves_before": "2026-03-11T10:00:01+01:00"}, [CLEO]),
        ({"leaves_before": "2026-03-12", "team": "risk"}, []),
        ({"removal_before": "2026-03-16"}, [DEV]),
        ({"removal_before": "2026-03-15"}, []),
        ({"removal_before": "2030-01-01", "phase": "suspended", "health": "ok"}, [DEV]),
        ({"team": "core", "profile": "lean", "phase": "ready", "held": "false"}, [CLEO]),
        ({"team": "core", "unopened_days": "0"}, [CLEO]),
    ],
    ids=lambda value: urlencode(value) if isinstance(value, dict) else "",
)
def test_the_list_is_filtered(fleet: Fleet, query: dict[str, str], expected: list[str]) -> None:
    if "unopened_days" in query:
        fleet.world.run_for(timedelta(hours=3))
    assert sorted(fleet.emails(**query)) == expected
    if "unopened_days" not in query:
        assert fleet.get("/counts", **query)["environments"] == len(expected)


def test_people_are_found_by_the_code_of_their_problem(fleet: Fleet) -> None:
    fleet.world.cloud.short = {"us-central1-a", "us-central1-b"}
    fleet.world.join("eve@example.com")
    fleet.world.run_for(minutes(10))
    [shown] = fleet.get("/environments", problem="STOCK_OUT")["environments"]
    assert (shown["email"], shown["problem_codes"]) == ("eve@example.com", ["STOCK_OUT"])
    assert fleet.get("/counts")["problem"] == {"STOCK_OUT": 1}
    assert fleet.get("/counts", problem="STOCK_OUT")["environments"] == 1


def test_who_was_removed_is_not_to_be_removed_any_more(fleet: Fleet) -> None:
    fleet.world.run_for(GRACE + DAY)
    assert fleet.emails(phase="removed") == [DEV]
    assert fleet.emails(removal_before="2030-01-01", phase="removed") == []


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"teem": "x"}, "unknown parameter 'teem'; known parameters: limit, cursor, phase, "),
        ({"teem": "x"}, "did you mean 'team'?"),
        ({"team": ""}, "team: is empty; send the whole text, as the list shows it"),
        ({"cost_center": "x" * 201}, "cost_center: has more than 200 characters"),
        ({"held": "yes"}, "held: 'yes' is neither true nor false"),
        ({"running": ""}, "running: '' is neither true nor false"),
        ({"problem": "no capacity"}, "problem: 'no capacity' is not the code of a problem; send"),
        ({"leaves_before": "soon"}, "leaves_before: 'soon' is neither a day nor a time with its"),
        ({"leaves_before": "2026-02-30"}, "leaves_before: '2026-02-30' is neither a day nor"),
        ({"leaves_before": "2026-03-11T09:00:00"}, "leaves_before: '2026-03-11T09:00:00' is"),
        ({"removal_before": "2026-03-11T09:00:00 01:00"}, "and a + as %2B"),
        ({"removal_before": "0001-01-01T00:00:00+14:00"}, "removal_before: '0001"),
    ],
)
@pytest.mark.parametrize("path", ["/environments", "/counts"])
def test_an_invalid_filter_gets_400_with_what_is_allowed(
    fleet: Fleet, path: str, query: dict[str, str], error: str
) -> None:
    shown = fleet.get(path, status=400, **query)["error"]
    if path == "/counts":
        error = error.replace("limit, cursor, ", "")
    assert error in shown


def test_a_cursor_of_a_list_in_another_order_is_rejected(fleet: Fleet) -> None:
    cursor = fleet.get("/environments", limit="1")["next_cursor"]
    error = fleet.get("/environments", 400, cursor=cursor, leaves_before="2030-01-01")["error"]
    assert "is not a cursor of this listing" in error


def test_the_counts_are_of_everybody(fleet: Fleet) -> None:
    assert fleet.get("/counts") == {
        "environments": 4,
        "phase": dict.fromkeys(Phase, 0) | {"ready": 3, "suspended": 1},
        "health": dict.fromkeys(Health, 0) | {"ok": 4},
        "held": 1,
        "running": 3,
        "merged": 0,
        "days": 30,
        "leaves": 1,
        "removals": 1,
        "profile": {"full": 2, "lean": 2},
        "problem": {},
    }


def test_the_counts_are_of_those_who_match_a_filter(fleet: Fleet) -> None:
    shown = fleet.get("/counts", team="risk")
    assert (shown["environments"], shown["held"], shown["leaves"]) == (2, 1, 0)
    assert shown["profile"] == {"full": 1, "lean": 1}
    shown = fleet.get("/counts", phase="ready", profile="lean", held="false", days="9")
    assert shown["phase"] == dict.fromkeys(Phase, 0) | {"ready": 1}
    assert (shown["held"], shown["days"], shown["leaves"]) == (0, 9, 0)
    assert fleet.get("/counts", days="10", leaves_before="2026-03-05")["leaves"] == 0


@pytest.mark.parametrize("days", ["0", "-1", "x", "3661", ""])
def test_days_are_a_number(fleet: Fleet, days: str) -> None:
    error = fleet.get("/counts", 400, days=days)["error"]
    assert error == f"days: {days!r} is not a number from 1 to 3660"


def test_the_calls_for_the_counts_do_not_grow_with_the_people(fleet: Fleet) -> None:
    fleet.world.points.clear()
    fleet.get("/counts")
    profiles = 2
    assert fleet.world.points == {
        "before:count": 16 + profiles, "before:next_value": profiles + 1 + 1,
    }  # fmt: skip


def test_every_filter_of_the_store_is_a_parameter(fleet: Fleet) -> None:
    known = fleet.get("/counts", 400, x="1")["error"].partition("parameters: ")[2]
    assert known.split(", ") == [*Filter.__struct_fields__, "days", "pretty"]


class TestUnchanged:
    @pytest.fixture
    def shown(self, fleet: Fleet) -> Fleet:
        """A stale leave, a duplicate of it, a leave that a join cancels, and a stale join."""
        world = fleet.world
        world.leave(ANA, event_id="L-1", source="hr", occurred_at=START - DAY)
        world.pass_time(minutes(1))
        world.leave(ANA, event_id="L-1", source="hr", occurred_at=START - DAY)
        world.pass_time(minutes(1))
        world.join(CLEO, event_id="J-1", profile="lean")
        world.pass_time(minutes(1))
        world.join(DEV, event_id="J-2", occurred_at=START - DAY)
        return fleet

    def test_without_such_events_the_list_is_empty(self, fleet: Fleet) -> None:
        assert fleet.get("/unchanged") == {"unchanged": [], "next_cursor": ""}

    def test_it_lists_the_events_of_everybody_newest_first(self, shown: Fleet) -> None:
        found = shown.get("/unchanged")["unchanged"]
        listed = [(e["verb"], e["outcome"], e["email"], e["key"]) for e in found]
        assert listed == [
            ("join", "stale", DEV, person_key(DEV)),
            ("leave", "cancelled", CLEO, person_key(CLEO)),
            ("leave", "duplicate", ANA, person_key(ANA)),
            ("leave", "stale", ANA, person_key(ANA)),
        ]

    def test_an_entry_says_what_the_sender_sent_and_why_it_has_no_effect(
        self, shown: Fleet
    ) -> None:
        *_, stale = shown.get("/unchanged")["unchanged"]
        assert stale == {
            "at": "2026-03-01T09:10:00Z",
            "outcome": "stale",
            "verb": "leave",
            "email": ANA,
            "key": person_key(ANA),
            "event_id": "L-1",
            "source": "pubsub:offboarding/hr",
            "occurred_at": "2026-02-28T09:00:00Z",
            "effective_at": None,
            "text": "leave of 2026-02-28T09:00:00+00:00 is not newer than what is in force",
        }
        cancelled = shown.get("/unchanged")["unchanged"][1]
        assert cancelled["effective_at"] == "2026-03-11T09:00:00Z"
        assert cancelled["text"] == (
            "leave, to take effect at 2026-03-11T09:00:00+00:00, is cancelled: overtaken by join "
            "as lean of event J-1"
        )

    def test_it_is_filtered_by_verb_and_has_pages(self, shown: Fleet) -> None:
        found = []
        cursor = ""
        while True:
            page = shown.get("/unchanged", verb="leave", limit="1", cursor=cursor)
            found += page["unchanged"]
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert [e["outcome"] for e in found] == ["cancelled", "duplicate", "stale"]
        [join] = shown.get("/unchanged", verb=Verb.JOIN)["unchanged"]
        assert join["event_id"] == "J-2"

    def test_a_cancelled_leave_stands_in_the_history_of_the_person(self, shown: Fleet) -> None:
        history = shown.get(f"/environments/{CLEO}")["history"]
        [entry] = [e for e in history if e["action"] == "intent.cancelled"]
        assert entry["event"]["verb"] == "leave"
        assert shown.get(f"/environments/{CLEO}")["leaves_at"] is None

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ({"verb": "leaves"}, "verb: 'leaves' is not one of join, leave; did you mean 'leave'?"),
            ({"team": "x"}, "unknown parameter 'team'; known parameters: limit, cursor, verb, "),
            ({"cursor": "x"}, "cursor: 'x' is not a cursor of this listing"),
        ],
    )
    def test_other_parameters_are_refused(
        self, fleet: Fleet, query: dict[str, str], error: str
    ) -> None:
        assert error in fleet.get("/unchanged", 400, **query)["error"]
