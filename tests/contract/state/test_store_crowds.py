"""The contract of ``EnvironmentStore`` for crowds: who waits, who is being made, what is short."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta, timezone
from functools import partial
from pathlib import Path

import msgspec
import pytest

from shared.adapters.state.cursors import microseconds
from shared.ports import Conflict, Crowd
from tests.support.backends import BACKENDS, Backend, all_items, opened_backend, together
from tests.support.stored import NOON, an_entry, an_environment, being_made, settled, waiting


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    yield from opened_backend(request, tmp_path)


class TestQueue:
    def test_waiting_records_are_listed_longest_waiting_first_then_by_key(
        self, backend: Backend
    ) -> None:
        second = timedelta(seconds=1)
        came = {"ana": NOON, "ben": NOON - second, "cleo": NOON, "dan": NOON, "eve": NOON + second}
        queue = sorted((at, an_environment(name).key) for name, at in came.items())
        for name, at in came.items():
            backend.store.save(waiting(name, since=at), None, [])
        for limit in (1, 2, 3, 5):
            found = all_items(partial(backend.store.due, NOON + second, limit))
            assert [(e.status.due_at, e.key) for e in found] == queue

    def test_pages_of_the_queue_stay_stable_while_it_is_served(self, backend: Backend) -> None:
        names = [f"p{n}" for n in range(6)]
        for name in names:
            backend.store.save(waiting(name, since=NOON), None, [])
        queue = sorted(an_environment(name).key for name in names)
        later = NOON + timedelta(hours=1)
        first = backend.store.due(later, 2)
        for environment in first.items:  # they are created, and observed again a little later
            stored = backend.store.load(environment.key)
            assert stored is not None
            made = being_made(environment.person.email[:-12], due_at=NOON + timedelta(seconds=20))
            backend.store.save(made, stored.version, [])
        backend.store.save(waiting("late", since=NOON + timedelta(seconds=30)), None, [])
        rest = all_items(lambda after: backend.store.due(later, 2, after or first.next))
        late = an_environment("late").key
        assert [e.key for e in rest] == [*queue[2:], *queue[:2], late]


class TestCrowd:
    def test_there_is_none_at_first(self, backend: Backend) -> None:
        assert backend.store.creating() == Crowd(creating=0, waiting=0)

    def test_the_count_has_records_in_creation_and_waiting_ones(self, backend: Backend) -> None:
        alone = settled("ana")
        crowd = [being_made("ben"), *(waiting(name, since=NOON) for name in ("cleo", "dan"))]
        for environment in (alone, *crowd):
            backend.store.save(environment, None, [])
        stored = [backend.raw_making(each.key) for each in (alone, *crowd)]
        assert stored == [None, "creating", "waiting", "waiting"]
        assert backend.store.creating() == Crowd(creating=1, waiting=2)

    def test_it_follows_every_save(self, backend: Backend) -> None:
        version = backend.store.save(waiting("ana", since=NOON), None, [])
        for environment, crowd in (
            (being_made("ana"), Crowd(creating=1, waiting=0)),
            (settled("ana"), Crowd(creating=0, waiting=0)),
            (waiting("ana", since=NOON), Crowd(creating=0, waiting=1)),
        ):
            version = backend.store.save(environment, version, [])
            assert backend.store.creating() == crowd

    def test_a_conflict_does_not_count(self, backend: Backend) -> None:
        backend.store.save(waiting("ana", since=NOON), None, [])
        with pytest.raises(Conflict):
            backend.store.save(being_made("ana"), None, [])
        assert backend.store.creating() == Crowd(creating=0, waiting=1)


class TestClaim:
    def test_a_claim_is_saved_like_any_record_and_counted_with_the_others(
        self, backend: Backend
    ) -> None:
        ana, ben = being_made("ana"), being_made("ben")
        backend.store.save(ana, None, [])
        claimed = backend.store.claim(ben, None, [an_entry("claimed")])
        assert (claimed.creating, claimed.waited_at) == (2, None)
        stored = backend.store.load(ben.key)
        assert stored is not None
        assert (stored.environment, stored.version) == (ben, claimed.version)
        assert backend.raw_history(ben.key) == 1

    def test_each_concurrent_claim_counts_those_before_it(self, backend: Backend) -> None:
        claims = together(8, lambda n: backend.store.claim(being_made(f"p{n}"), None, []))
        assert sorted(claimed.creating or 0 for claimed in claims) == list(range(1, 9))

    def test_a_conflict_saves_and_counts_nothing(self, backend: Backend) -> None:
        ana = being_made("ana")
        version = backend.store.save(settled("ana"), None, [])
        backend.store.save(settled("ana", grace_seconds=1), version, [])
        for stale in (None, version):
            with pytest.raises(Conflict):
                backend.store.claim(ana, stale, [an_entry()])
        assert backend.raw_making(ana.key) is None
        assert backend.raw_history(ana.key) == 0
        assert backend.store.claim(being_made("ben"), None, []).creating == 1

    def test_of_several_workers_on_one_record_only_one_claims_and_counts(
        self, backend: Backend
    ) -> None:
        version = backend.store.save(waiting("ana", since=NOON), None, [])

        def claim(_: int) -> int:
            try:
                return backend.store.claim(being_made("ana"), version, []).creating or 0
            except Conflict:
                return 0

        assert sorted(together(6, claim)) == [0, 0, 0, 0, 0, 1]
        assert backend.store.claim(being_made("ben"), None, []).creating == 2

    def test_a_creation_that_ended_is_not_counted_whoever_saves_it(self, backend: Backend) -> None:
        """Made, turned away, or leaving meanwhile; by the claimant, or another after a load."""
        done, leaving = settled("ana"), settled("cleo")
        version = backend.store.claim(being_made("ana"), None, []).version
        backend.store.save(being_made("ana", grace_seconds=1), version, [])
        backend.store.save(being_made("cleo"), None, [])
        assert backend.store.claim(being_made("dan"), None, []).creating == 3
        for environment in (done, leaving):
            stored = backend.store.load(environment.key)
            assert stored is not None
            version = backend.store.save(environment, stored.version, [])
            backend.store.save(environment, version, [])  # once
        assert backend.store.claim(being_made("eve"), None, []).creating == 2

    def test_the_next_claim_knows_that_the_last_one_was_queued(self, backend: Backend) -> None:
        later = NOON + timedelta(minutes=3)
        version = backend.store.claim(being_made("ana"), None, []).version
        turned_away = msgspec.structs.replace(waiting("ana", since=NOON), updated_at=later)
        backend.store.save(turned_away, version, [])
        claimed = backend.store.claim(being_made("ben", updated_at=later), None, [])
        assert (claimed.creating, claimed.waited_at) == (1, later)

    def test_a_right_count_is_not_changed(self, backend: Backend) -> None:
        claimed = backend.store.claim(being_made("ana"), None, [])
        backend.store.recount(claimed, 1)
        assert backend.store.claim(being_made("ben"), None, []).creating == 2


class TestShortages:
    HERE = "us-central1-a/e2-standard-4"
    THERE = "us-central1-b/e2-standard-4"

    def test_there_is_no_shortage_at_first(self, backend: Backend) -> None:
        assert backend.store.shortages(NOON) == frozenset()

    def test_each_shortage_is_kept_until_its_time(self, backend: Backend) -> None:
        microsecond = timedelta(microseconds=1)
        backend.store.report_shortage(self.HERE, NOON + microsecond)
        backend.store.report_shortage(self.THERE, NOON)
        assert backend.store.shortages(NOON - microsecond) == {self.HERE, self.THERE}
        assert backend.store.shortages(NOON) == {self.HERE}
        assert backend.store.shortages(NOON + microsecond) == frozenset()
        noon = microseconds(NOON)
        assert backend.raw_shortages() == {self.HERE: noon + 1, self.THERE: noon}

    def test_a_report_lengthens_and_never_shortens(self, backend: Backend) -> None:
        for hours in (2, 1, 2, 3, 1):
            backend.store.report_shortage(self.HERE, NOON + timedelta(hours=hours))
        backend.store.report_shortage(self.HERE, NOON - timedelta(days=30_000))  # before 1970
        assert backend.raw_shortages() == {self.HERE: microseconds(NOON + timedelta(hours=3))}

    def test_the_longest_of_concurrent_reports_stays(self, backend: Backend) -> None:
        together(
            8, lambda n: backend.store.report_shortage(self.HERE, NOON + timedelta(hours=7 * n % 8))
        )
        assert backend.raw_shortages() == {self.HERE: microseconds(NOON + timedelta(hours=7))}

    def test_times_of_any_zone_are_accepted_and_a_time_without_one_is_refused(
        self, backend: Backend
    ) -> None:
        zone = timezone(timedelta(hours=-7))
        backend.store.report_shortage(self.HERE, NOON.astimezone(zone))
        assert backend.raw_shortages() == {self.HERE: microseconds(NOON)}
        assert backend.store.shortages(NOON.astimezone(zone)) == frozenset()
        with pytest.raises(ValueError, match="no time zone"):
            backend.store.report_shortage(self.HERE, NOON.replace(tzinfo=None))
        with pytest.raises(ValueError, match="no time zone"):
            backend.store.shortages(NOON.replace(tzinfo=None))

    def test_a_shortage_creates_no_record(self, backend: Backend) -> None:
        backend.store.report_shortage(self.HERE, NOON)
        assert backend.store.page(10).items == ()
        assert backend.store.parked(10).items == ()
