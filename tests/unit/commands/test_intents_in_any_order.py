"""The same events about one person lead to the same state in any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.commands.intent import Intent, Verb
from shared.domain.commands.intents import apply_intent
from shared.domain.commands.scheduled import with_due_intents
from shared.domain.environment import Environment
from shared.domain.people.person import Person
from tests.support.builders import ANA, KEY, NOW, after, an_intent
from tests.support.records import Records

SMITH, JONES = "ana.smith@example.com", "ana.jones@example.com"


def join(id: str, email: str, minute: float, previous: str = "", **more: Any) -> Intent:
    """A join of that minute; each has its own profile, so that they differ."""
    person = Person(email=email, person_id=more.pop("person_id", None))
    values = {"profile": f"of-{id}", "previous_email": previous} | more
    return an_intent(Verb.JOIN, id, occurred_at=after(minute), person=person, **values)


def leave(id: str, email: str, minute: float, **more: Any) -> Intent:
    person = Person(email=email, person_id=more.pop("person_id", None))
    return an_intent(Verb.LEAVE, id, occurred_at=after(minute), person=person, **more)


def state(record: Environment) -> dict[str, Any]:
    """All of it that must not depend on the order of arrival."""
    return {
        "joined": record.events.joined,
        "in force": record.events.in_force,
        "leaves": record.events.leaves,
        "person": record.person,
        "terms": record.terms,
        "addresses": record.addresses,
        "scheduled": record.scheduled,
        "left": record.departure.left_at is not None,
        "known": set(record.known_addresses),
    }


def folded(intents: Sequence[Intent], now: datetime = NOW) -> Environment:
    """The record of one person after these events, in this order."""
    record: Environment | None = None
    for intent in intents:
        record = apply_intent(record, intent, KEY, now).environment
    assert record is not None
    return record


J1 = join("J1", ANA, -9)
RENAMED = join("RENAMED", SMITH, -8, ANA)
AGAIN = join("AGAIN", JONES, -7, SMITH)
REFRESHED = join("REFRESHED", SMITH, -6)
BACK = join("BACK", ANA, -5, SMITH)
LEFT_OLD, LEFT_NEW = leave("LEFT_OLD", ANA, -4), leave("LEFT_NEW", SMITH, -4)
LATER = {"effective_at": after(5)}
ENDS_OLD = leave("ENDS_OLD", ANA, -2, **LATER)
ENDS_NEW = leave("ENDS_NEW", SMITH, -3, **LATER)
RENAMED_LATER = join("RENAMED_LATER", SMITH, -2, ANA, **LATER)

CASES = [
    pytest.param([J1, RENAMED], "join", SMITH, id="renamed"),
    pytest.param([J1, RENAMED, REFRESHED], "join", SMITH, id="renamed, and named again"),
    pytest.param([J1, RENAMED, AGAIN], "join", JONES, id="renamed twice"),
    pytest.param([J1, RENAMED, BACK], "join", ANA, id="renamed back"),
    pytest.param([J1, RENAMED, LEFT_OLD], "join", SMITH, id="the former address left"),
    pytest.param([J1, RENAMED, LEFT_NEW], "leave", SMITH, id="the current address left"),
    pytest.param([J1, RENAMED, LEFT_OLD, LEFT_NEW], "leave", SMITH, id="both addresses left"),
    pytest.param([J1, RENAMED, LEFT_OLD, REFRESHED], "join", SMITH, id="older than the last join"),
    pytest.param([J1, RENAMED, BACK, LEFT_OLD], "leave", ANA, id="renamed back, and left"),
    pytest.param([J1, RENAMED, BACK, LEFT_NEW], "join", ANA, id="renamed back, the other left"),
    pytest.param([J1, RENAMED, AGAIN, LEFT_NEW, LEFT_OLD], "join", JONES, id="two former left"),
    pytest.param([J1, LEFT_OLD], "leave", ANA, id="left"),
    pytest.param([J1, leave("x", JONES, -3)], "leave", ANA, id="left under an unknown address"),
    pytest.param([RENAMED, LEFT_OLD], "join", SMITH, id="never joined under the former address"),
    pytest.param([J1, RENAMED, ENDS_NEW], "join", SMITH, id="to leave later"),
    pytest.param([J1, RENAMED, ENDS_OLD], "join", SMITH, id="the former address leaves later"),
    pytest.param([J1, RENAMED, ENDS_NEW, ENDS_OLD], "join", SMITH, id="both leave later"),
    pytest.param([J1, RENAMED_LATER], "join", ANA, id="renamed later"),
    pytest.param([J1, RENAMED_LATER, ENDS_NEW], "join", ANA, id="renamed later, then to leave"),
    pytest.param([J1, RENAMED_LATER, LEFT_OLD], "leave", ANA, id="leaves before the rename"),
    pytest.param([J1, RENAMED, LEFT_NEW, ENDS_OLD], "leave", SMITH, id="left and retired later"),
]
AT_LAST = {
    "to leave later": ("leave", SMITH),
    "both leave later": ("leave", SMITH),
    "renamed later": ("join", SMITH),
    "renamed later, then to leave": ("join", SMITH),
    "leaves before the rename": ("join", SMITH),
}


@pytest.mark.parametrize(("intents", "verb", "email"), CASES)
def test_every_order_of_arrival_leads_to_the_same_state(
    intents: list[Intent], verb: str, email: str, request: pytest.FixtureRequest
) -> None:
    first = folded(intents)
    assert first.events.in_force is not None
    assert (first.events.in_force.verb, first.person.email) == (verb, email)
    soon, _ = with_due_intents(first, after(6))
    assert soon.events.in_force is not None
    name = request.node.callspec.id
    assert (soon.events.in_force.verb, soon.person.email) == AT_LAST.get(name, (verb, email))
    for order in permutations(intents):
        record = folded(order)
        assert state(record) == state(first), [i.event_id for i in order]
        later, _ = with_due_intents(record, after(6))
        assert state(later) == state(soon), [i.event_id for i in order]


AT_ONCE = [
    join("e0", ANA, -1),
    join("e1", SMITH, -1, ANA),
    join("e2", SMITH, -1),
    join("e3", ANA, -1),
]


def test_of_joins_of_one_moment_the_newest_has_the_address_that_was_not_given_up() -> None:
    for order in permutations(AT_ONCE):
        record = folded(order)
        assert record.events.joined == AT_ONCE[2]
        assert (record.person.email, record.terms.profile) == (SMITH, "of-e2")


_SOON = st.none() | st.sampled_from([after(5), after(10)])
_INTENTS = st.one_of(
    st.builds(
        lambda email, minute, ahead: join("", email, minute, effective_at=ahead),
        st.sampled_from([ANA, SMITH, JONES]),
        st.integers(-9, -1),
        _SOON,
    ),
    st.builds(
        lambda emails, minute, ahead: join("", emails[0], minute, emails[1], effective_at=ahead),
        st.permutations([ANA, SMITH, JONES]),
        st.integers(-9, -1),
        _SOON,
    ),
    st.builds(
        lambda email, minute, ahead: leave("", email, minute, effective_at=ahead),
        st.sampled_from([ANA, SMITH, JONES]),
        st.integers(-9, -1),
        _SOON,
    ),
)


@given(st.lists(_INTENTS, min_size=1, max_size=6), st.data())
def test_any_events_in_any_order_lead_to_the_same_state(
    some: list[Intent], data: st.DataObject
) -> None:
    """Also with repeated changes of address; the end of an address may differ then."""
    intents = [
        an_intent(
            i.verb,
            f"e{n}",
            occurred_at=i.occurred_at,
            person=i.person,
            previous_email=i.previous_email,
            effective_at=i.effective_at,
            profile=f"of-e{n}" if i.verb is Verb.JOIN else "",
        )
        for n, i in enumerate(some)
    ]

    def facts(record: Environment) -> dict[str, Any]:
        """All but when an address ended."""
        addresses = {(a.email, a.since, a.seen, a.until is None) for a in record.addresses}
        shown = state(record) | {"addresses": addresses}
        if record.events.joined is None:
            del shown["person"]  # whoever of them was named first
        return shown

    one, other = folded(intents), folded(data.draw(st.permutations(intents)))
    for minute in (0, 7, 12):
        (this, _), (that, _) = (with_due_intents(r, after(minute)) for r in (one, other))
        assert facts(this) == facts(that)


def test_a_leave_of_a_former_address_says_that_only_the_address_ends() -> None:
    decision = apply_intent(folded([J1, RENAMED]), LEFT_OLD, KEY, NOW)
    assert decision.outcome == "applied"
    assert decision.entry.text == (
        f"leave of {ANA}, a former address: it is retired; the person is {SMITH} now and stays"
    )
    assert decision.environment.addresses[0].retired_at == LEFT_OLD.occurred_at
    assert (decision.environment.events.in_force, decision.environment.departure.records) == (
        RENAMED,
        (),
    )


def test_a_scheduled_one_says_so_when_it_takes_effect() -> None:
    record = folded([J1, RENAMED, ENDS_OLD])
    soon, [entry] = with_due_intents(record, after(6))
    assert entry.text == (
        f"scheduled leave of {ANA}, a former address: it is retired; the person is {SMITH} "
        "now and stays"
    )
    assert soon.events.in_force == RENAMED


def test_for_a_leaver_it_does_not_say_that_they_stay() -> None:
    text = apply_intent(folded([J1, RENAMED, LEFT_NEW]), LEFT_OLD, KEY, NOW).entry.text
    assert text.endswith(f"it is retired; the person is {SMITH} now")


def test_a_late_change_of_address_says_what_is_in_force() -> None:
    """The leave of the former address came first, as if it were that of the person."""
    decision = apply_intent(folded([J1, LEFT_OLD]), RENAMED, KEY, NOW)
    assert decision.outcome == "applied"
    assert decision.environment.events.in_force == RENAMED
    assert decision.environment.departure.left_at is None
    older = apply_intent(folded([J1, REFRESHED, LEFT_OLD]), RENAMED, KEY, NOW)
    assert older.environment.events.in_force == REFRESHED


# Whose events they are: the records of several people


@pytest.mark.parametrize(
    "intents",
    [
        pytest.param([J1, RENAMED, REFRESHED], id="renamed, and named again"),
        pytest.param([J1, RENAMED, AGAIN], id="renamed twice"),
        pytest.param([J1, RENAMED, LEFT_OLD], id="the former address left"),
        pytest.param([J1, RENAMED, LEFT_NEW], id="the current address left"),
        pytest.param([J1, RENAMED, LEFT_OLD, LEFT_NEW], id="both left"),
        pytest.param([J1, RENAMED, ENDS_NEW], id="to leave later"),
        pytest.param(
            [join("a", ANA, -9, person_id="7"), join("b", SMITH, -8, person_id="7"), LEFT_OLD],
            id="known by id",
        ),
    ],
)
def test_every_order_of_arrival_leads_to_one_person(intents: list[Intent]) -> None:
    [first] = Records(intents).people
    for order in permutations(intents):
        records = Records(order)
        assert records.refused == [], [i.event_id for i in order]
        [person] = records.people
        assert state(person) == state(first), [i.event_id for i in order]
