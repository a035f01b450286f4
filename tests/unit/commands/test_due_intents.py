"""A scheduled event is in force when it is due, although the tick comes up to a minute later.

What arrives in between must end as if the tick had come first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.commands.admin_action import AdminAction
from shared.domain.commands.admin_commands import apply_command
from shared.domain.commands.decision import Outcome
from shared.domain.commands.intent import Intent, Verb
from shared.domain.commands.intents import apply_intent
from shared.domain.commands.scheduled import with_due_intents
from shared.domain.contracts.announcements import News
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.names import person_key
from shared.domain.people.address_owners import present_owner
from shared.domain.people.identity import subject_of
from shared.domain.people.merging import merge
from shared.domain.people.person import Person
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from tests.support.builders import (
    ANA,
    KEY,
    NOW,
    a_command,
    a_notebook,
    actions_of,
    after,
    an_intent,
    calls_of,
    hold_lease,
    minutes,
    ready_world,
)
from tests.support.grouped_fields import replace
from tests.support.records import Records
from tests.support.simulation.world import World

JOIN, LEAVE = Verb.JOIN, Verb.LEAVE
SMITH, BEN = "ana.smith@example.com", "ben@example.com"
DUE, TICK = 5, 5.5  # minutes after NOW: what was announced is due, and the tick has not come yet


def event(verb: Verb, email: str, minute: float, **more: Any) -> Intent:
    person = Person(email=email, person_id=more.pop("person_id", None))
    id = more.pop("id", f"{verb} {email} {minute}")
    return an_intent(verb, id, occurred_at=after(minute), person=person, **more)


def announced(verb: Verb, email: str, minute: float = -2, **more: Any) -> Intent:
    return event(verb, email, minute, **{"id": "ANNOUNCED", "effective_at": after(DUE)} | more)


J1 = event(JOIN, ANA, -9)
ENDS = announced(LEAVE, ANA)
RENAMED = announced(JOIN, SMITH, previous_email=ANA)


def folded(*intents: Intent) -> Environment:
    record: Environment | None = None
    for intent in intents:
        record = apply_intent(record, intent, KEY, NOW).environment
    assert record is not None
    return record


def ticked(record: Environment, minute: float = TICK) -> Environment:
    return with_due_intents(record, after(minute))[0]


# One record

_EVENTS = st.builds(
    event,
    st.sampled_from(Verb),
    st.sampled_from([ANA, SMITH]),
    st.integers(-9, -1),
    effective_at=st.sampled_from([None, after(3), after(5), after(8)]),
    previous_email=st.just(""),
)


@given(st.lists(_EVENTS, min_size=1, max_size=5), _EVENTS, st.integers(-8, 7))
def test_any_event_first_puts_due_intents_in_force(
    before: list[Intent], crossing: Intent, minute: int
) -> None:
    record = folded(*(replace(i, event_id=f"e{n}") for n, i in enumerate(before)))
    crossing = replace(crossing, event_id="crossing", occurred_at=after(minute))
    decision = apply_intent(record, crossing, KEY, after(7))
    in_force, entries = with_due_intents(record, after(7))
    expected = apply_intent(in_force, crossing, KEY, after(7))
    assert decision == replace(expected, due=entries)
    assert decision.entries == (*entries, expected.entry, *expected.cancelled)


@given(st.lists(_EVENTS, min_size=1, max_size=5))
def test_a_late_tick_has_the_same_result_as_ticks_in_time(before: list[Intent]) -> None:
    """Of two that are due, the one with the earlier time takes effect first."""
    record = folded(*(replace(i, event_id=f"e{n}") for n, i in enumerate(before)))
    in_time = ticked(ticked(ticked(record, 3), 5), 8)
    late = ticked(record, 8)
    assert (late.events, late.terms) == (in_time.events, in_time.terms)
    assert (late.person, late.addresses) == (in_time.person, in_time.addresses)
    assert [i.event_id for i in late.departure.records] == [
        i.event_id for i in in_time.departure.records
    ]
    announced_news = [[(n.news, n.event_id) for n in r.outbox.waiting] for r in (late, in_time)]
    assert announced_news[0] == announced_news[1]


def test_a_join_does_not_cancel_a_leave_that_is_due_but_ends_it() -> None:
    decision = apply_intent(folded(J1, ENDS), event(JOIN, ANA, 5.2), KEY, after(TICK))
    [leaving] = decision.environment.departure.records
    assert (leaving.event_id, leaving.returned_at) == ("ANNOUNCED", after(TICK))
    assert News.CANCELLED not in [item.news for item in decision.environment.outbox.waiting]
    assert [entry.text for entry in decision.entries] == [
        "scheduled leave is in force now",
        "join as full in force",
    ]
    assert [entry.event_id for entry in decision.due] == ["ANNOUNCED"]


def test_a_leave_of_an_address_that_has_just_become_a_former_one_retires_it() -> None:
    decision = apply_intent(folded(J1, RENAMED), event(LEAVE, ANA, 5.2), KEY, after(TICK))
    record = decision.environment
    assert (record.events.in_force, record.person.email, record.departure.left_at) == (
        RENAMED,
        SMITH,
        None,
    )
    assert decision.entry.text.endswith(f"it is retired; the person is {SMITH} now and stays")


def test_a_leave_of_the_new_address_ends_the_person() -> None:
    left = event(LEAVE, SMITH, 5.2)
    record = apply_intent(folded(J1, RENAMED), left, KEY, after(TICK)).environment
    assert (record.events.in_force, record.person.email) == (left, SMITH)


def test_a_stale_event_puts_due_intents_in_force_too() -> None:
    decision = apply_intent(folded(J1, ENDS), event(JOIN, ANA, -9.5), KEY, after(TICK))
    assert decision.outcome is Outcome.STALE
    assert decision.environment.events.in_force == ENDS
    assert decision.environment.status.due_at == after(TICK)


def test_a_repeated_event_leaves_due_intents_to_the_tick() -> None:
    record = folded(J1, ENDS)
    decision = apply_intent(record, J1, KEY, after(TICK))
    assert (decision.outcome, decision.environment, decision.due) == ("duplicate", record, ())


def test_a_scheduled_event_that_makes_an_older_leave_count_says_so() -> None:
    """They return to an address whose leave had only retired it."""
    renamed, left = event(JOIN, SMITH, -8, previous_email=ANA), event(LEAVE, ANA, -4)
    back = announced(JOIN, ANA, -6)
    record, [entry, gone] = with_due_intents(folded(J1, renamed, left, back), after(DUE))
    assert record.events.in_force == left
    assert entry.text == (
        "scheduled join is noted; leave is in force now; cancels join ANNOUNCED of "
        + after(DUE).isoformat()
    )
    assert (gone.action, gone.event_id) == ("intent.cancelled", "ANNOUNCED")


@pytest.mark.parametrize("action", [AdminAction.HOLD, AdminAction.RELEASE, AdminAction.RETRY])
def test_an_admin_command_first_puts_due_intents_in_force(action: AdminAction) -> None:
    record = replace(folded(J1, ENDS), resources=(a_notebook(State.READY),))
    command = a_command(action)
    decision = apply_command(record, command, after(TICK))
    assert decision == replace(
        apply_command(ticked(record), command, after(TICK)),
        due=with_due_intents(record, after(TICK))[1],
    )
    assert decision.environment.leaving
    again = apply_command(replace(record, recent=(command.idempotency_key,)), command, after(TICK))
    assert (again.outcome, again.due, again.environment.leaving) == ("duplicate", (), False)


def test_nothing_is_recreated_when_a_leave_is_due() -> None:
    record = replace(folded(J1, ENDS), resources=(a_notebook(State.READY),))
    recreate = a_command(AdminAction.RECREATE)
    with pytest.raises(Rejected, match="is leaving") as refused:
        apply_command(record, recreate, after(TICK))
    assert refused.value.code is RejectionCode.NOTHING_TO_RECREATE


# Whose address it is


def with_a_leaver_of_the_new_address() -> list[Environment]:
    """Ana is to have the address of somebody who has left, as soon as the tick comes."""
    gone = [event(JOIN, SMITH, -60, person_id="2"), event(LEAVE, SMITH, -30)]
    return Records([*gone, event(JOIN, ANA, -9, person_id="1"), RENAMED]).people


@pytest.mark.parametrize(
    ("crossing", "before", "then"),
    [
        (event(JOIN, SMITH, 5.2), person_key(SMITH), KEY),
        (event(LEAVE, SMITH, 5.2), person_key(SMITH), KEY),
        (event(JOIN, ANA, 5.2), KEY, person_key(ANA, 2)),
        (event(LEAVE, ANA, 5.2), KEY, KEY),
    ],
)
def test_the_person_of_an_event_depends_on_due_intents(
    crossing: Intent, before: str, then: str
) -> None:
    found = with_a_leaver_of_the_new_address()
    assert subject_of(crossing, found, after(DUE - 0.1)).key == before
    subject = subject_of(crossing, found, after(TICK))
    assert subject.key == then
    assert subject.record in (None, *found), "as it is stored: what is due is for the decision"


def test_the_present_owner_of_an_address_depends_on_due_intents() -> None:
    [gone, ana] = found = with_a_leaver_of_the_new_address()
    assert present_owner(SMITH, found, after(DUE - 0.1)) == gone
    assert present_owner(SMITH, found, after(TICK)) == ana
    assert present_owner(BEN, found, after(TICK)) is None


@pytest.mark.parametrize("where", ["record", "duplicate"])
def test_before_a_merge_due_intents_take_effect_in_each_record(where: str) -> None:
    """Or a leave that was due would be cancelled by a join of the other record."""
    one = Records([J1, *([ENDS] if where == "record" else [])]).people
    ends = announced(LEAVE, SMITH, 1)
    joined = event(JOIN, SMITH, 0.5)
    other = Records([joined, *([ends] if where == "duplicate" else [])]).people
    both = merge(one[0], other[0], after(TICK))
    late = merge(ticked(one[0]), ticked(other[0]), after(TICK))
    assert (both.record, both.duplicate) == (late.record, late.duplicate)
    assert (both.record.events.in_force == ends) == (where == "duplicate")
    due = both.entries if where == "record" else both.duplicate_entries
    assert [entry.action for entry in due] == ["intent.applied", "record.merged"]
    announced_news = [
        item.news for record in (both.record, both.duplicate) for item in record.outbox.waiting
    ]
    assert News.CANCELLED not in announced_news


# In a whole deployment


Act = Callable[[World], str]
CROSSING: dict[str, tuple[dict[str, Any], Act]] = {
    "a return": ({"verb": LEAVE, "email": ANA}, lambda w: w.join(ANA)),
    "an immediate leave": ({"verb": LEAVE, "email": ANA}, lambda w: w.leave(ANA, immediate=True)),
    "a hold": ({"verb": LEAVE, "email": ANA}, lambda w: w.command("hold", ANA)),
    "a retry": ({"verb": LEAVE, "email": ANA}, lambda w: w.command("retry", ANA)),
    "a recreate": ({"verb": LEAVE, "email": ANA}, lambda w: w.command("recreate", ANA)),
    "another announcement": (
        {"verb": LEAVE, "email": ANA},
        lambda w: w.join(ANA, effective_at=w.clock.now() + timedelta(days=1)),
    ),
    "a leave of the former address": (
        {"verb": JOIN, "email": SMITH, "previous_email": ANA},
        lambda w: w.leave(ANA, immediate=True),
    ),
    "a join of the new address": (
        {"verb": JOIN, "email": SMITH, "previous_email": ANA},
        lambda w: w.join(SMITH, profile="lean"),
    ),
    "somebody new at the former address": (
        {"verb": JOIN, "email": SMITH, "previous_email": ANA},
        lambda w: w.join(ANA),
    ),
    "a change of another's address to the former one": (
        {"verb": JOIN, "email": SMITH, "previous_email": ANA},
        lambda w: w.join(ANA, previous_email=BEN),
    ),
}


def crossed(name: str, *, tick_first: bool) -> World:
    """What comes of an event that arrives when something is due, before or after the tick."""
    world, (announcement, act) = ready_world(), CROSSING[name]
    world.join(BEN)
    world.run_for(minutes(5))
    due = dict(announcement) | {"effective_at": world.clock.now() + minutes(4.5)}
    world.deliver(world.message(due.pop("verb"), event_id="ANNOUNCED", **due))
    world.run_for(minutes(4))
    world.pass_time(minutes(0.8))
    if tick_first:
        world.minute()
    act(world)
    world.run_for(timedelta(hours=2))
    return world


def ends(world: World) -> list[Any]:
    """Everything that must not depend on the time of the tick."""
    records = world.store.page(100).items
    announced_news = [(n["data"]["email"], n["data"]["news"]) for n in world.topics.news]
    return [
        *(
            (
                r.key,
                r.person,
                r.status.phase,
                r.events.in_force and r.events.in_force.verb,
                r.addresses,
                r.events.pending,
            )
            for r in records
        ),
        *([(i.event_id, bool(i.returned_at)) for i in r.departure.records] for r in records),
        *([hold.id for hold in r.holds.in_force] for r in records),
        sorted((t.email, t.state, t.protected) for t in world.cloud.alive(Kind.WORKBENCH)),
        [each for each in announced_news if each[1] in ("scheduled", "cancelled", "held")],
        [(p.code, p.reason) for p in world.store.parked(10).items],
    ]


@pytest.mark.parametrize("name", CROSSING)
def test_the_result_is_as_if_the_tick_had_come_first(name: str) -> None:
    assert ends(crossed(name, tick_first=False)) == ends(crossed(name, tick_first=True))


def with_a_leave_due() -> World:
    """Ana's leave is due, and the tick has not come."""
    world = ready_world()
    world.leave(ANA, event_id="ANNOUNCED", effective_at=world.clock.now() + minutes(4.5))
    world.run_for(minutes(4))
    world.pass_time(minutes(0.8))
    return world


