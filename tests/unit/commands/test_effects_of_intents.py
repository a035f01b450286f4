"""What events leave in the record besides the desired state: changes, leavings, announcements."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.commands.decision import Decision, Outcome
from shared.domain.commands.intent import Intent, Verb
from shared.domain.commands.intents import apply_intent
from shared.domain.commands.scheduled import with_due_intents
from shared.domain.contracts.announcements import News
from shared.domain.environment import Environment
from shared.domain.people.person import Person
from shared.domain.projections.offboarding_record import OffboardingRecord, current
from shared.domain.resources.kinds import Kind, State
from tests.support.builders import (
    ANA,
    KEY,
    NOW,
    a_notebook,
    a_record,
    after,
    an_intent,
    minutes,
    ready_world,
)
from tests.support.grouped_fields import a_resource, replace

JOIN, LEAVE = Verb.JOIN, Verb.LEAVE
NEW = "ana.smith@example.com"


def put(record: Environment | None, intent: Intent, now: Any = NOW) -> Decision:
    return apply_intent(record, intent, KEY, now)


def left(**changes: Any) -> Environment:
    """Ana's record after a leave at ``NOW``."""
    return put(a_record(), an_intent(LEAVE, "left", occurred_at=after(1), **changes)).environment


# Moves


def person(**changes: Any) -> Person:
    return replace(Person(email=ANA), **changes)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"profile": "lean"}, "; moves: profile full -> lean"),
        ({"person": person(team="risk")}, "; moves: team none -> risk"),
        ({"person": person(cost_center="CC 1")}, "; moves: cost centre none -> CC 1"),
        ({"person": person(groups=("a", "b"))}, "; moves: groups none -> a, b"),
        (
            {"profile": "lean", "person": person(team="risk")},
            "; moves: profile full -> lean; team none -> risk",
        ),
        ({"person": Person(email=NEW)}, f"; moves: address {ANA} -> {NEW}"),
        ({"person": person(display_name="Ana Maria")}, ""),
        ({}, ""),
    ],
)
def test_a_join_of_a_present_person_says_what_it_changes(
    changes: dict[str, Any], text: str
) -> None:
    join = an_intent(JOIN, "move", occurred_at=after(1), **changes)
    decision = put(a_record(), join)
    assert decision.outcome is Outcome.APPLIED
    assert decision.entry.text == f"join as {join.profile} in force{text}"
    assert decision.environment.terms.profile == join.profile
    assert decision.environment.person == join.person


def test_the_entry_of_a_leave_does_not_list_changes() -> None:
    record = a_record(profile="full")
    text = apply_intent(record, an_intent(Verb.LEAVE, "e2"), KEY, NOW).entry.text
    assert text == "leave in force"


def test_a_return_is_not_a_move() -> None:
    back = an_intent(JOIN, "back", occurred_at=after(2), profile="lean")
    assert put(left(), back).entry.text == "join as lean in force"


def test_a_return_under_another_address_says_so() -> None:
    back = an_intent(JOIN, "back", occurred_at=after(2), person=Person(email=NEW))
    assert put(left(), back).entry.text == f"join as full in force; address {ANA} -> {NEW}"


@pytest.mark.parametrize("verb", list(Verb))
def test_after_an_event_a_notebook_is_compared_with_its_profile_again(verb: Verb) -> None:
    """Somebody may have changed it by hand since; a template's digest is of what we wrote."""
    template = a_resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", digest="d2")
    record = a_record(a_notebook(State.READY, digest="d1"), template)
    event = an_intent(verb, "again", occurred_at=after(1))
    digests = {r.kind: r.settings.digest for r in put(record, event).environment.resources}
    assert digests == {Kind.WORKBENCH: "", Kind.SESSION_TEMPLATE: "d2"}


def test_a_leaver_is_searched_for_older_kinds_each_time_they_leave() -> None:
    searched = replace(left(), sought_at=after(2))
    again = put(searched, an_intent(LEAVE, "again", occurred_at=after(3))).environment
    assert again.departure.sought_at is None


