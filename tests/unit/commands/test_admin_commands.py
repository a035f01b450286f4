"""An admin command: hold, release, retry, recreate. It never changes what they should have."""

from __future__ import annotations

import pytest

from shared.domain.commands.admin_action import AdminAction
from shared.domain.commands.admin_commands import apply_command, with_failures_forgotten
from shared.domain.commands.decision import Outcome
from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Verb
from shared.domain.commands.intents import apply_intent
from shared.domain.contracts.announcements import News
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import Resource
from tests.support.builders import (
    KEY,
    NOW,
    a_command,
    a_notebook,
    a_problem,
    a_record,
    after,
    an_intent,
    apply_commands,
)
from tests.support.grouped_fields import replace

HELD = Hold(at=after(-60), reason="a lawsuit", by="legal@example.com")
TEMPLATE = Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", state=State.READY)


def news_of(record: Environment) -> list[tuple[News, str]]:
    return [(item.news, item.reason) for item in record.outbox.waiting]


# Hold


def test_a_hold_records_its_time_its_reason_and_who_ordered_it() -> None:
    decision = apply_commands(a_record(), a_command(reason="a lawsuit", by="legal@example.com"))
    record = decision.environment
    assert decision.outcome is Outcome.APPLIED
    hold = Hold(id="o1", at=NOW, reason="a lawsuit", by="legal@example.com", given_at=NOW)
    assert record.holds.in_force == (hold,)
    assert record.held == hold
    assert news_of(record) == [(News.HELD, "a lawsuit")]
    assert record.status.due_at == NOW
    assert decision.entry.action == "order.applied"
    assert decision.entry.text == "hold by legal@example.com (a lawsuit)"
    assert decision.entry.event_id == "o1"


def test_the_sender_of_a_command_is_optional() -> None:
    assert apply_commands(a_record(), a_command()).entry.text == "hold (because)"


def test_a_hold_has_only_resources_with_data_observed_at_once() -> None:
    older = Resource(kind=Kind.MANAGED_NOTEBOOK, slot="old", name="o", state=State.STOPPED)
    record = apply_commands(
        a_record(a_notebook(State.READY), older, TEMPLATE), a_command()
    ).environment
    assert {r.kind: r.observe_at for r in record.resources} == {
        Kind.WORKBENCH: NOW,
        Kind.MANAGED_NOTEBOOK: NOW,
        Kind.SESSION_TEMPLATE: None,
    }


def test_a_hold_resets_no_failures() -> None:
    failed = a_notebook(State.STOPPED, failures=9, retry_at=after(60))
    [notebook] = apply_commands(a_record(failed), a_command()).environment.resources
    assert notebook.backoff.failures == 9
    assert (notebook.observe_at, notebook.backoff.retry_at) == (NOW, None), (
        "it is protected at once"
    )


def test_a_repeated_hold_keeps_its_first_reason_and_is_not_announced_again() -> None:
    first = a_command(hold="CASE-7", reason="a lawsuit")
    decision = apply_commands(
        a_record(), first, a_command(id="o2", hold="CASE-7", occurred_at=after(-9))
    )
    assert decision.outcome is Outcome.APPLIED
    assert decision.entry.text == "hold CASE-7 (because); in force already"
    assert [(hold.id, hold.reason) for hold in decision.environment.holds.in_force] == [
        ("CASE-7", "a lawsuit")
    ]
    assert news_of(decision.environment) == [(News.HELD, "a lawsuit")]


def test_a_hold_has_the_id_of_its_event_unless_it_names_one() -> None:
    record = apply_commands(
        a_record(), a_command(id="m-7"), a_command(id="m-8", hold="CASE 7/b")
    ).environment
    assert [hold.id for hold in record.holds.in_force] == ["m-7", "CASE 7/b"]


