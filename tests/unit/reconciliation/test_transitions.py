"""How a resource of a record changes by what was observed, started, and failed.

What hangs is in ``test_stuck_operations.py``, zones without machines in ``test_stock_outs.py``.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.faults import Disposition, Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.failures import fail
from shared.domain.reconciliation.step_claims import request_id, start_step
from shared.domain.reconciliation.transitions import apply_observation
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import LostCall, Resource
from tests.support.builders import KEY, NOW, a_notebook, a_problem, after, fates
from tests.support.grouped_fields import replace

POLICY = Policy()
MOVING = {
    Step.CREATE: State.CREATING,
    Step.START: State.STARTING,
    Step.STOP: State.STOPPING,
    Step.DELETE: State.DELETING,
    Step.UPDATE: State.UPDATING,
    Step.RESTORE: State.RESTORING,
    Step.PROTECT: State.UPDATING,
    Step.UNPROTECT: State.UPDATING,
}


def saw(resource: Resource, state: State | None, now: datetime = NOW, **more: object) -> Resource:
    seen = replace(Observation(state=state), **more)
    return apply_observation(resource, seen, key=KEY, now=now, policy=POLICY)


def failed(resource: Resource, problem: Problem, now: datetime = NOW) -> Resource:
    return fail(resource, problem, key=KEY, now=now, policy=POLICY)


def begun(step: Step = Step.CREATE, **changes: Any) -> Resource:
    return start_step(a_notebook(**changes), step, NOW)


def asked(resource: Resource, step: Step = Step.CREATE) -> str:
    return request_id(KEY, resource, step)


def test_a_request_id_is_a_uuid_as_the_notebooks_api_requires() -> None:
    assert str(uuid.UUID(asked(begun()))) == asked(begun())


def test_a_worker_that_takes_over_repeats_the_very_same_request() -> None:
    first = begun()
    second = start_step(first, Step.CREATE, after(10))
    assert asked(second) == asked(first)


@given(st.sampled_from(Step), st.sampled_from(Step), st.integers(0, 50), st.integers(0, 50))
def test_every_step_that_ends_has_its_own_request_id(
    one: Step, other: Step, before: int, later: int
) -> None:
    ids = {asked(a_notebook(serial=before), one), asked(a_notebook(serial=later), other)}
    assert len(ids) == (1 if (one, before) == (other, later) else 2)


def test_two_people_or_two_resources_never_share_a_request_id() -> None:
    here = {request_id("ana-1", a_notebook(), s) for s in Step}
    there = {request_id("ben-1", a_notebook(), s) for s in Step}
    slot = {request_id("ana-1", a_notebook(slot="other"), s) for s in Step}
    assert len(here | there | slot) == 3 * len(Step)


def test_a_step_that_starts_is_recorded_and_observed_at_once() -> None:
    earlier = a_notebook(step=Step.STOP, operation="old", since=after(-9), retry_at=after(-1))
    resource = start_step(earlier, Step.CREATE, NOW)
    assert (resource.step, resource.operation) == (Step.CREATE, "")
    assert (resource.since, resource.observe_at, resource.backoff.retry_at) == (NOW, NOW, None)


def test_the_record_has_the_fingerprint_of_the_last_observation() -> None:
    known = saw(a_notebook(State.READY), State.READY, fingerprint="one")
    assert known.settings.fingerprint == "one"
    assert saw(known, State.STOPPED, fingerprint="two").settings.fingerprint == "two"
    assert saw(known, State.READY).settings.fingerprint == "", "what is observed may be without"
    assert saw(known, State.ABSENT).settings.fingerprint == ""


def test_the_fingerprint_stays_until_the_resource_is_observed_again() -> None:
    known = saw(a_notebook(State.READY), State.READY, fingerprint="one")
    working = saw(start_step(known, Step.UPDATE, NOW), State.READY, operation="operations/1")
    assert working.settings.fingerprint == "one", "the answer to a step does not show it"
    unreadable = saw(known, None, problem=a_problem(Disposition.TEMPORARY))
    assert unreadable.settings.fingerprint == "one"


@pytest.mark.parametrize("step", list(MOVING))
def test_while_an_operation_runs_it_is_only_observed(step: Step) -> None:
    resource = saw(begun(step), State.READY, operation="operations/1")
    assert (resource.state, resource.operation) == (MOVING[step], "operations/1")
    assert (resource.step, resource.serial) == (step, 0)
    assert resource.observe_at == NOW + POLICY.poll


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (Step.CREATE, State.READY),
        (Step.UPDATE, State.READY),
        (Step.START, State.READY),
        (Step.STOP, State.STOPPED),
        (Step.STOP, State.ABSENT),
        (Step.DELETE, State.ABSENT),
        (Step.UPDATE, State.STOPPED),
        (Step.PROTECT, State.STOPPED),
        (Step.PROTECT, State.BROKEN),
        (Step.UNPROTECT, State.READY),
    ],
)
def test_a_step_ends_when_its_effect_is_observed(step: Step, state: State) -> None:
    trouble = a_problem(Disposition.TEMPORARY)
    resource = replace(begun(step, failures=3, problem=trouble), operation="o")
    resource = saw(resource, state, protected=step is Step.PROTECT)
    assert (resource.step, resource.operation, resource.since) == (None, "", None)
    assert (resource.serial, resource.backoff.failures, resource.backoff.problem) == (1, 0, None)
    assert (resource.observe_at, resource.backoff.retry_at) == (None, None)


@pytest.mark.parametrize("step", [Step.PROTECT, Step.UNPROTECT])
def test_a_change_of_protection_ends_only_when_it_is_observed(step: Step) -> None:
    """A lost answer must not leave a notebook protected that nobody would ever release."""
    as_before = step is Step.UNPROTECT
    resource = begun(step, state=State.STOPPED, protected_by_us=True)
    resource = saw(resource, State.STOPPED, protected=as_before)
    assert (resource.serial, resource.data.protected_by_us) == (0, True)


def test_an_operation_that_ended_without_effect_counts_as_a_failure_and_is_not_replayed() -> None:
    running = replace(begun(Step.START), operation="operations/1")
    resource = saw(running, State.STOPPED)
    assert (resource.step, resource.serial, resource.backoff.failures) == (None, 1, 1)


CRASHED = NOW + POLICY.lease + POLICY.doubt  # after this no call of the dead worker takes effect


def test_a_step_whose_worker_is_gone_may_still_be_carried_out() -> None:
    """It is repeated as the same request; only later does it count as without effect."""
    resource = saw(begun(), State.ABSENT, now=after(3))
    assert resource.unconfirmed == (LostCall(step=Step.CREATE, until=CRASHED),)
    assert resource.observe_at == CRASHED
    assert (resource.step, resource.serial) == (None, 0)
    assert asked(resource) == asked(begun())


@pytest.mark.parametrize("step", [s for s in Step if s is not Step.RESTORE])
def test_a_step_whose_answer_was_lost_may_still_be_carried_out(step: Step) -> None:
    lost = failed(begun(step), a_problem(Disposition.UNCERTAIN), after(1))
    assert lost.unconfirmed == (LostCall(step=step, until=after(1) + POLICY.doubt),)
    looked = saw(lost, State.BROKEN, now=after(2))
    assert (looked.unconfirmed, looked.observe_at) == (lost.unconfirmed, after(1) + POLICY.doubt)


def test_after_two_lost_answers_the_second_call_is_awaited() -> None:
    once = failed(begun(), a_problem(Disposition.UNCERTAIN))
    twice = failed(once, a_problem(Disposition.UNCERTAIN), after(1))
    assert twice.unconfirmed == (LostCall(step=Step.CREATE, until=after(1) + POLICY.doubt),)


def test_an_observed_effect_settles_nothing_before_the_time_is_over() -> None:
    """Somebody else may have done it, and our call may still be carried out."""
    lost = failed(begun(Step.STOP, state=State.READY), a_problem(Disposition.UNCERTAIN))
    stopped = saw(lost, State.STOPPED, now=after(1))
    assert (stopped.step, stopped.observe_at) == (None, NOW + POLICY.doubt)


def test_an_observation_after_all_lost_calls_says_what_they_did() -> None:
    """One of them may have applied older settings, so it is compared again."""
    lost = failed(
        begun(Step.UPDATE, state=State.READY, digest="d"), a_problem(Disposition.UNCERTAIN)
    )
    looked = saw(replace(lost, digest="d"), State.READY, now=NOW + POLICY.doubt)
    assert (looked.unconfirmed, looked.observe_at, looked.settings.digest) == ((), None, "")
    assert asked(looked, Step.UPDATE) != asked(lost, Step.UPDATE)


@pytest.mark.parametrize("answer", [{"state": None}, {"state": State.READY, "operation": "o"}])
def test_a_failed_or_moving_observation_does_not_settle_lost_calls(answer: dict[str, Any]) -> None:
    lost = failed(begun(), a_problem(Disposition.UNCERTAIN))
    more = {"problem": a_problem(Disposition.TEMPORARY)} if answer["state"] is None else {}
    looked = saw(lost, now=after(9), **answer, **more)
    assert looked.unconfirmed == lost.unconfirmed


def test_not_found_is_believed_when_no_call_may_be_carried_out_any_more() -> None:
    assert saw(begun(), State.ABSENT, now=CRASHED).observe_at is None


def test_a_late_create_is_in_progress_again() -> None:
    lost = saw(failed(begun(), a_problem(Disposition.UNCERTAIN)), State.ABSENT)
    landed = saw(lost, State.CREATING, now=after(1))
    assert (landed.step, landed.since) == (Step.CREATE, after(1))


@pytest.mark.parametrize("step", [Step.STOP, Step.START, Step.DELETE])
def test_any_other_step_without_effect_or_operation_is_repeated_as_it_was(step: Step) -> None:
    resource = saw(begun(step, state=State.READY), State.BROKEN, now=after(1))
    assert (resource.step, resource.serial, resource.observe_at) == (None, 0, CRASHED)


@pytest.mark.parametrize(
    ("step", "state"),
    [(Step.CREATE, State.ABSENT), (Step.START, State.STOPPED), (Step.DELETE, State.READY)],
)
def test_a_step_that_is_answered_without_effect_waits_before_it_is_repeated(
    step: Step, state: State
) -> None:
    begun_step = begun(step, state=state)
    seen = Observation(state=state)
    resource = apply_observation(begun_step, seen, key=KEY, now=NOW, policy=POLICY, answered=True)
    assert resource.backoff.problem is not None
    assert resource.backoff.problem.code == "NO_EFFECT"
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at > NOW


@pytest.mark.parametrize("disposition", list(Disposition))
def test_an_operation_that_ended_ends_its_step_whatever_the_state(disposition: Disposition) -> None:
    running = replace(begun(), operation="operations/1")
    resource = saw(running, State.ABSENT, problem=a_problem(disposition))
    assert (resource.step, resource.operation, resource.unconfirmed) == (None, "", ())
    assert asked(resource) != asked(running)


def test_failures_wait_longer_each_time() -> None:
    resource, waits = a_notebook(), []
    for _ in range(6):
        resource = failed(resource, a_problem(Disposition.TEMPORARY))
        assert resource.backoff.retry_at is not None
        waits.append(resource.backoff.retry_at - NOW)
    assert waits == sorted(waits)
    assert waits[0] <= POLICY.backoff_first
    assert waits[-1] >= 10 * waits[0]


@pytest.mark.parametrize(
    ("retry_after", "at_least"),
    [(600.0, timedelta(minutes=10)), (0.0, timedelta(seconds=22)), (None, timedelta(seconds=22))],
)
def test_a_retry_delay_from_the_cloud_can_only_lengthen_the_wait(
    retry_after: float | None, at_least: timedelta
) -> None:
    resource = failed(a_notebook(), a_problem(Disposition.TEMPORARY, retry_after=retry_after))
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at - NOW >= at_least
    assert resource.observe_at == resource.backoff.retry_at


@pytest.mark.parametrize("disposition", fates(Disposition.UNCERTAIN))
def test_a_step_that_certainly_failed_ends_and_its_request_is_not_reused(
    disposition: Disposition,
) -> None:
    resource = failed(begun(), a_problem(disposition))
    assert (resource.step, resource.since, resource.operation) == (None, None, "")
    assert asked(resource) != asked(begun())
    assert resource.backoff.problem == a_problem(disposition)


def test_a_step_that_may_have_been_carried_out_stays_in_flight() -> None:
    before = begun()
    resource = failed(before, a_problem(Disposition.UNCERTAIN))
    assert (resource.step, resource.since) == (Step.CREATE, NOW)
    assert asked(resource) == asked(before)
    assert resource.observe_at is not None
    assert resource.observe_at > NOW


@pytest.mark.parametrize("disposition", list(Disposition))
def test_only_a_stock_out_rules_out_the_place(disposition: Disposition) -> None:
    expected = ("zone-a/nb",) if disposition is Disposition.STOCK_OUT else ()
    assert failed(begun(), a_problem(disposition)).creation.tried == expected


@pytest.mark.parametrize("disposition", fates(Disposition.STOCK_OUT))
def test_a_permanent_failure_is_retried_slowly_from_the_start(
    disposition: Disposition,
) -> None:
    resource = failed(begun(), a_problem(disposition))
    slow = disposition in (Disposition.PERMANENT, Disposition.FOREIGN)
    assert (resource.backoff.failures >= POLICY.attempts) is slow
    assert resource.backoff.retry_at is not None
    assert (resource.backoff.retry_at > NOW + POLICY.backoff_most) is slow


def test_a_foreign_resource_is_reported_with_what_to_do() -> None:
    resource = saw(a_notebook(), State.FOREIGN, detail="labels of ben")
    assert resource.state is State.FOREIGN
    assert resource.backoff.problem is not None
    assert resource.backoff.problem.code == "NOT_OURS"
    assert "labels of ben" in resource.backoff.problem.message
    assert "rename or remove it" in resource.backoff.problem.message


def test_a_create_that_found_something_foreign_makes_it_foreign() -> None:
    assert failed(begun(), a_problem(Disposition.FOREIGN)).state is State.FOREIGN


@pytest.mark.parametrize("state", [State.READY, State.CREATING, State.ABSENT])
def test_a_failed_observation_changes_nothing(state: State) -> None:
    before = a_notebook(state, link="https://nb.example.com", was_ready=True, digest="d")
    resource = saw(before, None, problem=a_problem(Disposition.TEMPORARY))
    assert resource.backoff.problem == a_problem(Disposition.TEMPORARY)
    forgotten = replace(resource, problem=None, failures=0, observe_at=None, retry_at=None)
    assert forgotten == before


def test_that_a_notebook_was_usable_is_recorded_until_it_is_absent() -> None:
    """From then on it may hold work, in any state."""
    ready = saw(a_notebook(State.CREATING), State.READY)
    broken = saw(ready, State.BROKEN)
    gone = saw(replace(broken, digest="d"), State.ABSENT)
    assert (ready.usage.was_ready, broken.usage.was_ready, gone.usage.was_ready) == (
        True,
        True,
        False,
    )
    assert gone.settings.digest == "", "recreated, it gets the manifest of that time"


def test_the_needed_disk_size_is_kept_until_another_is_observed() -> None:
    """An absent notebook has the size from the record that its data comes from."""
    to_be_made = a_notebook(restore_from="snapshots/s1", size_gb=300)
    assert saw(to_be_made, State.ABSENT).size_gb == 300
    assert saw(to_be_made, State.READY, size_gb=100).size_gb == 100


def test_the_link_is_the_one_observed_last() -> None:
    ready = saw(a_notebook(), State.READY, link="https://nb.example.com")
    assert ready.access.link == "https://nb.example.com"
    assert saw(ready, State.STOPPED).access.link == ready.access.link, (
        "it opens there once it is started"
    )
    assert saw(ready, State.BROKEN).access.link == ""
    stopping = saw(replace(ready, step=Step.STOP), State.READY, operation="o")
    assert saw(stopping, State.STOPPED).access.link == ready.access.link
    assert saw(ready, State.READY).access.link == "", "it runs, and can't be opened any more"


def test_an_operation_that_ended_in_an_error_fails_its_step() -> None:
    creating = replace(begun(), operation="operations/1", state=State.CREATING)
    resource = saw(creating, State.ABSENT, problem=a_problem(Disposition.TEMPORARY))
    assert (resource.state, resource.step, resource.serial) == (State.ABSENT, None, 1)
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at > NOW


@pytest.mark.parametrize(
    ("drift", "digest"),
    [(None, ""), (Drift(), "d"), (Drift(in_place=("labels",)), "")],
    ids=["not compared", "as the profile says", "different"],
)
def test_after_a_crash_during_an_update_only_a_comparison_says_what_was_written(
    drift: Drift | None, digest: str
) -> None:
    """Of a template nothing is compared: the same content as before may be needed again."""
    seen = saw(begun(Step.UPDATE, state=State.READY, digest="d"), State.READY, drift=drift)
    assert (seen.in_flight, seen.settings.digest) == (None, digest)