@pytest.mark.parametrize("verb", list(Verb))
def test_the_retention_of_a_snapshot_is_that_of_the_join(verb: Verb) -> None:
    joined = put(None, an_intent(JOIN, "a", keep_seconds=90)).environment
    assert joined.terms.keep_seconds == 90
    event = an_intent(verb, "b", occurred_at=after(1))
    kept = put(joined, event).environment.terms.keep_seconds
    assert kept == (90 if verb is LEAVE else 0), "a join says everything again"


# Departures


def test_a_leave_opens_a_leaving_record() -> None:
    record = left(reason="retired")
    assert record.departure.records == (
        OffboardingRecord(
            event_id="left",
            source="test",
            occurred_at=after(1),
            left_at=NOW,
            removal_at=after(days=14),
            reason="retired",
        ),
    )


def test_a_second_leave_updates_the_leaving_record() -> None:
    urgent = an_intent(LEAVE, "b", occurred_at=after(5), immediate=True, reason="theft")
    record = put(left(), urgent, after(5)).environment
    [leaving] = record.departure.records
    assert (leaving.event_id, leaving.left_at) == ("left", NOW), "they left when they left"
    assert (leaving.immediate, leaving.removal_at) == (True, NOW)


def test_a_second_leave_can_make_it_not_immediate_again() -> None:
    calm = an_intent(LEAVE, "b", occurred_at=after(5))
    [leaving] = put(left(immediate=True), calm, after(5)).environment.departure.records
    assert (leaving.immediate, leaving.removal_at) == (False, after(days=14))


def test_a_return_closes_the_leaving_record_and_the_next_leave_opens_another() -> None:
    back = put(left(), an_intent(JOIN, "back", occurred_at=after(9)), after(9)).environment
    assert back.departure.left_at is None
    assert back.departure.records[0].returned_at == after(9)
    assert current(back.departure.records) is None
    again = put(back, an_intent(LEAVE, "again", occurred_at=after(20)), after(20)).environment
    assert [leaving.event_id for leaving in again.departure.records] == ["left", "again"]
    assert again.departure.records[0] == back.departure.records[0]


def test_a_return_after_the_removal_keeps_its_leaving_record() -> None:
    gone = left()
    gone = replace(gone, leavings=(replace(gone.departure.records[0], completed_at=after(60)),))
    back = put(gone, an_intent(JOIN, "back", occurred_at=after(99)), after(99)).environment
    [leaving] = back.departure.records
    assert (leaving.completed_at, leaving.returned_at) == (after(60), after(99))


@pytest.mark.parametrize("event_id", ["left", "stale"])
def test_an_event_that_changes_nothing_opens_no_leaving_record(event_id: str) -> None:
    before = left()
    late = an_intent(LEAVE, event_id, occurred_at=after(-9), immediate=True)
    assert put(before, late).environment.departure.records == before.departure.records


def test_a_scheduled_leave_opens_the_leaving_record_when_it_takes_effect() -> None:
    ahead = an_intent(LEAVE, "ahead", occurred_at=after(1), effective_at=after(days=3))
    announced = put(a_record(), ahead).environment
    assert announced.departure.records == ()
    [leaving] = with_due_intents(announced, after(days=3))[0].departure.records
    assert (leaving.event_id, leaving.left_at) == ("ahead", after(days=3))
    assert leaving.removal_at == after(days=17)


# Announcements


@pytest.mark.parametrize("verb", list(Verb))
def test_a_scheduled_event_is_announced_with_its_time(verb: Verb) -> None:
    later = an_intent(verb, "later", occurred_at=after(1), effective_at=after(9), reason="new job")
    decision = put(a_record(), later)
    assert decision.outcome is Outcome.SCHEDULED
    [item] = decision.environment.outbox.waiting
    assert (item.news, item.effective_at) == (News.SCHEDULED, after(9))
    assert item.reason == ("join as full (new job)" if verb is JOIN else "leave (new job)")


def test_a_new_time_is_announced_and_a_repetition_is_not() -> None:
    first = an_intent(LEAVE, "a", occurred_at=after(1), effective_at=after(9))
    second = an_intent(LEAVE, "b", occurred_at=after(2), effective_at=after(20))
    record = put(put(a_record(), first).environment, second).environment
    assert [i.effective_at for i in record.outbox.waiting] == [after(9), after(20)]
    for repeated in (first, second, replace(first, event_id="late")):
        record = put(record, repeated).environment
    assert len(record.outbox.waiting) == 2