def test_due_intents_are_in_the_history_before_the_event_that_found_them() -> None:
    world = with_a_leave_due()
    world.join(ANA, event_id="CROSSING")
    history = world.store.history(KEY, 100)
    ids = [e.event_id for e in reversed(history) if e.action == "intent.applied"]
    assert ids[-2:] == ["ANNOUNCED", "CROSSING"]


def test_a_stale_event_ends_the_access_when_a_leave_is_due() -> None:
    world = with_a_leave_due()
    long_ago = world.clock.now() - timedelta(days=1)
    assert world.join(ANA, occurred_at=long_ago) == "stale"
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    assert notebook.state is State.STOPPING
    assert "intent.stale" in actions_of(world)


def test_due_intents_are_left_to_the_worker_that_holds_the_lease() -> None:
    world = with_a_leave_due()
    hold_lease(world)
    calls = calls_of(world, lambda: world.command("hold", ANA))
    assert calls == {"find": 1, "save": 1}
    assert world.record(ANA).leaving
    world.run_for(world.policy.lease + minutes(10))
    assert world.record(ANA).status.phase is Phase.SUSPENDED


def test_each_event_that_took_effect_is_logged_under_its_own_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = with_a_leave_due()
    with caplog.at_level("INFO", "shared.services"):
        world.command("hold", ANA, event_id="CASE-7")
    events = ("intent.applied", "order.applied")
    lines = [vars(record) for record in caplog.records if vars(record)["action"] in events]
    assert [(line["action"], line.get("event_id")) for line in lines] == [
        ("intent.applied", "ANNOUNCED"),
        ("order.applied", None),  # bound for the whole of its handling
    ]
    assert lines[0]["person"] == KEY
