"""How long to wait: longer each time, never longer than the limits, never all at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.policy import Policy
from shared.domain.resources.kinds import Kind, Step

POLICY = Policy()
HOUR = timedelta(hours=1)

failures = st.integers(1, 200)
seeds = st.text(max_size=60)


@given(failures, seeds)
def test_the_same_failure_of_a_resource_always_has_the_same_wait(attempts: int, seed: str) -> None:
    assert POLICY.backoff(attempts, seed) == Policy().backoff(attempts, seed)


@given(failures, seeds)
def test_a_wait_is_at_most_a_quarter_shorter_than_its_step(attempts: int, seed: str) -> None:
    wait = POLICY.backoff(attempts, seed)
    if attempts < POLICY.attempts:
        step = min(POLICY.backoff_first * 2 ** (attempts - 1), POLICY.backoff_most)
    else:
        step = POLICY.quarantine[min(attempts - POLICY.attempts, 2)]
    assert step * 0.75 <= wait <= step


@given(seeds)
def test_waits_never_get_shorter_from_step_to_step(seed: str) -> None:
    """A step doubles and the jitter takes a quarter at most, so growth survives the jitter."""
    waits = [POLICY.backoff(n, seed) for n in range(1, POLICY.attempts + 3)]
    growing = [w for w in waits if w < POLICY.backoff_most * 0.75]
    assert growing == sorted(growing)
    assert max(waits) <= POLICY.quarantine[-1]


@pytest.mark.parametrize(
    ("attempts", "least", "most"),
    [
        (1, timedelta(seconds=22), timedelta(seconds=30)),
        (2, timedelta(seconds=45), timedelta(seconds=60)),
        (7, timedelta(minutes=24), timedelta(minutes=32)),
        (8, 4.5 * HOUR, 6 * HOUR),
        (9, 9 * HOUR, 12 * HOUR),
        (10, 18 * HOUR, 24 * HOUR),
        (1000, 18 * HOUR, 24 * HOUR),
    ],
)
def test_waits_are_short_then_an_hour_then_those_of_quarantine(
    attempts: int, least: timedelta, most: timedelta
) -> None:
    assert least <= POLICY.backoff(attempts, "ana") <= most


def test_a_step_is_capped_before_quarantine() -> None:
    patient = Policy(attempts=20)
    assert patient.backoff(19, "ana") <= patient.backoff_most


def test_failures_at_the_same_moment_are_retried_at_different_times() -> None:
    waits = [POLICY.backoff(1, f"person-{n}") for n in range(1000)]
    assert len(set(waits)) > 200
    halves = sum(w > POLICY.backoff_first * 0.875 for w in waits)
    assert 400 < halves < 600, "spread evenly over the quarter"


@pytest.mark.parametrize("seconds", [1, 60, 1800, 3600])
def test_a_wait_that_the_cloud_names_is_a_minimum_and_is_spread(seconds: int) -> None:
    waits = {POLICY.named(seconds, 1, f"person-{n}") for n in range(1000)}
    assert len(waits) > 990
    assert min(waits) >= timedelta(seconds=seconds)
    assert max(waits) <= timedelta(seconds=seconds * 1.25)


@pytest.mark.parametrize("seconds", [3601, 300_000_000_000.0, 1e300, float("inf"), float("nan")])
def test_an_absurd_wait_is_an_hour_at_most(seconds: float) -> None:
    assert HOUR <= POLICY.named(seconds, 1, "ana") <= 1.25 * HOUR


def test_a_wait_in_the_past_is_none() -> None:
    assert POLICY.named(-5, 1, "ana") == timedelta()


def test_a_fresh_lease_has_room_for_more_than_one_step() -> None:
    """Or no second resource would ever be acted on in the same round as the first."""
    assert POLICY.lease >= 2 * POLICY.call_deadline


@pytest.mark.parametrize(
    ("kind", "step", "copies"),
    [
        (Kind.WORKBENCH, Step.RESTORE, True),
        (Kind.SNAPSHOT, Step.CREATE, True),
        (Kind.SNAPSHOT, Step.DELETE, False),
        (Kind.WORKBENCH, Step.CREATE, False),
        (Kind.WORKBENCH, Step.PROTECT, False),
        (Kind.WORKBENCH, None, False),
        (Kind.DISK, Step.DELETE, False),
    ],
)
def test_what_copies_a_disk_may_take_longer(kind: Kind, step: Step | None, copies: bool) -> None:
    assert POLICY.patience(kind, step) == (POLICY.stuck_copy if copies else POLICY.stuck)
    assert POLICY.stuck_copy > POLICY.stuck


def test_waits_are_spread_over_the_whole_quarter() -> None:
    seeds_ = [f"person-{number}" for number in range(300)]
    later = [POLICY.named(600, 1, seed) / timedelta(seconds=600) for seed in seeds_]
    sooner = [POLICY.backoff(1, seed) / POLICY.backoff_first for seed in seeds_]
    assert min(later) < 1.02
    assert 1.23 < max(later) <= 1.25
    assert 0.75 <= min(sooner) < 0.77
    assert 0.98 < max(sooner) <= 1
