"""Zones without machines: which is tried next, and what it means for failures."""

from __future__ import annotations

import pytest

from shared.domain.faults import Disposition
from shared.domain.reconciliation.failures import out_of_places
from shared.domain.reconciliation.step_claims import start_step
from shared.domain.resources.kinds import State, Step
from tests.support.builders import KEY, NOW, a_notebook, a_problem, after, fates
from tests.support.resource_changes import POLICY, begun, failed, saw

STOCK_OUT = a_problem(Disposition.STOCK_OUT, "ZONE_RESOURCE_POOL_EXHAUSTED")


def test_a_stock_out_is_not_counted_as_a_failure_while_zones_remain() -> None:
    creating = begun(operation="op", state=State.CREATING, failures=3)
    resource = saw(creating, State.ABSENT, after(2), problem=STOCK_OUT)
    assert resource.creation.tried == ("zone-a/nb",)
    assert (resource.step, resource.serial, resource.backoff.failures) == (None, 1, 3)
    assert (resource.observe_at, resource.backoff.retry_at) == (after(2), None)
    assert resource.backoff.problem == STOCK_OUT


def test_each_zone_counts_once() -> None:
    resource = failed(begun(tried=("zone-b/nb", "zone-a/nb")), STOCK_OUT)
    assert resource.creation.tried == ("zone-b/nb", "zone-a/nb")


def test_a_start_that_finds_no_machine_cannot_use_another_zone() -> None:
    """The disk is where it is."""
    name = "projects/demo/locations/us-central1-a/instances/nb"
    resource = failed(begun(Step.START, name=name, state=State.STOPPED), STOCK_OUT)
    assert (resource.creation.tried, resource.backoff.failures) == ((), 1)
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at > NOW
    assert resource.backoff.problem is not None
    assert "us-central1-a has no machine to start it on" in resource.backoff.problem.message
    assert "next zone" not in resource.backoff.problem.message


def test_a_zone_without_machines_never_leads_into_quarantine() -> None:
    resource = begun(Step.START, state=State.STOPPED)
    for _ in range(20):
        resource = failed(start_step(resource, Step.START, NOW), STOCK_OUT)
    assert resource.backoff.failures < POLICY.attempts
    assert resource.backoff.retry_at is not None
    assert resource.backoff.retry_at - NOW <= POLICY.backoff_most


def test_when_all_zones_are_empty_it_waits_and_starts_again_with_the_first() -> None:
    tried = a_notebook(tried=("zone-a/nb", "zone-b/nb"), problem=STOCK_OUT, failures=2)
    resource = out_of_places(tried, key=KEY, now=NOW, policy=POLICY)
    assert (resource.creation.tried, resource.backoff.failures) == ((), 3)
    assert (
        resource.backoff.retry_at
        == resource.observe_at
        == NOW + POLICY.backoff(3, f"{KEY}/{tried.id}")
    )
    assert resource.backoff.problem == STOCK_OUT


def test_a_successful_create_forgets_the_empty_zones() -> None:
    creating = begun(operation="op", tried=("zone-b/nb",), problem=STOCK_OUT)
    resource = saw(creating, State.READY, after(3), finished=True)
    assert (resource.creation.tried, resource.backoff.problem, resource.usage.ready_since) == (
        (),
        None,
        after(3),
    )


@pytest.mark.parametrize("disposition", fates(Disposition.STOCK_OUT))
def test_another_failure_keeps_the_zones_that_were_tried(disposition: Disposition) -> None:
    assert failed(begun(tried=("zone-b/nb",)), a_problem(disposition)).creation.tried == (
        "zone-b/nb",
    )


def test_stock_outs_in_all_zones_stay_below_quarantine() -> None:
    empty = begun(failures=POLICY.attempts, problem=STOCK_OUT, step=None)
    waiting = out_of_places(empty, key=KEY, now=NOW, policy=POLICY)
    assert waiting.backoff.failures == POLICY.attempts - 1
