"""Which records are of one person: two workers recorded events of the same moment."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from shared.domain.commands.intent import Intent
from shared.domain.environment import Environment
from shared.domain.people.duplicates import records_of_one_person
from shared.domain.people.identity import subject_of
from tests.support.builders import ANA, KEY, NOW, after
from tests.support.records import Records, join, leave

SMITH, BEN = "ana.smith@example.com", "ben@example.com"


def scheduled_change(minute: float) -> Intent:
    return join(SMITH, minute, previous_email=ANA, effective_at=after(days=1))


def at_once(*events: Sequence[Intent]) -> list[Environment]:
    """A record of each sequence of events, independent of the others."""
    records = [record for some in events for record in Records(some).people]
    return [replace(record, key=f"{KEY}{number}") for number, record in enumerate(records)]


@pytest.mark.parametrize(
    ("one", "other", "is_one", "because"),
    [
        ([join(ANA, -9)], [join(ANA, -8)], True, "both have it"),
        ([join(ANA, -9, "7")], [join(ANA, -8)], True, "nobody else's id is known"),
        ([join(ANA, -9, "7")], [join(ANA, -8, "8")], False, "two people, by their ids"),
        ([join(ANA, -9), leave(ANA, -7)], [join(ANA, -8)], True, "it was theirs then"),
        ([join(ANA, -9), leave(ANA, -7)], [join(ANA, -6)], True, "they returned"),
        (
            [join(ANA, -9), leave(ANA, -7)],
            [join(BEN, -8), join(ANA, -6, previous_email=BEN)],
            False,
            "the address was free for another",
        ),
        (
            [join(ANA, -9), leave(ANA, -5)],
            [join(BEN, -8), join(ANA, -6, previous_email=BEN)],
            True,
            "it was theirs then",
        ),
        ([join(ANA, -9), join(BEN, -7, previous_email=ANA)], [join(ANA, -6)], False, "a former"),
    ],
)
def test_two_records_with_the_same_present_address_are_of_one_person(
    one: list[Intent], other: list[Intent], is_one: bool, because: str
) -> None:
    records = at_once(one, other)
    found = subject_of(join(ANA, 0), records, NOW)
    assert bool(found.duplicates) is is_one, because
    if is_one:
        assert (found.record, found.duplicates) == (records[0], (records[1],))


@pytest.mark.parametrize(
    ("one", "other", "is_one", "because"),
    [
        ([join(ANA, -9, "7")], [join(BEN, -8, "7")], True, "the same id"),
        ([join(ANA, -9, "7"), leave(ANA, -7)], [join(BEN, -8, "7")], True, "also of a leaver"),
        ([join(ANA, -9)], [leave(ANA, -8)], True, "it was theirs when they left"),
        ([join(ANA, -7)], [leave(ANA, -8)], False, "somebody had it before"),
        ([join(ANA, -9, "7")], [leave(ANA, -8, "8")], False, "two people, by their ids"),
        ([join(ANA, -9)], [join(BEN, -8, previous_email=ANA)], True, "it was theirs until then"),
        ([join(ANA, -7)], [join(BEN, -8, previous_email=ANA)], False, "theirs only since"),
        (
            [join(ANA, -9, "7")],
            [join(BEN, -8, "8", previous_email=ANA)],
            False,
            "two people, by their ids",
        ),
        ([join(ANA, -9)], [scheduled_change(-8)], True, "scheduled: it is theirs until then"),
        ([join(ANA, -7)], [scheduled_change(-8)], False, "scheduled: theirs only since"),
        (
            [join(ANA, -9), join(BEN, -8, previous_email=ANA)],
            [scheduled_change(-7)],
            False,
            "scheduled: they have another one by then",
        ),
    ],
)
def test_two_records_with_one_id_or_of_events_that_follow_one_another_are_of_one_person(
    one: list[Intent], other: list[Intent], is_one: bool, because: str
) -> None:
    records = at_once(one, other)
    assert bool(records_of_one_person(join(ANA, 0), records[::-1])) is is_one, because
