"""The contract of ``EnvironmentStore`` for crowds: who waits, who is being made, what is short."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.state.cursors import microseconds
from shared.domain.environment import Environment
from shared.domain.resources import Kind, Resource, State, Step
from shared.ports import Conflict, Crowd
from tests.support.backends import BACKENDS, Backend, all_items, opened_backend, together
from tests.support.stored import NOON, an_environment


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    yield from opened_backend(request, tmp_path)


def waiting(name: str, *, since: datetime) -> Environment:
    """A record whose notebook waits for its turn, due since it came."""
    notebook = Resource(kind=Kind.WORKBENCH, slot="main", name="x", queued_at=since)
    return an_environment(name, resources=(notebook,), due_at=since)


def being_made(name: str, **changes: Any) -> Environment:
    """A record whose notebook is being made."""
    notebook = Resource(
        kind=Kind.WORKBENCH, slot="main", name="x", state=State.CREATING, under_way=Step.CREATE
    )
    return an_environment(name, resources=(notebook,), **changes)


class TestQueue:
    def test_who_waits_is_listed_in_the_order_of_coming_and_ties_by_key(
        self, backend: Backend
    ) -> None:
        second = timedelta(seconds=1)
        came = {"ana": NOON, "ben": NOON - second, "cleo": NOON, "dan": NOON, "eve": NOON + second}
        queue = sorted((at, an_environment(name).key) for name, at in came.items())
        for name, at in came.items():
            backend.store.save(waiting(name, since=at), None, [])
        for limit in (1, 2, 3, 5):
            found = all_items(partial(backend.store.due, NOON + second, limit))
            assert [(e.due_at, e.key) for e in found] == queue

    def test_pages_of_who_waits_stay_stable_while_they_get_their_turn(
        self, backend: Backend
    ) -> None:
        names = [f"p{n}" for n in range(6)]
        for name in names:
            backend.store.save(waiting(name, since=NOON), None, [])
        queue = sorted(an_environment(name).key for name in names)
        later = NOON + timedelta(hours=1)
        first = backend.store.due(later, 2)
        for environment in first.items:  # they are made, and looked at again a little later
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

    def test_it_is_of_those_being_made_and_those_who_wait(self, backend: Backend) -> None:
        settled = an_environment("ana", resources=())
        crowd = [being_made("ben"), *(waiting(name, since=NOON) for name in ("cleo", "dan"))]
        for environment in (settled, *crowd):
            backend.store.save(environment, None, [])
        stored = [backend.raw_making(each.key) for each in (settled, *crowd)]
        assert stored == [None, "creating", "waiting", "waiting"]
        assert backend.store.creating() == Crowd(creating=1, waiting=2)

    def test_it_follows_every_save(self, backend: Backend) -> None:
        settled = an_environment("ana", resources=())
        version = backend.store.save(waiting("ana", since=NOON), None, [])
        for environment, crowd in (
            (being_made("ana"), Crowd(creating=1, waiting=0)),
            (settled, Crowd(creating=0, waiting=0)),
            (waiting("ana", since=NOON), Crowd(creating=0, waiting=1)),
        ):
            version = backend.store.save(environment, version, [])
            assert backend.store.creating() == crowd

    def test_a_conflict_does_not_count(self, backend: Backend) -> None:
        backend.store.save(waiting("ana", since=NOON), None, [])
        with pytest.raises(Conflict):
            backend.store.save(being_made("ana"), None, [])
        assert backend.store.creating() == Crowd(creating=0, waiting=1)


class TestShortages:
    HERE = "us-central1-a/e2-standard-4"
    THERE = "us-central1-b/e2-standard-4"

    def test_nothing_is_short_at_first(self, backend: Backend) -> None:
        assert backend.store.shortages(NOON) == frozenset()

    def test_each_is_remembered_until_its_time(self, backend: Backend) -> None:
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

    def test_the_longest_of_reports_at_once_stays(self, backend: Backend) -> None:
        together(
            8, lambda n: backend.store.report_shortage(self.HERE, NOON + timedelta(hours=7 * n % 8))
        )
        assert backend.raw_shortages() == {self.HERE: microseconds(NOON + timedelta(hours=7))}

    def test_times_of_any_zone_are_understood_and_none_is_refused(self, backend: Backend) -> None:
        zone = timezone(timedelta(hours=-7))
        backend.store.report_shortage(self.HERE, NOON.astimezone(zone))
        assert backend.raw_shortages() == {self.HERE: microseconds(NOON)}
        assert backend.store.shortages(NOON.astimezone(zone)) == frozenset()
        with pytest.raises(ValueError, match="no time zone"):
            backend.store.report_shortage(self.HERE, NOON.replace(tzinfo=None))
        with pytest.raises(ValueError, match="no time zone"):
            backend.store.shortages(NOON.replace(tzinfo=None))

    def test_no_record_comes_of_it(self, backend: Backend) -> None:
        backend.store.report_shortage(self.HERE, NOON)
        assert backend.store.page(10).items == ()
        assert backend.store.parked(10).items == ()
