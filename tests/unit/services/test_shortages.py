"""Zones without capacity: read once a minute, stored once, forgotten when the time is over."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from shared.services.shortages import Shortages
from tests.support.memory_store import MemoryStore
from tests.support.simulation.world import ManualClock

LACK, OTHER = "us-central1-a/n2", "us-central1-b/n2"
HALF_AN_HOUR = timedelta(minutes=30)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class Store(MemoryStore):
    """Counts reads and writes."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        super().__init__(on_write=lambda point: self.calls.update([point]))

    def shortages(self, now: object) -> frozenset[str]:
        self.calls["read"] += 1
        return super().shortages(now)  # type: ignore[arg-type]


class Stage:
    """Two processes on one store, that have been running for a minute."""

    def __init__(self) -> None:
        self.store, self.clock = Store(), ManualClock()
        self.one = Shortages(store=self.store, clock=self.clock)
        self.other = Shortages(store=self.store, clock=self.clock)
        for process in (self.one, self.other):
            assert process.current() == frozenset()
        self.clock.time += MINUTE


def test_a_new_process_does_not_read_shortages_for_a_minute() -> None:
    store, clock = Store(), ManualClock()
    store.report_shortage(LACK, clock.time + HALF_AN_HOUR)
    fresh = Shortages(store=store, clock=clock)
    assert fresh.current() == frozenset()
    clock.time += MINUTE - SECOND
    assert fresh.current() == frozenset()
    assert store.calls["read"] == 0
    clock.time += SECOND
    assert fresh.current() == {LACK}
    assert store.calls["read"] == 1


def test_a_process_that_finds_a_zone_empty_reads_before_the_next_try() -> None:
    store, clock = Store(), ManualClock()
    store.report_shortage(OTHER, clock.time + HALF_AN_HOUR)
    fresh = Shortages(store=store, clock=clock)
    assert fresh.current() == frozenset()
    fresh.report(LACK, clock.time + HALF_AN_HOUR)
    assert fresh.current() == {LACK, OTHER}
    fresh.report(LACK, clock.time + HALF_AN_HOUR)  # by another thread: nothing new
    assert fresh.current() == {LACK, OTHER}
    assert store.calls["read"] == 1, "once for each report"


def test_a_shortage_that_could_not_be_stored_is_known_in_this_process() -> None:
    stage = Stage()

    def fails(what: str, until: object) -> None:
        raise TimeoutError

    stage.store.report_shortage = fails  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        stage.one.report(LACK, stage.clock.time + HALF_AN_HOUR)
    assert stage.one.current() == {LACK}
    assert stage.other.current() == frozenset()


def test_the_store_is_read_once_a_minute_however_many_join() -> None:
    stage = Stage()
    for _ in range(50):
        stage.one.current()
    assert stage.store.calls["read"] == 1
    stage.clock.time += MINUTE
    stage.one.current()
    assert stage.store.calls["read"] == 2


def test_a_shortage_is_known_here_at_once_and_elsewhere_within_a_minute() -> None:
    stage = Stage()
    assert stage.one.current() == stage.other.current() == frozenset()
    stage.one.report(LACK, stage.clock.time + HALF_AN_HOUR)
    assert stage.one.current() == {LACK}
    assert stage.other.current() == frozenset()
    stage.clock.time += MINUTE
    assert stage.other.current() == {LACK}


def test_shortages_of_all_processes_are_known() -> None:
    stage = Stage()
    stage.one.report(LACK, stage.clock.time + HALF_AN_HOUR)
    stage.other.report(OTHER, stage.clock.time + HALF_AN_HOUR)
    assert stage.one.current() == {LACK, OTHER}


def test_a_shortage_is_stored_once() -> None:
    stage = Stage()
    for _ in range(5):
        stage.one.report(LACK, stage.clock.time + HALF_AN_HOUR)
    assert stage.store.calls["before:shortage"] == 1


def test_a_later_end_is_stored_again_and_an_earlier_one_is_not() -> None:
    stage = Stage()
    start = stage.clock.time
    stage.one.report(LACK, start + HALF_AN_HOUR)
    stage.one.report(LACK, start + MINUTE)
    assert stage.store.calls["before:shortage"] == 1
    stage.one.report(LACK, start + 2 * HALF_AN_HOUR)
    assert stage.store.calls["before:shortage"] == 2
    stage.clock.time = start + HALF_AN_HOUR + MINUTE
    assert stage.one.current() == stage.other.current() == {LACK}


def test_a_shortage_ends_in_all_processes_when_its_time_is_over() -> None:
    stage = Stage()
    stage.one.report(LACK, stage.clock.time + HALF_AN_HOUR)
    stage.clock.time += HALF_AN_HOUR - MINUTE
    assert stage.one.current() == stage.other.current() == {LACK}
    stage.clock.time += MINUTE
    assert stage.one.current() == stage.other.current() == frozenset()


def test_an_end_that_is_a_minute_later_is_stored_again() -> None:
    stage = Stage()
    until = stage.clock.time + HALF_AN_HOUR
    for until_then, stored in ((until, 1), (until + MINUTE - SECOND, 1), (until + MINUTE, 2)):
        stage.one.report(LACK, until_then)
        assert stage.store.calls["before:shortage"] == stored
