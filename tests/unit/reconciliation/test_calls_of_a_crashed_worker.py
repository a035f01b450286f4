"""A crashed worker may have made its call: the record keeps it as unconfirmed for a time."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.policy import Policy
from shared.domain.reconciliation.step_claims import start_step
from shared.domain.reconciliation.unconfirmed_calls import (
    extended,
    with_call_of_crashed_worker,
    with_lost_call,
    without_expired,
)
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.resource import LostCall
from tests.support.builders import NOW, a_notebook
from tests.support.grouped_fields import replace

POLICY = Policy()
UNTIL = NOW + POLICY.lease + POLICY.doubt
STOPPING = start_step(a_notebook(State.READY), Step.STOP, NOW)


def test_a_step_without_an_answer_may_still_be_carried_out() -> None:
    known = with_call_of_crashed_worker(STOPPING, NOW, POLICY)
    assert known.unconfirmed == (LostCall(step=Step.STOP, until=UNTIL),)


def test_a_call_is_not_doubted_after_its_deadline_has_passed() -> None:
    assert with_call_of_crashed_worker(STOPPING, UNTIL, POLICY) == STOPPING
    just_before = UNTIL - timedelta(seconds=1)
    assert with_call_of_crashed_worker(STOPPING, just_before, POLICY).unconfirmed


def test_a_lost_call_that_is_recorded_keeps_its_time() -> None:
    lost = replace(STOPPING, unconfirmed=(LostCall(step=Step.STOP, until=UNTIL + POLICY.doubt),))
    assert with_call_of_crashed_worker(lost, NOW, POLICY) == lost


def test_a_step_that_was_answered_leaves_no_unconfirmed_call() -> None:
    answered = replace(STOPPING, operation="operations/op-1")
    assert with_call_of_crashed_worker(answered, NOW, POLICY) == answered


def test_the_later_of_two_times_of_one_step_counts() -> None:
    lost = with_lost_call(STOPPING, UNTIL)
    assert with_lost_call(lost, NOW).unconfirmed == (LostCall(step=Step.STOP, until=UNTIL),)
    later = UNTIL + POLICY.doubt
    assert with_lost_call(lost, later).unconfirmed == (LostCall(step=Step.STOP, until=later),)


def test_while_an_operation_runs_no_call_ends() -> None:
    lost = with_lost_call(STOPPING, UNTIL)
    assert extended(lost, UNTIL + POLICY.doubt).unconfirmed_until == UNTIL + POLICY.doubt
    assert extended(lost, NOW).unconfirmed_until == UNTIL


def test_when_the_time_is_over_it_is_compared_again_under_a_new_id() -> None:
    lost = replace(with_lost_call(STOPPING, UNTIL), serial=7, digest="d")
    assert without_expired(lost, UNTIL - timedelta(seconds=1)) == lost
    assert without_expired(lost, UNTIL) == replace(lost, unconfirmed=(), serial=8, digest="")
