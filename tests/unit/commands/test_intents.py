"""The record depends on the set of events, not on their order of arrival."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.commands.decision import Decision, Outcome
from shared.domain.commands.intent import Intent, Verb
from shared.domain.commands.intents import apply_intent
from shared.domain.commands.scheduled import with_due_intents
from shared.domain.environment import Environment
from shared.domain.resources.kinds import State
from tests.support.builders import KEY, NOW, a_notebook, a_record, after, an_intent
from tests.support.grouped_fields import replace

JOIN, LEAVE = Verb.JOIN, Verb.LEAVE
DAY = timedelta(days=1)


def put(record: Environment | None, intent: Intent, now: datetime = NOW) -> Decision:
    return apply_intent(record, intent, KEY, now)


def fold(intents: Iterable[Intent], now: datetime = NOW) -> Environment:
    """The record after all of them, delivered in this order."""
    record: Environment | None = None
    for intent in intents:
        record = put(record, intent, now).environment
    assert record is not None
    return record


def look(record: Environment, now: datetime) -> Verb | None:
    """The verb in force at ``now``."""
    intent = with_due_intents(record, now)[0].events.in_force
    return intent.verb if intent else None


@st.composite
def _intents(draw: st.DrawFn) -> list[Intent]:
    """Intents with ids of their own; many at the same moment, some announced ahead."""
    many = draw(st.lists(st.tuples(st.sampled_from(Verb), st.integers(-3, 0)), min_size=1))
    intents = []
    for number, (verb, minutes) in enumerate(many[:7]):
        ahead = draw(st.none() | st.sampled_from([after(-5), after(5), after(10)]))
        intent = an_intent(verb, f"e{number}", occurred_at=after(minutes), effective_at=ahead)
        if verb is JOIN:
            intent = replace(intent, profile=draw(st.sampled_from(["full", "lean"])))
        intents.append(intent)
    return intents


def _is_ripe(intent: Intent, now: datetime = NOW) -> bool:
    return intent.effective_at is None or intent.effective_at <= now


@given(_intents(), st.data())
def test_any_order_of_arrival_and_any_repetition_lead_to_the_same_record(
    intents: list[Intent], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(intents)))
    record = fold(data.draw(st.permutations([*intents, *again])))
    ripe = [i for i in intents if _is_ripe(i)]
    newest = max(ripe, key=lambda i: i.precedence, default=None)
    later = [
        i for i in intents if not _is_ripe(i) and (not newest or i.precedence > newest.precedence)
    ]
    announced = {i.verb: i for i in sorted(later, key=lambda i: i.precedence)}
    assert record.events.in_force == newest
    assert {i.verb: i for i in record.scheduled} == announced
    assert [i.effective_at for i in record.scheduled] == sorted(
        i.effective_at for i in announced.values() if i.effective_at
    )
    for minutes in (7, 12):
        ripe_then = [newest, *(i for i in announced.values() if _is_ripe(i, after(minutes)))]
        expected = max(filter(None, ripe_then), key=lambda i: i.precedence, default=None)
        assert with_due_intents(record, after(minutes))[0].events.in_force == expected
    assert (record.departure.left_at is not None) == (newest is not None and newest.verb is LEAVE)
    joined = max((i for i in ripe if i.verb is JOIN), key=lambda i: i.precedence, default=None)
    assert record.events.joined == joined
    if joined is not None:
        assert (record.terms.profile, record.terms.grace_seconds) == (
            joined.profile,
            joined.grace_seconds,
        )


@given(_intents(), st.data())
def test_only_an_event_that_changes_the_desired_state_counts_as_applied(
    intents: list[Intent], data: st.DataObject
) -> None:
    record: Environment | None = None
    for intent in data.draw(st.permutations([*intents, *intents])):
        before, decision = record, put(record, intent)
        record = decision.environment
        assert decision.entry.action == f"intent.{decision.outcome}"
        assert decision.entry.event_id == intent.event_id
        if decision.outcome is Outcome.APPLIED:
            assert record.events.in_force == intent
        elif decision.outcome is Outcome.SCHEDULED:
            assert intent in record.scheduled
        else:
            assert before is not None
            assert (record.events.in_force, record.scheduled) == (
                before.events.in_force,
                before.scheduled,
            )
            assert record.departure.left_at == before.departure.left_at


def test_newest_wins() -> None:
    join = an_intent(JOIN, "new", occurred_at=after(1), profile="lean")
    record = fold([join, an_intent(JOIN, "old")])
    assert (record.events.in_force, record.terms.profile) == (join, "lean")


@pytest.mark.parametrize("first", [JOIN, LEAVE])
def test_on_a_tie_leave_wins(first: Verb) -> None:
    both = sorted([an_intent(JOIN, "a"), an_intent(LEAVE, "b")], key=lambda i: i.verb is not first)
    assert look(fold(both), NOW) is LEAVE


def test_a_late_join_never_brings_a_leaver_back() -> None:
    gone = fold([an_intent(JOIN, "a", occurred_at=after(-9)), an_intent(LEAVE, "b")])
    decision = put(gone, an_intent(JOIN, "c", occurred_at=after(-1)), after(60))
    assert decision.outcome is Outcome.STALE
    assert look(decision.environment, after(60)) is LEAVE
    assert "not newer than what is in force" in decision.entry.text


def test_a_second_leave_does_not_start_the_grace_period_again() -> None:
    left = put(a_record(), an_intent(LEAVE, "a", occurred_at=after(1)), after(1)).environment
    again = put(left, an_intent(LEAVE, "b", occurred_at=after(days=5)), after(days=5)).environment
    assert again.departure.left_at == after(1)
    assert again.removal_at == after(1, days=14)


def test_a_leave_after_a_return_starts_a_new_grace_period() -> None:
    record = a_record()
    for verb, day in ((LEAVE, 1), (JOIN, 2), (LEAVE, 3)):
        intent = an_intent(verb, f"day-{day}", occurred_at=after(days=day))
        record = put(record, intent, after(days=day)).environment
    assert record.departure.left_at == after(days=3)


def test_a_second_leave_can_make_the_removal_immediate() -> None:
    left = put(a_record(), an_intent(LEAVE, "a", occurred_at=after(1)), after(1)).environment
    at_once = an_intent(LEAVE, "b", occurred_at=after(2), immediate=True)
    again = put(left, at_once, after(2)).environment
    assert again.removal_at == after(1)


def test_a_repeated_id_is_a_duplicate_even_with_another_time() -> None:
    """Published twice without ``occurred_at``, an event has the time of each publication."""
    record = fold([an_intent(JOIN, "a")])
    decision = put(record, an_intent(JOIN, "a", occurred_at=after(5), profile="lean"), after(5))
    assert decision.outcome is Outcome.DUPLICATE
    assert decision.environment == record


def test_a_stale_event_sent_again_is_a_duplicate() -> None:
    old = an_intent(JOIN, "old", occurred_at=after(-5))
    assert put(fold([an_intent(LEAVE, "new"), old]), old).outcome is Outcome.DUPLICATE


def test_a_join_repeated_after_its_id_was_forgotten_is_in_force_as_sent_last() -> None:
    forgotten = replace(fold([an_intent(profile="full")]), recent=())
    again = put(forgotten, an_intent(profile="lean", grace_seconds=0)).environment
    assert again.events.in_force is not None
    assert (again.terms.profile, again.terms.grace_seconds) == (again.events.in_force.profile, 0)
    assert again.terms.profile == "lean"


def test_the_ids_remembered_are_limited() -> None:
    record = fold(an_intent(JOIN, f"e{n}", occurred_at=after(n)) for n in range(300))
    assert 50 <= len(record.events.recent) <= 100
    assert record.events.recent[-1] == "join test e299"


def test_a_scheduled_leave_survives_an_older_join_that_arrives_later() -> None:
    leave = an_intent(LEAVE, "leave", effective_at=after(days=1))
    late = put(fold([leave]), an_intent(JOIN, "join", occurred_at=after(-5)))
    assert late.outcome is Outcome.APPLIED
    assert late.environment.events.pending == (leave,)
    assert look(late.environment, NOW) is JOIN
    assert look(late.environment, after(days=1)) is LEAVE


def test_a_scheduled_leave_is_cancelled_by_a_newer_join() -> None:
    leave = an_intent(LEAVE, "leave", effective_at=after(days=1))
    record = fold([an_intent(JOIN, "a", occurred_at=after(-5)), leave])
    stays = put(record, an_intent(JOIN, "stays", occurred_at=after(5)), after(5)).environment
    assert stays.events.pending == ()
    assert look(stays, after(days=2)) is JOIN


def test_a_newer_scheduled_event_replaces_the_older_one() -> None:
    first = an_intent(LEAVE, "first", effective_at=after(days=1))
    postponed = an_intent(LEAVE, "second", occurred_at=after(1), effective_at=after(days=3))
    record = fold([an_intent(JOIN, "a", occurred_at=after(-5)), first, postponed], after(1))
    assert record.events.pending == (postponed,)


def test_a_scheduled_event_whose_time_has_come_is_not_replaced_any_more() -> None:
    first = an_intent(LEAVE, "first", effective_at=after(1))
    later = an_intent(LEAVE, "second", occurred_at=after(1), effective_at=after(days=3))
    record = fold([an_intent(JOIN, "a", occurred_at=after(-5)), first])
    soon, in_time = (put(record, later, after(m)).environment for m in (0.9, 1))
    assert (soon.events.in_force, soon.events.pending) == (record.events.in_force, (later,))
    assert (in_time.events.in_force, in_time.events.pending) == (first, (later,))


def test_a_scheduled_event_that_is_repeated_much_later_is_not_stale() -> None:
    """So many events came between that it isn't known as a repetition any more."""
    first = an_intent(LEAVE, "first", effective_at=after(days=1))
    record = replace(fold([an_intent(JOIN, "a", occurred_at=after(-5)), first]), recent=())
    decision = put(record, first)
    assert (decision.outcome, decision.environment.events.pending) == (Outcome.SCHEDULED, (first,))


