"""An admin's order: hold, release, retry. It never changes what somebody should have."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.domain.announcements import News
from shared.domain.environment import Environment, Hold, Verb, Verdict
from shared.domain.faults import Fate
from shared.domain.orders import Order, carry_out, forgiven
from shared.domain.resources import Kind, Resource, State, Step
from shared.domain.ruling import Outcome, Ruling, rule
from tests.support.builders import ANA, KEY, NOW, a_notebook, a_problem, a_record, after, an_intent

HELD = Hold(at=after(-60), reason="a lawsuit", by="legal@example.com")
TEMPLATE = Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t", state=State.READY)


def an_order(verdict: Verdict = Verdict.HOLD, id: str = "o1", **changes: Any) -> Order:
    order = Order(
        verdict=verdict,
        event_id=id,
        source="pubsub:admin-events",
        occurred_at=NOW,
        email=ANA,
        reason="because",
    )
    return replace(order, **changes)


def news_of(record: Environment) -> list[tuple[News, str]]:
    return [(item.news, item.reason) for item in record.outbox]


def obey(record: Environment, *orders: Order) -> Ruling:
    """What came of the last of them, all carried out in this order."""
    rulings: list[Ruling] = []
    for order in orders:
        rulings.append(carry_out(rulings[-1].environment if rulings else record, order, NOW))
    return rulings[-1]


# Hold


def test_a_hold_says_since_when_why_and_by_whose_word() -> None:
    ruling = obey(a_record(), an_order(reason="a lawsuit", by="legal@example.com"))
    record = ruling.environment
    assert ruling.outcome is Outcome.APPLIED
    assert record.held == Hold(at=NOW, reason="a lawsuit", by="legal@example.com")
    assert news_of(record) == [(News.HELD, "a lawsuit")]
    assert record.due_at == NOW
    assert ruling.entry.action == "order.applied"
    assert ruling.entry.text == "hold by legal@example.com (a lawsuit)"
    assert ruling.entry.event_id == "o1"


def test_who_gave_the_order_need_not_be_said() -> None:
    assert obey(a_record(), an_order()).entry.text == "hold (because)"


def test_under_a_hold_what_holds_data_is_looked_at_at_once_and_nothing_else() -> None:
    older = Resource(kind=Kind.MANAGED_NOTEBOOK, slot="old", name="o", state=State.STOPPED)
    record = obey(a_record(a_notebook(State.READY), older, TEMPLATE), an_order()).environment
    assert {r.kind: r.look_at for r in record.resources} == {
        Kind.WORKBENCH: NOW,
        Kind.MANAGED_NOTEBOOK: NOW,
        Kind.SESSION_TEMPLATE: None,
    }


def test_a_hold_forgives_no_failure() -> None:
    failed = a_notebook(State.STOPPED, attempts=9, retry_at=after(60))
    [notebook] = obey(a_record(failed), an_order()).environment.resources
    assert notebook.attempts == 9
    assert (notebook.look_at, notebook.retry_at) == (NOW, None), "it is protected at once"


def test_a_second_hold_keeps_what_the_first_one_said_and_is_not_announced_again() -> None:
    ruling = obey(a_record(held=HELD), an_order(reason="another"))
    assert ruling.outcome is Outcome.APPLIED
    assert ruling.environment.held == HELD
    assert news_of(ruling.environment) == []


@pytest.mark.parametrize("verb", list(Verb))
def test_what_the_person_should_have_is_not_an_admins_to_say(verb: Verb) -> None:
    before = a_record(a_notebook(State.STOPPED), verb=verb, pending=(an_intent(id="later"),))
    for verdict in Verdict:
        record = obey(before, an_order(verdict)).environment
        same = ("intent", "pending", "joined", "left_at", "leavings", "profile", "person", "phase")
        assert all(getattr(record, name) == getattr(before, name) for name in same)


@pytest.mark.parametrize("verb", list(Verb))
def test_neither_a_join_nor_a_leave_lifts_a_hold(verb: Verb) -> None:
    newer = an_intent(verb, "newer", occurred_at=after(1), immediate=verb is Verb.LEAVE)
    assert rule(a_record(held=HELD), newer, KEY, after(1)).environment.held == HELD


# Release and retry

FAILED = a_notebook(
    State.ABSENT,
    attempts=9,
    retry_at=after(600),
    tried=("zone-a/nb",),
    serial=4,
    problem=a_problem(Fate.TEMPORARY),
)
FORGIVEN = replace(FAILED, attempts=0, retry_at=None, tried=(), look_at=NOW)


def test_a_release_lifts_the_hold_and_is_announced() -> None:
    record = obey(a_record(held=HELD), an_order(Verdict.RELEASE)).environment
    assert record.held is None
    assert news_of(record) == [(News.RELEASED, "because")]


def test_a_release_without_a_hold_is_no_news() -> None:
    ruling = obey(a_record(), an_order(Verdict.RELEASE))
    assert ruling.outcome is Outcome.APPLIED
    assert news_of(ruling.environment) == []


@pytest.mark.parametrize("verdict", [Verdict.RELEASE, Verdict.RETRY])
@pytest.mark.parametrize("held", [None, HELD], ids=["free", "held"])
def test_release_and_retry_both_end_quarantine(verdict: Verdict, held: Hold | None) -> None:
    record = obey(a_record(FAILED, held=held), an_order(verdict)).environment
    assert record.resources == (FORGIVEN,)
    assert record.due_at == NOW


def test_a_retry_lifts_no_hold() -> None:
    record = obey(a_record(held=HELD), an_order(Verdict.RETRY)).environment
    assert record.held == HELD
    assert news_of(record) == []


def test_what_is_under_way_stays_under_way() -> None:
    """Or an operation of the cloud would be forgotten, and begun again beside itself."""
    running = a_notebook(State.STOPPING, under_way=Step.STOP, operation="op", since=NOW, serial=7)
    [notebook] = forgiven(a_record(running), after(1)).resources
    assert notebook == replace(running, look_at=after(1))


# Duplicates, order, ties


@pytest.mark.parametrize("verdict", list(Verdict))
def test_an_order_seen_before_changes_nothing(verdict: Verdict) -> None:
    once = obey(a_record(FAILED, held=HELD), an_order(verdict)).environment
    again = carry_out(once, an_order(verdict), after(5))
    assert again.outcome is Outcome.DUPLICATE
    assert again.environment == once
    assert again.entry.action == "order.duplicate"
    assert "seen before" in again.entry.text


def test_of_hold_and_release_the_newest_wins_however_late_the_older_comes() -> None:
    hold, release = an_order(), an_order(Verdict.RELEASE, "o2", occurred_at=after(1))
    late = obey(a_record(), release, hold)
    assert late.outcome is Outcome.STALE
    assert late.environment.held is None
    assert "older than what is in force" in late.entry.text
    assert carry_out(late.environment, hold, NOW).outcome is Outcome.DUPLICATE


@pytest.mark.parametrize("first", [Verdict.HOLD, Verdict.RELEASE])
def test_on_a_tie_the_hold_wins(first: Verdict) -> None:
    orders = sorted(
        [an_order(id="a"), an_order(Verdict.RELEASE, "b")], key=lambda o: o.verdict is not first
    )
    assert obey(a_record(), *orders).environment.held is not None


def test_a_retry_is_never_stale_and_makes_nothing_else_so() -> None:
    newest = an_order(id="newest", occurred_at=after(-1))
    retry = an_order(Verdict.RETRY, "old", occurred_at=after(-60))
    ruling = obey(a_record(FAILED), newest, retry)
    assert ruling.outcome is Outcome.APPLIED
    assert ruling.environment.resources == (FORGIVEN,)
    younger = an_order(Verdict.RETRY, "young", occurred_at=after(9))
    release = an_order(Verdict.RELEASE, "release")
    assert obey(a_record(), newest, younger, release).environment.held is None


@given(st.data())
def test_any_order_and_any_repetition_end_in_the_same_hold(data: st.DataObject) -> None:
    drawn = data.draw(
        st.lists(st.tuples(st.sampled_from(Verdict), st.integers(-3, 0)), min_size=1, max_size=6)
    )
    orders = [
        an_order(verdict, f"o{n}", occurred_at=after(minute))
        for n, (verdict, minute) in enumerate(drawn)
    ]
    again = data.draw(st.lists(st.sampled_from(orders)))
    record = obey(a_record(), *data.draw(st.permutations([*orders, *again]))).environment
    lasting = [o for o in orders if o.verdict is not Verdict.RETRY]
    newest = max(lasting, key=lambda o: o.order, default=None)
    assert (record.held is not None) == (newest is not None and newest.verdict is Verdict.HOLD)
