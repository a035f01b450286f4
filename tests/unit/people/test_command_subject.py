"""Whom an admin command is about, by address, person id and key; all it names must be of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.names import person_key
from shared.domain.people.command_subject import contradicts, subject_of_command
from shared.domain.people.person import Person
from shared.domain.resources.kinds import Kind
from shared.domain.status import Phase
from tests.support.builders import ANA, KEY, a_command, after, an_intent, calls_of, minutes
from tests.support.records import Records
from tests.support.simulation.world import GRACE, World

SMITH, BEN = "ana.smith@example.com", "ben@example.com"
SECOND = person_key(ANA, 2)
NOW = after(10)


def event(verb: Verb, email: str, minute: float, person_id: str | None, **more: Any) -> Intent:
    person = Person(email=email, person_id=person_id)
    id = f"{verb} {email} {minute}"
    return an_intent(verb, id, occurred_at=after(minute), person=person, **more)


# Ana was ana.smith for a while and has left; her address is somebody else's now. And there is Ben.
PEOPLE = Records(
    [
        event(Verb.JOIN, SMITH, -90, "1"),
        event(Verb.JOIN, ANA, -60, "1", previous_email=SMITH),
        event(Verb.LEAVE, ANA, -30, None),
        event(Verb.JOIN, ANA, -10, "2"),
        event(Verb.JOIN, BEN, -5, None),
    ]
).people
FORMER, PRESENT, OTHER = sorted(PEOPLE, key=lambda r: r.addresses[-1].since or NOW)


def found(email: str = "", person_id: str = "", key: str = "") -> list[Environment]:
    """What intake would find."""
    by_key = [r for r in PEOPLE if r.key == key]
    others = [
        r
        for r in PEOPLE
        if email in r.known_addresses or (person_id and r.person.person_id == person_id)
    ]
    if not key:
        return others
    who = a_command(email=email, person_id=person_id, key=key)
    return by_key + [r for r in others if any(contradicts(who, known) for known in by_key)]


def named(**who: str) -> Environment:
    command = a_command(**{"email": ""} | who)
    return subject_of_command(command, found(**who), NOW)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({"email": ANA}, PRESENT),
        ({"email": SMITH}, FORMER),
        ({"person_id": "1"}, FORMER),
        ({"person_id": "2"}, PRESENT),
        ({"key": FORMER.key}, FORMER),
        ({"key": PRESENT.key}, PRESENT),
        ({"email": ANA, "person_id": "1"}, FORMER),
        ({"email": ANA, "person_id": "2"}, PRESENT),
        ({"email": ANA, "key": FORMER.key}, FORMER),
        ({"email": SMITH, "key": FORMER.key, "person_id": "1"}, FORMER),
        ({"email": BEN, "key": OTHER.key}, OTHER),
    ],
    ids=str,
)
def test_a_command_that_names_one_person_finds_them(
    who: dict[str, str], expected: Environment
) -> None:
    assert named(**who) == expected


FORMER_SHOWN = f"{ANA} (person_id 1, record {FORMER.key})"
PRESENT_SHOWN = f"{ANA} (person_id 2, record {PRESENT.key})"
BEN_SHOWN = f"{BEN} (person_id unknown, record {OTHER.key})"


@pytest.mark.parametrize(
    ("who", "conflict", "keys"),
    [
        (
            {"email": BEN, "key": FORMER.key},
            f"email: {BEN} does not belong to {FORMER_SHOWN}, named by the key, but to {BEN_SHOWN}",
            (FORMER.key, OTHER.key),
        ),
        (
            {"person_id": "2", "key": FORMER.key},
            f"person_id: 2 does not belong to {FORMER_SHOWN}, named by the key, but to "
            f"{PRESENT_SHOWN}",
            (FORMER.key, PRESENT.key),
        ),
        (
            {"email": BEN, "person_id": "1"},
            f"email: {BEN} does not belong to {FORMER_SHOWN}, named by the person_id, but to "
            f"{BEN_SHOWN}",
            (FORMER.key, OTHER.key),
        ),
        (
            {"email": SMITH, "person_id": "2"},
            f"email: {SMITH} does not belong to {PRESENT_SHOWN}, named by the person_id, but to "
            f"{FORMER_SHOWN}",
            (PRESENT.key, FORMER.key),
        ),
        (
            {"email": ANA, "person_id": "1", "key": PRESENT.key},
            f"person_id: 1 does not belong to {PRESENT_SHOWN}, named by the key, but to "
            f"{FORMER_SHOWN}",
            (PRESENT.key, FORMER.key),
        ),
    ],
    ids=str,
)
def test_a_command_that_fits_two_people_is_rejected_and_says_what_to_send_for_each(
    who: dict[str, str], conflict: str, keys: tuple[str, str]
) -> None:
    with pytest.raises(Rejected) as rejected:
        named(**who)
    assert rejected.value.code is RejectionCode.IDENTITY_CONFLICT
    assert rejected.value.message == (
        f'{conflict}; nothing was changed. Send the command again with "key":"{keys[0]}" alone '
        f'for the first, "key":"{keys[1]}" alone for the second'
    )


@pytest.mark.parametrize(
    ("who", "conflict", "advice"),
    [
        (
            {"email": BEN, "person_id": "9"},
            f"person_id: 9 does not belong to {BEN_SHOWN}, named by the email",
            f'"key":"{OTHER.key}" alone, or with the right person_id',
        ),
        (
            {"email": BEN, "person_id": "9", "key": OTHER.key},
            f"person_id: 9 does not belong to {BEN_SHOWN}, named by the key",
            f'"key":"{OTHER.key}" alone, or with the right person_id',
        ),
        (
            {"email": "z@example.com", "key": OTHER.key},
            f"email: z@example.com does not belong to {BEN_SHOWN}, named by the key",
            f'"key":"{OTHER.key}" alone, or with the right email',
        ),
    ],
    ids=str,
)
def test_a_command_that_names_something_of_nobody_is_rejected_and_says_so(
    who: dict[str, str], conflict: str, advice: str
) -> None:
    with pytest.raises(Rejected) as rejected:
        named(**who)
    assert rejected.value.code is RejectionCode.IDENTITY_CONFLICT
    assert rejected.value.message == (
        f"{conflict}, nor to anybody else who is known; nothing was changed. "
        f"Send the command again with {advice}"
    )


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ({"key": "x-wenwvu7bsw2t"}, "key: no environment has the key x-wenwvu7bsw2t; send a key"),
        ({"person_id": "9"}, "person_id: there is no environment of 9; publish a join on"),
        ({"email": "z@example.com"}, "email: there is no environment of z@example.com; publish a"),
        ({"email": ANA, "key": "x-wenwvu7bsw2t"}, "key: no environment has the key x-wenwvu7bsw2t"),
    ],
    ids=str,
)
def test_nobody_is_found(who: dict[str, str], reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        named(**who)
    assert rejected.value.code is RejectionCode.UNKNOWN_PERSON
    assert rejected.value.message.startswith(reason)


def test_of_two_records_with_one_id_the_address_decides_and_else_the_first() -> None:
    """They are merged with the next event that names both."""
    twin = replace(OTHER, person=replace(OTHER.person, person_id="1"), created_at=after(1))
    for people in ([FORMER, twin], [twin, FORMER]):
        for email, expected in ((BEN, twin), (ANA, FORMER), ("", FORMER)):
            command = a_command(email=email, person_id="1")
            assert subject_of_command(command, people, NOW) == expected


# In a whole deployment


def world_of_a_held_leaver() -> World:
    """Ana was held and has left, and her address was given to somebody else."""
    world = World()
    world.join(ANA, person_id="1")
    world.run_for(minutes(5))
    world.command("hold", ANA, hold="CASE-7")
    world.leave(ANA)
    world.run_for(minutes(10))
    world.join(ANA, person_id="2")
    world.run_for(minutes(10))
    assert world.record(ANA).key == SECOND
    return world


def record_of(world: World, key: str) -> Environment:
    return next(record for record in world.store.page(10).items if record.key == key)


def test_an_address_does_not_reach_the_hold_of_a_former_owner() -> None:
    world = world_of_a_held_leaver()
    world.command("release", ANA, hold="CASE-7")
    assert record_of(world, KEY).held is not None


@pytest.mark.parametrize(
    "who",
    [
        {"key": KEY},
        {"person_id": "1"},
        {"email": ANA, "key": KEY},
        {"email": ANA, "person_id": "1"},
        {"email": "", "person_id": "1", "key": KEY},
    ],
    ids=str,
)
def test_a_hold_on_a_leaver_whose_address_was_given_away_can_be_released(
    who: dict[str, str],
) -> None:
    world = world_of_a_held_leaver()
    outcomes = []
    event = {"email": None} | who
    calls = calls_of(world, lambda: outcomes.append(world.command("release", **event)))
    assert outcomes == ["applied"]
    assert calls["load" if "key" in who else "find"] == 1
    assert "find" not in calls or "load" not in calls
    assert record_of(world, KEY).held is None
    world.run_for(GRACE + timedelta(days=1), every=timedelta(hours=6))
    assert record_of(world, KEY).status.phase is Phase.REMOVED
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    assert notebook.key == SECOND


def test_the_key_of_a_record_that_was_merged_is_that_of_the_person() -> None:
    world = World()
    world.join(ANA)
    world.pass_time(minutes(5))
    world.join(SMITH)
    world.pass_time(minutes(1))
    late = world.clock.now() - minutes(2)
    world.join(SMITH, previous_email=ANA, occurred_at=late)
    assert record_of(world, person_key(SMITH)).merged_into == KEY
    assert world.command("hold", key=person_key(SMITH)) == "applied"
    assert record_of(world, KEY).held is not None
    assert record_of(world, person_key(SMITH)).held is None


def test_a_conflict_changes_nothing_and_is_parked_with_both_people() -> None:
    world = world_of_a_held_leaver()
    world.join(BEN)
    before = world.store.page(10).items
    assert world.command("release", BEN, key=KEY) == "identity-conflict"
    assert world.store.page(10).items == before
    [parked] = world.store.parked(10).items
    assert parked.reason.startswith(f"email: {BEN} does not belong to {ANA} (person_id 1, record")
    for key in (KEY, person_key(BEN)):
        assert f'"key":"{key}" alone for the' in parked.reason


@pytest.mark.parametrize("who", [{"key": KEY}, {"person_id": "1"}], ids=str)
def test_a_rejection_names_the_person_as_the_command_did(who: dict[str, str]) -> None:
    world = world_of_a_held_leaver()
    assert world.command("recreate", **{"email": None} | who) == "nothing-to-recreate"
    [(field, value)] = who.items()
    [parked] = world.store.parked(10).items
    assert parked.reason.startswith(f"{field}: {value} is leaving, so there is nothing")


def test_a_foreign_domain_is_named_only_if_nobody_has_the_address() -> None:
    world = World()
    assert world.command("hold", "z@example.org") == "foreign-domain"
    assert world.command("hold", "z@example.org", person_id="9") == "foreign-domain"
    assert world.command("hold", "z@example.org", key=KEY) == "unknown-person"
    assert world.command("hold", person_id="9") == "unknown-person"