@pytest.mark.parametrize("verb", list(Verb))
def test_an_admin_command_does_not_change_what_the_person_should_have(verb: Verb) -> None:
    later = an_intent(id="later", effective_at=after(days=1))
    before = a_record(a_notebook(State.STOPPED), verb=verb, pending=(later,))
    refused = {AdminAction.RECREATE} if verb is Verb.LEAVE else set()
    for action in set(AdminAction) - refused:
        record = apply_commands(before, a_command(action)).environment
        events = replace(record.events, recent=before.events.recent)
        assert events == before.events, "only the order is remembered"
        assert (record.person, record.terms) == (before.person, before.terms)
        assert record.departure == before.departure
        assert record.status.phase is before.status.phase


@pytest.mark.parametrize("verb", list(Verb))
def test_neither_a_join_nor_a_leave_lifts_a_hold(verb: Verb) -> None:
    newer = an_intent(verb, "newer", occurred_at=after(1), immediate=verb is Verb.LEAVE)
    assert apply_intent(a_record(held=HELD), newer, KEY, after(1)).environment.held == HELD


# Release and retry

FAILED = a_notebook(
    State.ABSENT,
    failures=9,
    retry_at=after(600),
    tried=("zone-a/nb",),
    serial=4,
    problem=a_problem(Disposition.TEMPORARY),
)
FORGIVEN = replace(FAILED, failures=0, retry_at=None, tried=(), observe_at=NOW)


def test_a_release_lifts_the_hold_and_is_announced() -> None:
    record = apply_commands(a_record(held=HELD), a_command(AdminAction.RELEASE)).environment
    assert record.held is None
    assert news_of(record) == [(News.RELEASED, "because")]


def test_a_release_without_a_hold_is_not_announced() -> None:
    decision = apply_commands(a_record(), a_command(AdminAction.RELEASE))
    assert decision.outcome is Outcome.APPLIED
    assert news_of(decision.environment) == []


@pytest.mark.parametrize("action", [AdminAction.RELEASE, AdminAction.RETRY])
@pytest.mark.parametrize("held", [None, HELD], ids=["free", "held"])
def test_release_and_retry_both_end_quarantine(action: AdminAction, held: Hold | None) -> None:
    record = apply_commands(a_record(FAILED, held=held), a_command(action)).environment
    assert record.resources == (FORGIVEN,)
    assert record.status.due_at == NOW


def test_a_retry_lifts_no_hold() -> None:
    record = apply_commands(a_record(held=HELD), a_command(AdminAction.RETRY)).environment
    assert record.held == HELD
    assert news_of(record) == []


def test_a_step_in_progress_stays_in_progress() -> None:
    """Otherwise an operation would be forgotten, and started a second time."""
    running = a_notebook(State.STOPPING, step=Step.STOP, operation="op", since=NOW, serial=7)
    [notebook] = with_failures_forgotten(a_record(running), after(1)).resources
    assert notebook == replace(running, observe_at=after(1))


# Recreate


@pytest.mark.parametrize("state", [s for s in State if s is not State.ABSENT])
def test_a_notebook_that_is_to_be_recreated_is_marked_and_tried_at_once(state: State) -> None:
    made = replace(FAILED, state=state, was_ready=True)
    decision = apply_commands(a_record(made, TEMPLATE), a_command(AdminAction.RECREATE))
    assert decision.outcome is Outcome.APPLIED
    assert decision.entry.text == "recreate (because)"
    record = decision.environment
    assert record.notebook == replace(FORGIVEN, state=state, was_ready=True, recreate=True)
    assert record.resource(TEMPLATE.id) == replace(TEMPLATE, observe_at=NOW)
    assert (record.status.due_at, news_of(record)) == (NOW, [])


@pytest.mark.parametrize("was_ready", [False, True])
@pytest.mark.parametrize("unused", [False, True])
def test_a_notebook_to_recreate_may_hold_work(unused: bool, was_ready: bool) -> None:
    """An event during its creation found it unused; somebody has worked since.

    An older record, brought back, may not know either that it was used.
    """
    made = a_notebook(State.READY, was_ready=was_ready, unused=unused)
    notebook = apply_commands(a_record(made), a_command(AdminAction.RECREATE)).environment.notebook
    assert notebook is not None
    assert not notebook.usage.unused


