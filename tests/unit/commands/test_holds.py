"""Several holds on one person: each is released separately, and removal waits for the last."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.commands.admin_action import AdminAction
from shared.domain.commands.admin_commands import AdminCommand, apply_command
from shared.domain.commands.decision import Outcome
from shared.domain.commands.holds import ALL, Hold, Release, release_of
from shared.domain.contracts.announcements import News
from shared.domain.environment import Environment
from shared.domain.status import Phase
from tests.support.builders import (
    ANA,
    NOW,
    a_command,
    a_record,
    after,
    apply_commands,
    minutes,
    ready_world,
)
from tests.support.grouped_fields import replace

CASE, AUDIT = a_command(id="o1", hold="CASE-7"), a_command(id="o2", hold="AUDIT-9")


def a_release(hold: str = "", id: str = "r1", minute: float = 1) -> AdminCommand:
    return a_command(AdminAction.RELEASE, id, hold=hold, occurred_at=after(minute))


def ids(record: Environment) -> list[str]:
    return [hold.id for hold in record.holds.in_force]


def test_a_release_lifts_the_named_hold_and_says_which_remain() -> None:
    decision = apply_commands(a_record(), CASE, AUDIT, a_release("CASE-7"))
    assert ids(decision.environment) == ["AUDIT-9"]
    assert decision.environment.held is not None
    assert decision.entry.text == (
        "release CASE-7 (because); lifts CASE-7 (because); still held by AUDIT-9 (because)"
    )
    [*_, announced] = decision.environment.outbox.waiting
    assert (announced.news, announced.hold) == (News.RELEASED, "CASE-7")
    assert [hold.id for hold in announced.holds] == ["AUDIT-9"]


def test_a_release_of_all_lifts_each_and_each_is_announced() -> None:
    record = apply_commands(a_record(), CASE, AUDIT, a_release("all")).environment
    assert record.held is None
    announced = [(item.hold, [h.id for h in item.holds]) for item in record.outbox.waiting]
    assert announced[-2:] == [("CASE-7", ["AUDIT-9"]), ("AUDIT-9", [])]


def test_a_release_of_an_unknown_hold_lifts_nothing_and_says_so() -> None:
    decision = apply_commands(a_record(), CASE, a_release("CASE-8"))
    assert ids(decision.environment) == ["CASE-7"]
    assert "no hold CASE-8 is in force; still held by CASE-7" in decision.entry.text


@pytest.mark.parametrize("name", ["CASE-7", "all", ""])
def test_a_release_that_arrives_before_its_hold_still_wins(name: str) -> None:
    decision = apply_commands(a_record(), a_release(name), CASE)
    assert (decision.outcome, decision.environment.holds.in_force) == (Outcome.STALE, ())
    assert decision.environment.outbox.waiting == ()
    assert ids(
        apply_commands(
            decision.environment, replace(CASE, event_id="o3", occurred_at=after(2))
        ).environment
    ) == ["CASE-7"]


def test_a_release_without_a_name_ends_one_late_hold_only() -> None:
    record = apply_commands(a_record(), a_release(), CASE, AUDIT).environment
    assert ids(record) == ["AUDIT-9"]


def test_a_release_without_a_name_is_used_up_by_the_hold_it_ends() -> None:
    record = apply_commands(a_record(), CASE, a_release(), AUDIT).environment
    assert ids(record) == ["AUDIT-9"], "given before the release, and arrived after it"


def test_of_two_releases_the_one_that_names_the_hold_is_used_first() -> None:
    releases = [Release(hold="", given_at=after(1)), Release(hold="CASE-7", given_at=after(1))]
    hold = Hold(id="CASE-7", at=NOW, reason="a lawsuit", given_at=NOW)
    for order in (releases, releases[::-1]):
        found = release_of(order, hold)
        assert found is not None
        assert found.hold == "CASE-7"
    assert release_of([Release(hold="CASE-8", given_at=after(1))], hold) is None


@pytest.mark.parametrize("given_at", [None, after(-60)])
def test_a_repeated_hold_counts_from_its_repetition(given_at: datetime | None) -> None:
    """An older record does not know when it was given."""
    held = a_record(held=Hold(id="CASE-7", at=after(-60), reason="because", given_at=given_at))
    again = replace(CASE, event_id="o9", occurred_at=after(5))
    [hold] = apply_commands(held, again).environment.holds.in_force
    assert (hold.at, hold.given_at) == (after(-60), after(5))
    late = replace(CASE, event_id="o9", occurred_at=after(-90))
    [hold] = apply_commands(held, late).environment.holds.in_force
    assert hold.given_at == after(-60)


def test_a_repeated_hold_is_due_at_once() -> None:
    again = replace(CASE, event_id="o9", occurred_at=after(5))
    assert apply_commands(a_record(), CASE).environment.status.due_at == NOW
    settled = replace(apply_commands(a_record(), CASE).environment, due_at=None)
    assert apply_commands(settled, again).environment.status.due_at == NOW


def test_a_release_does_not_touch_a_hold_that_was_given_later() -> None:
    later = replace(CASE, occurred_at=after(5))
    decision = apply_commands(a_record(), later, a_release("CASE-7"))
    assert (decision.outcome, ids(decision.environment)) == (Outcome.STALE, ["CASE-7"])
    assert "is not newer than CASE-7" in decision.entry.text


def test_of_a_release_of_the_same_moment_the_history_says_what_is_true() -> None:
    decision = apply_commands(a_record(), CASE, a_release("CASE-7", minute=0))
    assert (decision.outcome, ids(decision.environment)) == (Outcome.STALE, ["CASE-7"])
    assert decision.entry.text == (
        f"release CASE-7 (because) of {NOW.isoformat()} is not newer than CASE-7 (because)"
    )


def test_a_hold_repeated_after_the_release_lasts_in_either_order_of_arrival() -> None:
    again = replace(CASE, event_id="o9", occurred_at=after(5))
    assert ids(apply_commands(a_record(), CASE, again, a_release("CASE-7")).environment) == [
        "CASE-7"
    ]
    assert ids(apply_commands(a_record(), CASE, a_release("CASE-7"), again).environment) == [
        "CASE-7"
    ]


def test_the_releases_remembered_are_limited() -> None:
    releases = [a_release(f"CASE-{n}", f"r{n}") for n in range(99)]
    record = apply_commands(a_record(), *releases).environment
    assert len(record.holds.releases) <= 40
    assert record.holds.releases[-1].hold == "CASE-98"


_NAMES = ("CASE-7", "AUDIT-9")


@given(st.data())
def test_any_order_of_arrival_and_any_repetition_lead_to_the_same_holds(
    data: st.DataObject,
) -> None:
    said = st.one_of(
        st.tuples(st.just(AdminAction.HOLD), st.sampled_from(_NAMES), st.integers(-3, 0)),
        st.tuples(
            st.just(AdminAction.RELEASE), st.sampled_from((*_NAMES, ALL)), st.integers(-3, 0)
        ),
        st.tuples(st.just(AdminAction.RETRY), st.just(""), st.integers(-3, 0)),
    )
    orders = [
        a_command(action, f"o{n}", hold=name, occurred_at=after(minute))
        for n, (action, name, minute) in enumerate(data.draw(st.lists(said, max_size=7)))
    ]
    again = data.draw(st.lists(st.sampled_from(orders))) if orders else []
    record = a_record()
    for order in data.draw(st.permutations([*orders, *again])):
        record = apply_command(record, order, NOW).environment
    in_force = set()
    for order in sorted(orders, key=lambda o: (o.occurred_at, o.action is AdminAction.HOLD)):
        if order.action is AdminAction.HOLD:
            in_force.add(order.hold)
        elif order.action is AdminAction.RELEASE:
            in_force -= set(_NAMES) if order.hold == ALL else {order.hold}
    assert {hold.id for hold in record.holds.in_force} == in_force


def test_removal_waits_for_the_release_of_the_last_hold() -> None:
    world = ready_world()
    for case in ("CASE-7", "CASE-8"):
        world.command("hold", ANA, hold=case)
    world.leave(ANA, immediate=True)
    world.run_for(minutes(60))
    assert world.command("release", ANA) == "several-holds"
    [parked] = world.store.parked(10).items
    assert "CASE-7 (because), CASE-8 (because)" in parked.reason
    assert world.command("release", ANA, hold="CASE-7") == "applied"
    world.run_for(minutes(60))
    assert world.record(ANA).status.phase is Phase.SUSPENDED
    assert world.command("release", ANA) == "applied"
    world.run_for(minutes(60))
    assert world.record(ANA).status.phase is Phase.REMOVED


def test_a_release_of_all_ends_every_older_hold_that_arrives_later() -> None:
    record = apply_commands(a_record(), a_release("all", minute=9)).environment
    late = [a_command(id=f"late{n}", hold=f"CASE-{n}", occurred_at=after(n)) for n in range(3)]
    for order in late:
        decision = apply_command(record, order, NOW)
        record = decision.environment
        assert (decision.outcome, ids(record)) == (Outcome.STALE, []), order.hold


def test_a_release_too_old_for_one_hold_still_ends_an_older_hold() -> None:
    newer = a_command(id="o1", hold="CASE-7", occurred_at=after(9))
    older = a_command(id="o2", hold="AUDIT-9", occurred_at=after(1))
    decision = apply_commands(a_record(), newer, a_release(minute=5))
    assert decision.outcome is Outcome.STALE
    assert apply_command(decision.environment, older, NOW).outcome is Outcome.STALE
    assert ids(apply_command(decision.environment, older, NOW).environment) == ["CASE-7"]


def test_of_releases_of_the_same_hold_only_the_newest_is_kept() -> None:
    releases = [a_release("CASE-7", f"r{n}", minute) for n, minute in enumerate((1, 9, 5))]
    record = apply_commands(a_record(), *releases).environment
    assert [(r.hold, r.given_at) for r in record.holds.releases] == [("CASE-7", after(9))]