def test_an_event_scheduled_for_the_past_is_applied_at_once() -> None:
    decision = put(None, an_intent(JOIN, "a", effective_at=after(-1)))
    assert decision.outcome is Outcome.APPLIED
    assert decision.environment.status.due_at == NOW


def test_a_scheduled_join_waits_until_its_time_has_come() -> None:
    record = fold([an_intent(JOIN, "a", effective_at=after(days=1))])
    assert look(record, after(days=0.99)) is None
    assert look(record, after(days=1)) is JOIN


def test_an_event_resets_failures_and_has_everything_observed_again() -> None:
    failed = a_notebook(State.ABSENT, retry_at=after(days=1), failures=9, serial=4)
    record = put(a_record(failed), an_intent(JOIN, "again", occurred_at=after(1))).environment
    forgiven = replace(failed, retry_at=None, failures=0, observe_at=NOW)
    assert record.resources == (forgiven,)


def test_a_leave_keeps_person_profile_and_grace_period_of_the_join() -> None:
    record = a_record()
    left = put(record, an_intent(LEAVE, "x", occurred_at=after(1)), after(1)).environment
    kept = (left.person, left.terms.profile, left.terms.grace_seconds)
    assert kept == (record.person, record.terms.profile, record.terms.grace_seconds)


def test_the_reason_is_in_the_history() -> None:
    entry = put(None, an_intent(LEAVE, "a", reason="retired")).entry
    assert "leave (retired) in force" in entry.text


