"""The person of an event: one record, a new one, several to merge, or a conflict.

The same rules in a whole deployment, with notebooks: ``tests/stateful/test_identity.py``.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.rejections import Rejected
from shared.domain.names import person_key
from shared.domain.people.identity import new_key, subject_of
from tests.support.builders import ANA, KEY, NOW, after
from tests.support.records import Records, join, leave

JOIN, LEAVE = Verb.JOIN, Verb.LEAVE
SMITH, BEN = "ana.smith@example.com", "ben@example.com"
SMITH_KEY, BEN_KEY = person_key(SMITH), person_key(BEN)


def subject(event: Intent, *before: Intent) -> str:
    """The subject of the last event: a key, keys to merge, or the conflict."""
    records = Records(before)
    assert not records.refused
    try:
        found = subject_of(event, list(records.by_key.values()), NOW)
    except Rejected as refused:
        return str(refused.code)
    assert found.record is None or found.record.key == found.key
    keys = [found.key if found.record else f"new {found.key}"]
    return " + ".join([*keys, *(other.key for other in found.duplicates)])


CONFLICT = "identity-conflict"


# By the address


@pytest.mark.parametrize("said", [None, "7", "8"], ids="says={}".format)
@pytest.mark.parametrize("known", [None, "7"], ids="known={}".format)
@pytest.mark.parametrize("gone", [False, True], ids=["here", "left"])
@pytest.mark.parametrize("verb", list(Verb))
def test_an_event_about_a_known_address(
    verb: Verb, gone: bool, known: str | None, said: str | None
) -> None:
    """A contradiction of ids is a conflict, unless the address is free for another person."""
    before = [join(ANA, -9, known), *([leave(ANA, -5)] if gone else [])]
    event = (join if verb is JOIN else leave)(ANA, 0, said)
    if (known, said) != ("7", "8"):
        expected = KEY
    elif gone:
        expected = f"new {person_key(ANA, 2)}"
    else:
        expected = CONFLICT
    assert subject(event, *before) == expected


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("person_id", [None, "7"])
def test_an_unknown_address_with_an_unknown_id_is_a_new_person(
    person_id: str | None, verb: Verb
) -> None:
    event = (join if verb is JOIN else leave)(ANA, 0, person_id)
    assert subject(event, join(BEN, -9, "8")) == f"new {KEY}"


@pytest.mark.parametrize(
    ("event", "expected", "because"),
    [
        (join(ANA, -3), KEY, "late: it was hers then"),
        (join(ANA, 0), f"new {person_key(ANA, 2)}", "somebody else has it now"),
        (join(ANA, 0, "7"), KEY, "she has it again: the id says so"),
        (leave(ANA, -3), KEY, "it was hers then"),
        (leave(ANA, 0), KEY, "whoever had it last"),
        (leave(ANA, 0, "8"), f"new {person_key(ANA, 2)}", "somebody else had it since"),
        (leave(ANA, -3, "8"), CONFLICT, "it was hers then"),
        (join(SMITH, 0), KEY, "it is hers"),
        (join(SMITH, -3), KEY, "it was hers soon after"),
        (leave(SMITH, 0), KEY, "it is hers"),
    ],
)
def test_a_former_and_a_present_address(event: Intent, expected: str, because: str) -> None:
    before = [join(ANA, -9, "7"), join(SMITH, -2, previous_email=ANA)]
    assert subject(event, *before) == expected, because


# By the id, and by the former address


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize(
    ("other", "join_is", "leave_is", "because"),
    [
        ([], KEY, KEY, "nobody else has it"),
        ([join(SMITH, -5, "8")], CONFLICT, CONFLICT, "it is the address of another id"),
        ([join(SMITH, -5)], CONFLICT, CONFLICT, "it was somebody's before"),
        ([join(SMITH, 5)], f"{KEY} + {SMITH_KEY}", f"{KEY} + {SMITH_KEY}", "it is her, later"),
        ([join(SMITH, 5, "8")], CONFLICT, KEY, "it is another id's, later"),
        ([join(SMITH, -5, "8"), leave(SMITH, -2)], KEY, KEY, "whoever had it has left"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_a_known_id_with_another_address(
    other: list[Intent], join_is: str, leave_is: str, because: str, verb: Verb
) -> None:
    event = (join if verb is JOIN else leave)(SMITH, 0, "7")
    expected = join_is if verb is JOIN else leave_is
    assert subject(event, join(ANA, -9, "7"), *other) == expected, because


@pytest.mark.parametrize("said", [None, "7", "8"], ids="says={}".format)
@pytest.mark.parametrize("known", [None, "7"], ids="known={}".format)
def test_a_former_address_that_is_known(known: str | None, said: str | None) -> None:
    event = join(SMITH, 0, said, previous_email=ANA)
    expected = CONFLICT if (known, said) == ("7", "8") else KEY
    assert subject(event, join(ANA, -9, known)) == expected


@pytest.mark.parametrize(
    ("before", "said", "expected", "because"),
    [
        ([], None, f"new {SMITH_KEY}", "nobody is known"),
        ([join(SMITH, -9)], None, SMITH_KEY, "the new address is known, the former one isn't"),
        ([join(ANA, -9), join(SMITH, -5)], None, CONFLICT, "both were known before"),
        ([join(ANA, -9), join(SMITH, 5)], None, f"{KEY} + {SMITH_KEY}", "she is both"),
        (
            [join(ANA, -9), join(SMITH, 5), leave(SMITH, 6)],
            None,
            f"{KEY} + {SMITH_KEY}",
            "also after she has left since",
        ),
        ([join(ANA, -9), join(SMITH, -5), leave(SMITH, -2)], None, KEY, "the address is free"),
        (
            [join(ANA, 3), join(BEN, 5, previous_email=ANA)],
            None,
            f"new {SMITH_KEY}",
            "whoever had it later isn't who had it before",
        ),
        ([join(ANA, -9), join(BEN, -5, "7")], "7", CONFLICT, "the id is somebody else's"),
        ([join(ANA, -9), join(BEN, 5, "7")], "7", f"{KEY} + {BEN_KEY}", "she is Ben, later"),
        ([join(ANA, -9, "8"), join(BEN, 5, "7")], "7", CONFLICT, "two ids"),
        (
            [join(ANA, -9), join(BEN, 4, "7"), join(SMITH, 5)],
            "7",
            f"{KEY} + {BEN_KEY}",
            "she was Smith until she was Ben; whoever is Smith later is somebody else",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_a_former_address(
    before: list[Intent], said: str | None, expected: str, because: str
) -> None:
    assert subject(join(SMITH, 0, said, previous_email=ANA), *before) == expected, because


def test_a_rejected_event_changes_nothing() -> None:
    before = Records([join(ANA, -9, "7"), join(BEN, -8, "8")])
    kept = dict(before.by_key)
    for event in (leave(ANA, 0, "8"), join(ANA, 0, "8"), join(BEN, 0, previous_email=ANA)):
        before.take(event)
    assert before.by_key == kept
    assert len(before.refused) == 3


def test_a_join_of_a_former_address_is_of_whoever_is_to_get_it() -> None:
    """A scheduled join says that the address is given to somebody else."""
    later = join(ANA, 1, effective_at=after(days=1))
    before = (join(ANA, -9), join(SMITH, -5, previous_email=ANA), later)
    assert subject(join(ANA, 2), *before) == person_key(ANA, 2)


def test_a_late_return_to_an_address_is_of_the_person_of_the_scheduled_join() -> None:
    """The event with her former address arrives after her next join."""
    renamed, later = join(SMITH, -5, previous_email=ANA), join(ANA, 1, effective_at=after(days=1))
    back = join(ANA, -2, previous_email=SMITH)
    assert subject(back, join(ANA, -9), renamed, later) == f"{KEY} + {person_key(ANA, 2)}"
    [person] = Records([join(ANA, -9), renamed, later, back]).people
    assert (person.key, person.person.email, person.scheduled) == (KEY, ANA, (later,))


# Keys


def test_a_key_is_never_given_twice() -> None:
    [first] = Records([join(ANA, 1), join(SMITH, 3, previous_email=ANA)]).people
    merged = replace(first, key="x", merged=(person_key(ANA, 2),))
    assert new_key(ANA, []) == KEY
    assert new_key(ANA, [first]) == person_key(ANA, 2)
    assert new_key(ANA, [first, merged]) == person_key(ANA, 3)
    assert len({person_key(ANA, n) for n in range(1, 5)}) == 4


# Sent again


def test_a_repeated_event_is_about_the_same_person_as_before() -> None:
    first = join(ANA, -9, "7")
    again = replace(first, occurred_at=after(0))
    given_away = [first, leave(ANA, -5, "7"), join(ANA, -3, "8")]
    assert subject(again, *given_away) == KEY
