"""How people's work is kept and comes back: the fake is held to what the real drivers do.

Snapshots of a notebook's data disk, restores, consent and full zones, each on both backends.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Observation, Resource, State, Step
from tests.support.driver_backends import EMAIL, KEY
from tests.support.snapshot_backends import (
    ZONE,
    FakeSnapshotBackend,
    SnapshotBackend,
    local_snapshot_backend,
)

HOUR = timedelta(hours=1)


def request(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.fixture(params=["fake", "local"])
def backend(request: pytest.FixtureRequest) -> Iterator[SnapshotBackend]:
    made: SnapshotBackend
    if request.param == "fake":
        made = FakeSnapshotBackend()
        yield made
    else:
        with local_snapshot_backend() as made:
            yield made
    assert all(fault.hits for fault in made.scripted), "a scripted fault was never hit"


def make(backend: SnapshotBackend, id: str = "nb-ana", size_gb: int = 100) -> Resource:
    """A running notebook, with so large a data disk."""
    notebook = backend.notebook(id)
    want = backend.notebook_want(notebook, size_gb)
    backend.notebooks.create(notebook, want, KEY, EMAIL, request(0))
    backend.pass_time(HOUR)
    assert look(backend, notebook).state is State.READY
    return notebook


def take(backend: SnapshotBackend, snapshot: Resource, number: int = 1) -> Observation:
    want = backend.snapshot_want(snapshot)
    return backend.snapshots.create(snapshot, want, KEY, EMAIL, request(number))


def taken(backend: SnapshotBackend, notebook: Resource) -> Resource:
    """A complete snapshot of it."""
    snapshot = backend.snapshot(of=notebook)
    take(backend, snapshot)
    backend.pass_time(HOUR)
    assert look(backend, snapshot).state is State.READY
    return snapshot


def look(backend: SnapshotBackend, resource: Resource) -> Observation:
    if resource.source:
        want = backend.snapshot_want(resource)
        return backend.snapshots.observe(resource, KEY, EMAIL, want)
    return backend.notebooks.observe(resource, KEY, EMAIL, None)


def delete(backend: SnapshotBackend, notebook: Resource) -> None:
    backend.notebooks.delete(notebook, request(9))
    backend.pass_time(HOUR)
    assert look(backend, notebook).state is State.ABSENT


class TestSnapshots:
    def test_one_is_under_way_until_it_is_complete(self, backend: SnapshotBackend) -> None:
        snapshot = backend.snapshot(of=make(backend))
        assert look(backend, snapshot) == Observation(state=State.ABSENT)
        seen = take(backend, snapshot)
        assert (seen.state, bool(seen.operation)) == (State.CREATING, True)
        assert look(backend, snapshot).state is State.CREATING
        backend.pass_time(HOUR)
        memory = replace(snapshot, under_way=Step.CREATE, operation=seen.operation)
        seen = look(backend, memory)
        assert (seen.state, seen.finished, seen.problem) == (State.READY, True, None)

    def test_the_same_request_twice_takes_one(self, backend: SnapshotBackend) -> None:
        snapshot = backend.snapshot(of=make(backend))
        first = take(backend, snapshot)
        assert take(backend, snapshot).operation == first.operation

    def test_one_that_is_there_already_is_found(self, backend: SnapshotBackend) -> None:
        snapshot = taken(backend, make(backend))
        assert take(backend, snapshot, number=2).state is State.READY

    def test_somebody_elses_under_its_name_is_foreign(self, backend: SnapshotBackend) -> None:
        snapshot = backend.snapshot(of=make(backend))
        backend.add_foreign_snapshot(snapshot)
        assert look(backend, snapshot).state is State.FOREIGN
        assert take(backend, snapshot).state is State.FOREIGN

    def test_one_of_another_disk_is_foreign(self, backend: SnapshotBackend) -> None:
        snapshot = taken(backend, make(backend))
        of_another = replace(snapshot, source=backend.notebook("nb-other").name)
        assert look(backend, of_another).state is State.FOREIGN

    def test_without_its_disk_there_is_none(self, backend: SnapshotBackend) -> None:
        with pytest.raises(CloudFault) as caught:
            take(backend, backend.snapshot(of=backend.notebook("nb-gone")))
        assert (caught.value.fate, caught.value.code) == (Fate.PERMANENT, "NOT_FOUND")

    def test_a_disk_that_goes_too_early_takes_its_snapshot_along(
        self, backend: SnapshotBackend
    ) -> None:
        """That is why a notebook isn't deleted before its snapshot is complete."""
        notebook = make(backend)
        snapshot = backend.snapshot(of=notebook)
        backend.notebooks.delete(notebook, request(9))
        backend.pass_time(timedelta(seconds=10))
        seen = take(backend, snapshot)
        backend.pass_time(HOUR)
        memory = replace(snapshot, under_way=Step.CREATE, operation=seen.operation)
        after = look(backend, memory)
        assert after.state is State.BROKEN
        assert after.problem is not None

    def test_it_outlives_its_notebook(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        snapshot = taken(backend, notebook)
        delete(backend, notebook)
        assert look(backend, snapshot).state is State.READY

    def test_it_is_deleted_and_then_gone(self, backend: SnapshotBackend) -> None:
        snapshot = taken(backend, make(backend))
        assert backend.snapshots.delete(snapshot, request(2)).state is State.DELETING
        backend.pass_time(HOUR)
        assert look(backend, snapshot).state is State.ABSENT
        assert backend.snapshots.delete(snapshot, request(3)).state is State.ABSENT


class TestRestoring:
    def restore(self, backend: SnapshotBackend, notebook: Resource, snapshot: Resource) -> Resource:
        """The memory of a restore just begun."""
        asked = replace(notebook, restore_from=snapshot.name, under_way=Step.RESTORE)
        asked = replace(asked, since=backend.now())
        seen = backend.notebooks.restore(asked, request(3))
        assert seen.state is State.RESTORING
        return replace(asked, operation=seen.operation)

    def test_the_work_comes_back_into_a_new_notebook(self, backend: SnapshotBackend) -> None:
        old = make(backend)
        backend.write(old, "a year of work")
        snapshot = taken(backend, old)
        backend.write(old, "and an hour nobody kept")
        delete(backend, old)
        new = make(backend, "nb-new")
        assert backend.read(new) != "a year of work"
        memory = self.restore(backend, new, snapshot)
        assert look(backend, memory).state is State.RESTORING
        backend.pass_time(HOUR)
        seen = look(backend, memory)
        assert (seen.state, seen.finished, seen.problem) == (State.READY, True, None)
        assert backend.read(new) == "a year of work"

    def test_it_needs_a_disk_as_large_as_the_one_the_snapshot_was_taken_of(
        self, backend: SnapshotBackend
    ) -> None:
        snapshot = taken(backend, make(backend, size_gb=300))
        size = look(backend, snapshot).size_gb
        assert size == 300
        with pytest.raises(CloudFault) as caught:
            self.restore(backend, make(backend, "nb-small", size_gb=size - 1), snapshot)
        assert caught.value.fate is Fate.PERMANENT
        self.restore(backend, make(backend, "nb-large", size_gb=size), snapshot)

    def test_a_snapshot_that_is_gone_is_a_permanent_fault(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        with pytest.raises(CloudFault) as caught:
            self.restore(backend, notebook, backend.snapshot("sn-gone", of=notebook))
        assert (caught.value.fate, caught.value.code) == (Fate.PERMANENT, "NOT_FOUND")

    @pytest.mark.parametrize("carried_out", [False, True])
    def test_one_whose_answer_was_lost_is_known_by_its_operation(
        self, backend: SnapshotBackend, carried_out: bool
    ) -> None:
        notebook = make(backend)
        snapshot = taken(backend, notebook)
        memory = replace(notebook, restore_from=snapshot.name, under_way=Step.RESTORE)
        memory = replace(memory, since=backend.now())
        backend.fail_restore(carried_out=carried_out)
        with pytest.raises(CloudFault) as caught:
            backend.notebooks.restore(memory, request(3))
        assert caught.value.fate is Fate.UNCERTAIN
        assert bool(look(backend, memory).operation) is carried_out
        backend.pass_time(HOUR)
        seen = look(backend, memory)
        assert (seen.state, seen.finished) == (State.READY, carried_out)

    def test_an_earlier_one_is_not_taken_for_it(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        memory = self.restore(backend, notebook, taken(backend, notebook))
        backend.pass_time(HOUR)
        later = replace(memory, operation="", since=backend.now())
        assert not look(backend, later).finished

    def test_nothing_else_is_begun_meanwhile(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        self.restore(backend, notebook, taken(backend, notebook))
        with pytest.raises(CloudFault) as caught:
            backend.notebooks.stop(notebook, request(4))
        assert caught.value.fate is Fate.TEMPORARY


class TestOwners:
    def test_consent_is_known_once_it_is_given(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        assert backend.notebooks.consented(notebook) is False
        backend.consent(notebook)
        assert backend.notebooks.consented(notebook) is True

    def test_one_that_is_gone_is_told_from_one_of_which_nothing_is_known(
        self, backend: SnapshotBackend
    ) -> None:
        with pytest.raises(CloudFault) as caught:
            backend.notebooks.consented(backend.notebook("nb-gone"))
        assert caught.value.code == "NOT_FOUND"


class TestLinks:
    def test_one_that_runs_may_have_no_link_yet(self, backend: SnapshotBackend) -> None:
        backend.delay_links(2 * HOUR)
        notebook = make(backend)
        seen = look(backend, notebook)
        assert (seen.state, seen.link) == (State.READY, "")
        backend.pass_time(2 * HOUR)
        seen = look(backend, notebook)
        assert (seen.state, bool(seen.link)) == (State.READY, True)


class TestFullZones:
    def test_a_notebook_that_finds_no_room_says_where_there_is_some(
        self, backend: SnapshotBackend
    ) -> None:
        backend.empty_the_zone()
        notebook = backend.notebook()
        want = backend.notebook_want(notebook)
        begun = backend.notebooks.create(notebook, want, KEY, EMAIL, request(0))
        backend.pass_time(HOUR)
        memory = replace(notebook, under_way=Step.CREATE, operation=begun.operation)
        seen = look(backend, memory)
        assert (seen.state, seen.finished) == (State.ABSENT, False)
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT
        assert seen.problem.elsewhere
        assert ZONE not in seen.problem.elsewhere

    def test_one_that_is_stopped_stays_so(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        backend.notebooks.stop(notebook, request(1))
        backend.pass_time(HOUR)
        backend.empty_the_zone()
        begun = backend.notebooks.start(notebook, request(2))
        backend.pass_time(HOUR)
        memory = replace(notebook, under_way=Step.START, operation=begun.operation)
        seen = look(backend, memory)
        assert seen.state is State.STOPPED
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT
