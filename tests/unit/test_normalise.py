"""From a message to intents: defaults, and how a changed address is handled."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.environment import Intent, Phase, Verb
from shared.domain.names import person_key
from shared.domain.normalise import ALLOWED_SKEW, Message, to_intents
from shared.domain.person import Person
from shared.domain.profiles import ProfileSet
from shared.domain.profiles.parse import parse_profiles
from shared.domain.refusals import RefusalCode, Refused
from shared.domain.resources import Kind
from tests.stateful.world import MASTERS, PROFILES, START, World
from tests.support.builders import ANA, KEY, minutes

DAY = 86400
OLD = "ana.old@example.com"
OLD_KEY = person_key(OLD)
SET = parse_profiles(PROFILES, MASTERS)


def intents(verb: Verb = Verb.JOIN, **fields: Any) -> tuple[Intent, ...]:
    data = json.dumps({"email": ANA} | fields).encode()
    topic = "onboarding" if verb is Verb.JOIN else "offboarding"
    message = Message(id="m-1", topic=topic, published_at=START, data=data)
    return to_intents(
        message, verb, now=START, allowed_domains={"example.com"}, profiles=lambda: SET
    )


def refusal(verb: Verb = Verb.JOIN, **fields: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        intents(verb, **fields)
    return refused.value


# One intent


def test_the_profile_is_by_the_groups_where_none_is_named() -> None:
    grouped = PROFILES.replace(b"profile: full}", b"profile: lean}")
    message = Message(
        id="m-1",
        topic="onboarding",
        published_at=START,
        data=json.dumps({"email": ANA, "groups": ["analysts@example.com"]}).encode(),
    )
    [intent] = to_intents(
        message,
        Verb.JOIN,
        now=START,
        allowed_domains={"example.com"},
        profiles=lambda: parse_profiles(grouped, MASTERS),
    )
    assert intent.profile == "lean"
    assert intent.person.groups == ("analysts@example.com",)


def test_a_join_that_says_nothing_gets_the_default_profile_with_its_times() -> None:
    assert intents() == (
        Intent(
            verb=Verb.JOIN,
            event_id="m-1",
            source="pubsub:onboarding",
            occurred_at=START,
            person=Person(email=ANA),
            profile="full",
            grace_seconds=14 * DAY,
            keep_seconds=90 * DAY,
        ),
    )


def test_a_leave_asks_nothing_of_the_profiles() -> None:
    def no_profiles() -> ProfileSet:
        raise AssertionError("whatever state they are in, people can leave")

    message = Message(
        id="m-1", topic="offboarding", published_at=START, data=b'{"email":"ana@example.com"}'
    )
    [intent] = to_intents(
        message,
        Verb.LEAVE,
        now=START,
        allowed_domains={"example.com"},
        profiles=no_profiles,
    )
    assert (intent.profile, intent.grace_seconds, intent.keep_seconds) == ("", 0, 0)


@pytest.mark.parametrize("immediate", [False, True])
def test_a_leave_may_be_immediate(immediate: bool) -> None:
    assert intents(Verb.LEAVE, immediate=immediate)[0].immediate is immediate


@pytest.mark.parametrize(
    "more", [{}, {"previous_email": OLD}, {"effective_at": "2027-01-01T00:00:00Z"}]
)
def test_a_join_that_is_immediate_is_a_leave_on_the_wrong_topic(more: dict[str, Any]) -> None:
    refused = refusal(immediate=True, **more)
    assert refused.code is RefusalCode.WRONG_SHAPE
    assert refused.message == (
        "immediate: belongs in a leave; publish the leave on topic offboarding, or send the join "
        "without it"
    )
    assert not intents(immediate=False, **more)[0].immediate


def test_what_cannot_be_read_from_the_message_is_its_own_reason() -> None:
    message = Message(id="m", topic="t", published_at=START, data=b"", trouble="no data in it")
    with pytest.raises(Refused, match="no data in it"):
        to_intents(message, Verb.JOIN, now=START, allowed_domains=(), profiles=lambda: SET)


@pytest.mark.parametrize(
    ("ahead", "refused"), [(ALLOWED_SKEW, False), (ALLOWED_SKEW + timedelta(seconds=1), True)]
)
@pytest.mark.parametrize("verb", list(Verb))
def test_clocks_may_differ_a_little(verb: Verb, ahead: timedelta, refused: bool) -> None:
    moment = (START + ahead).isoformat()
    if refused:
        assert refusal(verb, occurred_at=moment).code is RefusalCode.FROM_THE_FUTURE
    else:
        assert intents(verb, occurred_at=moment)[0].occurred_at == START + ahead


# Two: a changed address


def test_a_changed_address_is_a_departure_there_and_then_an_arrival_here() -> None:
    event: dict[str, Any] = {
        "event_id": "hr-7",
        "occurred_at": "2026-03-01T08:59:00Z",
        "effective_at": "2026-03-09T00:00:00Z",
        "reason": "married",
        "team": "risk",
        "profile": "lean",
    }
    departure, arrival = intents(previous_email=OLD.upper(), **event)
    assert departure == Intent(
        verb=Verb.LEAVE,
        event_id="hr-7:departure",
        source="pubsub:onboarding",
        occurred_at=arrival.occurred_at,
        person=Person(email=OLD),
        effective_at=arrival.effective_at,
        reason="married",
        moved_to=KEY,
    )
    assert (arrival.verb, arrival.event_id) == (Verb.JOIN, "hr-7")
    assert arrival.person == Person(email=ANA, team="risk")
    assert (arrival.profile, arrival.moved_from, arrival.moved_to) == ("lean", OLD_KEY, "")


def test_a_departure_has_no_times_of_its_own() -> None:
    departure, arrival = intents(previous_email=OLD)
    assert arrival.keep_seconds, "the profile keeps a snapshot"
    assert (departure.grace_seconds, departure.keep_seconds) == (0, 0)


@pytest.mark.parametrize(
    ("verb", "fields", "code", "message"),
    [
        (
            Verb.LEAVE,
            {"previous_email": OLD},
            RefusalCode.WRONG_SHAPE,
            "previous_email: belongs in the join of the new address, on topic onboarding",
        ),
        (
            Verb.JOIN,
            {"previous_email": ANA},
            RefusalCode.WRONG_SHAPE,
            "previous_email: is the same as email",
        ),
        (
            Verb.JOIN,
            {"previous_email": "Ana@EXAMPLE.com"},
            RefusalCode.WRONG_SHAPE,
            "previous_email: is the same as email",
        ),
        (Verb.JOIN, {"previous_email": "ana"}, RefusalCode.BAD_EMAIL, "previous_email: "),
        (
            Verb.JOIN,
            {"previous_email": "group:all@example.com"},
            RefusalCode.NOT_A_PERSON,
            "previous_email: ",
        ),
        (
            Verb.JOIN,
            {"previous_email": "a" * 255},
            RefusalCode.WRONG_SHAPE,
            "previous_email: has more than 254",
        ),
        (Verb.JOIN, {"previous_email": 7}, RefusalCode.WRONG_SHAPE, "previous_email: must be text"),
    ],
)
def test_a_former_address_is_refused_as_strictly_as_any(
    verb: Verb, fields: dict[str, Any], code: RefusalCode, message: str
) -> None:
    refused = refusal(verb, **fields)
    assert refused.code is code
    assert refused.message.startswith(message)
    assert refused.message.isprintable()


# What comes of it


def moved_world() -> World:
    """Ana had a notebook with work in it at her old address; all was quiet."""
    world = World()
    world.join(OLD, profile="lean")
    world.run_for(minutes(5))
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    world.cloud.work(notebook, "years of work")
    return world


def test_the_departure_is_recorded_before_the_arrival() -> None:
    """Were the arrival first, a crash between the two would have her wait for nobody."""
    world = moved_world()
    saved: list[str] = []

    def remember(point: str) -> None:
        if point == "after:save":
            records = {e.person.email: e for e in world.store.page(10).items}
            old = records[OLD].intent
            assert old is not None
            saved.append(f"{old.verb} {ANA in records}")

    world.trap = remember
    assert world.join(ANA, previous_email=OLD) == "applied"
    world.trap = None
    assert saved[0] == "leave False"
    assert saved[-1] == "leave True"


def test_a_changed_address_takes_its_data_along_and_the_old_notebook_is_retired() -> None:
    world = moved_world()
    world.join(ANA, previous_email=OLD, profile="lean")
    world.run_for(minutes(30))
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    assert (notebook.email, notebook.data) == (ANA, "years of work")
    assert world.record(ANA).phase is Phase.READY
    assert world.record(OLD).phase is Phase.REMOVED


def test_an_address_that_never_had_anything_leaves_no_record_behind() -> None:
    world = World()
    assert world.join(ANA, previous_email=OLD) == "applied"
    world.run_for(minutes(10))
    assert world.environment(OLD) is None
    assert world.record(ANA).phase is Phase.READY


def test_sent_twice_nothing_moves_twice() -> None:
    world = moved_world()
    message = world.message(Verb.JOIN, email=ANA, previous_email=OLD, profile="lean")
    world.deliver(message)
    world.run_for(minutes(30))
    made = world.cloud.counts["workbench.create"]
    assert world.deliver(message) == "duplicate"
    world.run_for(minutes(30))
    assert world.cloud.counts["workbench.create"] == made


def test_a_hold_moves_along() -> None:
    world = moved_world()
    world.order("hold", OLD)
    world.run_for(minutes(5))
    world.join(ANA, previous_email=OLD, profile="lean")
    world.run_for(minutes(30))
    assert world.record(ANA).held is not None
    notebooks = {t.email: t.data for t in world.cloud.alive(Kind.WORKBENCH)}
    assert notebooks == {OLD: "years of work", ANA: "years of work"}, "nothing is deleted"


def test_an_old_address_that_cannot_be_written_is_delivered_again_as_a_whole() -> None:
    class StateDown(Exception):
        pass

    world = moved_world()
    message = world.message(Verb.JOIN, email=ANA, previous_email=OLD, profile="lean")
    saves: list[str] = []

    def fail_the_arrival(point: str) -> None:
        if point == "before:load":
            saves.append(point)
            if len(saves) == 2:
                raise StateDown

    world.trap = fail_the_arrival
    with pytest.raises(StateDown):
        world.deliver(message)
    world.trap = None
    assert world.environment(ANA) is None
    assert world.deliver(message) == "applied"
    world.run_for(minutes(30))
    assert [t.data for t in world.cloud.alive(Kind.WORKBENCH)] == ["years of work"]