def test_a_notebook_not_created_yet_needs_no_mark_to_be_recreated() -> None:
    decision = apply_commands(a_record(FAILED), a_command(AdminAction.RECREATE))
    assert decision.environment.resources == (FORGIVEN,)
    assert decision.entry.text == (
        "recreate (because); workbench/main is still to be created, from the profile as it is now"
    )


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (a_record(a_notebook(State.STOPPED), verb=Verb.LEAVE), "is leaving"),
        (a_record(TEMPLATE), "has no notebook"),
        (a_record(a_notebook(State.STOPPED, superseded=True)), "has no notebook"),
        (a_record(intent=None), "has no notebook"),
    ],
)
def test_recreate_is_rejected_without_a_notebook(record: Environment, why: str) -> None:
    with pytest.raises(Rejected) as refused:
        apply_command(record, a_command(AdminAction.RECREATE), NOW)
    assert refused.value.code is RejectionCode.NOTHING_TO_RECREATE
    assert refused.value.message == (
        f"email: ana@example.com {why}, so there is nothing to recreate; send the command again "
        "once they have one"
    )


def test_a_notebook_under_a_hold_can_be_marked() -> None:
    held = a_record(a_notebook(State.READY), held=HELD)
    notebook = apply_commands(held, a_command(AdminAction.RECREATE)).environment.notebook
    assert notebook is not None
    assert notebook.recreate


# Duplicates, order, ties


@pytest.mark.parametrize("action", list(AdminAction))
def test_a_repeated_command_changes_nothing(action: AdminAction) -> None:
    once = apply_commands(a_record(FAILED, held=HELD), a_command(action)).environment
    again = apply_command(once, a_command(action), after(5))
    assert again.outcome is Outcome.DUPLICATE
    assert again.environment == once
    assert again.entry.action == "order.duplicate"
    assert "seen before" in again.entry.text


def test_of_hold_and_release_the_newest_wins_in_either_order_of_arrival() -> None:
    hold, release = a_command(), a_command(AdminAction.RELEASE, "o2", occurred_at=after(1))
    late = apply_commands(a_record(), release, hold)
    assert late.outcome is Outcome.STALE
    assert late.environment.held is None
    assert "older than its release" in late.entry.text
    assert apply_command(late.environment, hold, NOW).outcome is Outcome.DUPLICATE


@pytest.mark.parametrize("first", [AdminAction.HOLD, AdminAction.RELEASE])
def test_on_a_tie_the_hold_wins(first: AdminAction) -> None:
    orders = sorted(
        [a_command(id="a"), a_command(AdminAction.RELEASE, "b")],
        key=lambda o: o.action is not first,
    )
    assert apply_commands(a_record(), *orders).environment.held is not None


def test_a_retry_is_never_stale_and_makes_nothing_else_stale() -> None:
    newest = a_command(id="newest", occurred_at=after(-1))
    retry = a_command(AdminAction.RETRY, "old", occurred_at=after(-60))
    decision = apply_commands(a_record(FAILED), newest, retry)
    assert decision.outcome is Outcome.APPLIED
    assert decision.environment.resources == (FORGIVEN,)
    younger = a_command(AdminAction.RETRY, "young", occurred_at=after(9))
    release = a_command(AdminAction.RELEASE, "release")
    assert apply_commands(a_record(), newest, younger, release).environment.held is None


def test_a_hold_and_its_release_may_share_an_id() -> None:
    hold = a_command(id="CASE-7")
    release = a_command(AdminAction.RELEASE, "CASE-7", occurred_at=after(1))
    assert apply_commands(a_record(), hold, release).environment.holds.in_force == ()


def test_one_id_from_two_sources_is_two_commands() -> None:
    hold = a_command(id="7", hold="CASE-7")
    other = a_command(id="7", source="pubsub:admin-events/audit", hold="AUDIT-7")
    record = apply_commands(a_record(), hold, other).environment
    assert [each.id for each in record.holds.in_force] == ["CASE-7", "AUDIT-7"]