def test_a_return_scheduled_together_with_the_leave_does_not_undo_it() -> None:
    """Somebody leaves on Friday and returns in three months; HR publishes both today."""
    leave = an_intent(LEAVE, "leave", occurred_at=after(1), effective_at=after(days=3))
    back = an_intent(JOIN, "back", occurred_at=after(2), effective_at=after(days=90))
    record = fold([an_intent(JOIN, "a"), leave, back], after(2))
    assert look(record, after(days=4)) is LEAVE
    assert look(with_due_intents(record, after(days=4))[0], after(days=90)) is JOIN


@pytest.mark.parametrize("verb", [JOIN, LEAVE])
def test_a_scheduled_event_does_not_undo_a_leave_that_is_already_due(
    verb: Verb,
) -> None:
    """The tick comes up to a minute later; that must not make a difference of months."""
    leave = an_intent(LEAVE, "leave", occurred_at=after(1), effective_at=after(10))
    record = fold([an_intent(JOIN, "a"), leave], after(1))
    later = an_intent(verb, "later", occurred_at=after(11), effective_at=after(days=90))
    assert look(put(record, later, after(11)).environment, after(11)) is LEAVE


def test_the_grace_period_is_that_of_the_newest_join_even_if_it_arrives_late() -> None:
    """Invariant 7: moved to a longer grace period, then left; the move arrives last."""
    before = an_intent(JOIN, "a", occurred_at=after(-9), grace_seconds=0)
    moved = an_intent(JOIN, "b", occurred_at=after(-5), grace_seconds=14 * 86400)
    left = fold([before, an_intent(LEAVE, "c"), moved])
    assert left.removal_at == after(days=14)


# Ids: unique within source and topic, not across


def test_a_join_and_a_leave_may_share_an_id() -> None:
    record = fold([an_intent(JOIN, "HR-7"), an_intent(LEAVE, "HR-7", occurred_at=after(1))])
    assert look(record, NOW) is LEAVE


def test_one_id_from_two_sources_is_two_events() -> None:
    hr, directory = (an_intent(JOIN, "7", source=source) for source in ("hr", "directory"))
    assert put(fold([hr]), directory).outcome is not Outcome.DUPLICATE
    assert put(fold([hr, directory]), directory).outcome is Outcome.DUPLICATE


def test_events_that_differ_only_in_source_give_one_result_in_either_order() -> None:
    """Time, verb and id are equal: without the source, the last to arrive would win."""
    both = [
        an_intent(JOIN, "7", source="hr", profile="full"),
        an_intent(JOIN, "7", source="directory", profile="lean"),
    ]
    assert fold(both).terms.profile == fold(reversed(both)).terms.profile