@pytest.mark.parametrize("verb", list(Verb))
def test_an_event_that_takes_effect_at_once_is_announced_by_its_results(verb: Verb) -> None:
    event = an_intent(verb, "now", occurred_at=after(1))
    assert put(a_record(), event).environment.outbox.waiting == ()


# Scheduled events that never take effect


def later(verb: Verb, id: str, minute: float, days: float) -> Intent:
    return an_intent(verb, id, occurred_at=after(minute), effective_at=after(days=days))


def cancelled(record: Environment) -> list[tuple[str, Any]]:
    return [(a.event_id, a.effective_at) for a in record.outbox.waiting if a.news is News.CANCELLED]


@pytest.mark.parametrize("by", [JOIN, LEAVE])
@pytest.mark.parametrize("announced_verb", [JOIN, LEAVE])
def test_a_cancelled_event_is_named_and_announced(by: Verb, announced_verb: Verb) -> None:
    record = put(a_record(), later(announced_verb, "CONTRACT-END", 1, days=30)).environment
    decision = put(record, an_intent(by, "HR-8", occurred_at=after(2), reason="stays"), after(2))
    assert decision.environment.scheduled == ()
    assert f"cancels {announced_verb} CONTRACT-END of 2026-06-03T12:00:00" in decision.entry.text
    assert cancelled(decision.environment) == [("CONTRACT-END", after(days=30))]
    assert "HR-8" in decision.environment.outbox.waiting[-1].reason


def test_an_older_event_does_not_cancel_a_scheduled_one() -> None:
    record = put(a_record(), later(LEAVE, "CONTRACT-END", 5, days=30)).environment
    decision = put(record, an_intent(JOIN, "HR-8", occurred_at=after(2)), after(6))
    assert "cancels" not in decision.entry.text
    assert cancelled(decision.environment) == []


def test_a_rescheduled_event_names_the_one_it_replaces_and_is_announced() -> None:
    record = put(a_record(), later(LEAVE, "first", 1, days=30)).environment
    decision = put(record, later(LEAVE, "second", 2, days=60))
    assert decision.entry.text.endswith("; replaces leave first of 2026-06-03T12:00:00+00:00")
    news = [(a.news, a.event_id) for a in decision.environment.outbox.waiting]
    assert news == [(News.SCHEDULED, "first"), (News.SCHEDULED, "second")]


def test_an_event_that_takes_effect_later_cancels_earlier_scheduled_ones() -> None:
    record = put(a_record(), later(LEAVE, "end", 1, days=30)).environment
    record = put(record, later(JOIN, "prolonged", 2, days=10)).environment
    soon, [entry, gone] = with_due_intents(record, after(days=10))
    assert (entry.action, entry.event_id) == ("intent.applied", "prolonged")
    assert "cancels leave end" in entry.text
    assert cancelled(soon) == [("end", after(days=30))]
    assert (gone.action, gone.event_id) == ("intent.cancelled", "end")
    when = after(days=30).isoformat()
    assert gone.text == (
        f"leave, to take effect at {when}, is cancelled: overtaken by join as full of event "
        "prolonged"
    )
    assert gone.event is not None
    assert (gone.event.verb, gone.event.effective_at) == (LEAVE, after(days=30))
    assert gone.changed_nothing


def test_events_that_came_due_together_took_effect_and_are_not_cancelled() -> None:
    record = put(a_record(), later(LEAVE, "end", 1, days=1)).environment
    record = put(record, later(JOIN, "back", 2, days=2)).environment
    soon, entries = with_due_intents(record, after(days=3))
    assert [(e.event_id, "cancels" in e.text) for e in entries] == [("end", False), ("back", False)]
    assert cancelled(soon) == []


def test_the_cancellation_of_an_announced_leave_is_announced() -> None:
    world = ready_world()
    world.leave(ANA, event_id="CONTRACT-END", effective_at=world.clock.now() + timedelta(days=30))
    world.pass_time(minutes(1))
    world.join(ANA, team="other")
    world.run_for(minutes(5))
    news = [item["data"] for item in world.topics.news]
    announced = [(n["news"], n["event_id"]) for n in news if "event_id" in n]
    assert announced == [("scheduled", "CONTRACT-END"), ("cancelled", "CONTRACT-END")]
