"""Snapshots of a notebook's data disk, restores, consent and zones without capacity.

Every test runs on both backends, so that the fake behaves like the real drivers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.driver_backends import EMAIL, KEY
from tests.support.grouped_fields import replace
from tests.support.snapshot_backends import (
    ZONE,
    FakeSnapshotBackend,
    SnapshotBackend,
    local_snapshot_backend,
)

HOUR = timedelta(hours=1)


def request(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.fixture(params=["fake", pytest.param("local", marks=pytest.mark.slow)])
def backend(request: pytest.FixtureRequest) -> Iterator[SnapshotBackend]:
    made: SnapshotBackend
    if request.param == "fake":
        made = FakeSnapshotBackend()
        yield made
    else:
        with local_snapshot_backend() as made:
            yield made
    assert all(fault.hits for fault in made.scripted), "a scripted fault was never applied"


def make(backend: SnapshotBackend, id: str = "nb-ana", size_gb: int = 100) -> Resource:
    """Create a notebook with a data disk of ``size_gb`` and wait until it runs."""
    notebook = backend.notebook(id)
    manifest = backend.notebook_want(notebook, size_gb)
    backend.notebooks.create(notebook, manifest, KEY, EMAIL, request(0))
    backend.pass_time(HOUR)
    assert observe(backend, notebook).state is State.READY
    return notebook


def take(backend: SnapshotBackend, snapshot: Resource, number: int = 1) -> Observation:
    manifest = backend.snapshot_want(snapshot)
    return backend.snapshots.create(snapshot, manifest, KEY, EMAIL, request(number))


def taken(backend: SnapshotBackend, notebook: Resource) -> Resource:
    """Create a complete snapshot of it."""
    snapshot = backend.snapshot(of=notebook)
    take(backend, snapshot)
    backend.pass_time(HOUR)
    assert observe(backend, snapshot).state is State.READY
    return snapshot


def observe(backend: SnapshotBackend, resource: Resource) -> Observation:
    if resource.retention.source:
        manifest = backend.snapshot_want(resource)
        return backend.snapshots.observe(resource, KEY, EMAIL, manifest)
    return backend.notebooks.observe(resource, KEY, EMAIL, None)


def delete(backend: SnapshotBackend, notebook: Resource) -> None:
    backend.notebooks.delete(notebook, request(9))
    backend.pass_time(HOUR)
    assert observe(backend, notebook).state is State.ABSENT


class TestSnapshots:
    def test_a_snapshot_is_creating_until_it_is_complete(self, backend: SnapshotBackend) -> None:
        snapshot = backend.snapshot(of=make(backend))
        assert observe(backend, snapshot) == Observation(state=State.ABSENT)
        seen = take(backend, snapshot)
        assert (seen.state, bool(seen.operation)) == (State.CREATING, True)
        assert observe(backend, snapshot).state is State.CREATING
        backend.pass_time(HOUR)
        memory = replace(snapshot, step=Step.CREATE, operation=seen.operation)
        seen = observe(backend, memory)
        assert (seen.state, seen.finished, seen.problem) == (State.READY, True, None)

    def test_the_same_request_twice_creates_one_snapshot(self, backend: SnapshotBackend) -> None:
        snapshot = backend.snapshot(of=make(backend))
        first = take(backend, snapshot)
        assert take(backend, snapshot).operation == first.operation

    def test_an_existing_snapshot_is_found(self, backend: SnapshotBackend) -> None:
        snapshot = taken(backend, make(backend))
        assert take(backend, snapshot, number=2).state is State.READY

    def test_somebody_elses_snapshot_of_the_name_is_foreign(self, backend: SnapshotBackend) -> None:
        snapshot = backend.snapshot(of=make(backend))
        backend.add_foreign_snapshot(snapshot)
        assert observe(backend, snapshot).state is State.FOREIGN
        assert take(backend, snapshot).state is State.FOREIGN

    def test_a_snapshot_of_another_disk_is_foreign(self, backend: SnapshotBackend) -> None:
        snapshot = taken(backend, make(backend))
        of_another = replace(snapshot, source=backend.notebook("nb-other").name)
        assert observe(backend, of_another).state is State.FOREIGN

    def test_without_the_disk_a_create_is_a_permanent_fault(self, backend: SnapshotBackend) -> None:
        with pytest.raises(CloudFault) as caught:
            take(backend, backend.snapshot(of=backend.notebook("nb-gone")))
        assert (caught.value.disposition, caught.value.code) == (Disposition.PERMANENT, "NOT_FOUND")

    def test_a_snapshot_fails_if_its_disk_is_deleted_too_early(
        self, backend: SnapshotBackend
    ) -> None:
        """Therefore a notebook is not deleted before its snapshot is complete."""
        notebook = make(backend)
        snapshot = backend.snapshot(of=notebook)
        backend.notebooks.delete(notebook, request(9))
        backend.pass_time(timedelta(seconds=10))
        seen = take(backend, snapshot)
        backend.pass_time(HOUR)
        memory = replace(snapshot, step=Step.CREATE, operation=seen.operation)
        after = observe(backend, memory)
        assert after.state is State.BROKEN
        assert after.problem is not None

    def test_it_outlives_its_notebook(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        snapshot = taken(backend, notebook)
        delete(backend, notebook)
        assert observe(backend, snapshot).state is State.READY

    def test_a_delete_removes_it(self, backend: SnapshotBackend) -> None:
        snapshot = taken(backend, make(backend))
        assert backend.snapshots.delete(snapshot, request(2)).state is State.DELETING
        backend.pass_time(HOUR)
        assert observe(backend, snapshot).state is State.ABSENT
        assert backend.snapshots.delete(snapshot, request(3)).state is State.ABSENT


class TestRestoring:
    def restore(self, backend: SnapshotBackend, notebook: Resource, snapshot: Resource) -> Resource:
        """The record's resource after a restore was started."""
        asked = replace(notebook, restore_from=snapshot.name, step=Step.RESTORE)
        asked = replace(asked, since=backend.now())
        seen = backend.notebooks.restore(asked, request(3))
        assert seen.state is State.RESTORING
        return replace(asked, operation=seen.operation)

    def test_the_data_is_restored_into_a_new_notebook(self, backend: SnapshotBackend) -> None:
        old = make(backend)
        backend.write(old, "a year of work")
        snapshot = taken(backend, old)
        backend.write(old, "and an hour nobody kept")
        delete(backend, old)
        new = make(backend, "nb-new")
        assert backend.read(new) != "a year of work"
        memory = self.restore(backend, new, snapshot)
        assert observe(backend, memory).state is State.RESTORING
        backend.pass_time(HOUR)
        seen = observe(backend, memory)
        assert (seen.state, seen.finished, seen.problem) == (State.READY, True, None)
        assert backend.read(new) == "a year of work"

    def test_it_needs_a_disk_of_at_least_the_size_of_the_source(
        self, backend: SnapshotBackend
    ) -> None:
        snapshot = taken(backend, make(backend, size_gb=300))
        size = observe(backend, snapshot).size_gb
        assert size == 300
        with pytest.raises(CloudFault) as caught:
            self.restore(backend, make(backend, "nb-small", size_gb=size - 1), snapshot)
        assert caught.value.disposition is Disposition.PERMANENT
        self.restore(backend, make(backend, "nb-large", size_gb=size), snapshot)

    def test_a_missing_snapshot_is_a_permanent_fault(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        with pytest.raises(CloudFault) as caught:
            self.restore(backend, notebook, backend.snapshot("sn-gone", of=notebook))
        assert (caught.value.disposition, caught.value.code) == (Disposition.PERMANENT, "NOT_FOUND")

    @pytest.mark.parametrize("executed", [False, True])
    def test_a_restore_with_a_lost_answer_is_found_by_its_operation(
        self, backend: SnapshotBackend, executed: bool
    ) -> None:
        notebook = make(backend)
        snapshot = taken(backend, notebook)
        memory = replace(notebook, restore_from=snapshot.name, step=Step.RESTORE)
        memory = replace(memory, since=backend.now())
        backend.fail_restore(executed=executed)
        with pytest.raises(CloudFault) as caught:
            backend.notebooks.restore(memory, request(3))
        assert caught.value.disposition is Disposition.UNCERTAIN
        assert bool(observe(backend, memory).operation) is executed
        backend.pass_time(HOUR)
        seen = observe(backend, memory)
        assert (seen.state, seen.finished) == (State.READY, executed)

    def test_an_earlier_restore_is_not_mistaken_for_it(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        memory = self.restore(backend, notebook, taken(backend, notebook))
        backend.pass_time(HOUR)
        later = replace(memory, operation="", since=backend.now())
        assert not observe(backend, later).finished

    def test_a_second_restore_does_not_overwrite_what_was_done_since(
        self, backend: SnapshotBackend
    ) -> None:
        """A record brought back from a backup does not know of the first."""
        notebook = make(backend)
        backend.write(notebook, "a year of work")
        snapshot = taken(backend, notebook)
        first = self.restore(backend, notebook, snapshot)
        assert self.restore(backend, notebook, snapshot).operation == first.operation
        backend.pass_time(HOUR)
        backend.write(notebook, "a year of work, and a day")
        again = self.restore(backend, notebook, snapshot)
        seen = observe(backend, again)
        assert (seen.state, seen.finished) == (State.READY, True)
        assert backend.read(notebook) == "a year of work, and a day"

    def test_a_notebook_created_again_under_the_same_name_is_restored_again(
        self, backend: SnapshotBackend
    ) -> None:
        notebook = make(backend)
        backend.write(notebook, "a year of work")
        snapshot = taken(backend, notebook)
        self.restore(backend, notebook, snapshot)
        backend.pass_time(HOUR)
        delete(backend, notebook)
        backend.pass_time(HOUR)
        manifest = backend.notebook_want(notebook, 100)
        backend.notebooks.create(notebook, manifest, KEY, EMAIL, request(9))
        backend.pass_time(HOUR)
        self.restore(backend, notebook, snapshot)
        backend.pass_time(HOUR)
        assert backend.read(notebook) == "a year of work"

    def test_no_other_step_starts_during_a_restore(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        self.restore(backend, notebook, taken(backend, notebook))
        with pytest.raises(CloudFault) as caught:
            backend.notebooks.stop(notebook, request(4))
        assert caught.value.disposition is Disposition.TEMPORARY


class TestOwners:
    def test_consent_is_known_once_it_is_given(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        assert backend.notebooks.consented(notebook) is False
        backend.consent(notebook)
        assert backend.notebooks.consented(notebook) is True

    def test_a_missing_notebook_differs_from_an_unknown_consent(
        self, backend: SnapshotBackend
    ) -> None:
        with pytest.raises(CloudFault) as caught:
            backend.notebooks.consented(backend.notebook("nb-gone"))
        assert caught.value.code == "NOT_FOUND"


class TestLinks:
    def test_a_running_notebook_may_have_no_link_yet(self, backend: SnapshotBackend) -> None:
        backend.delay_links(2 * HOUR)
        notebook = make(backend)
        seen = observe(backend, notebook)
        assert (seen.state, seen.link) == (State.READY, "")
        backend.pass_time(2 * HOUR)
        seen = observe(backend, notebook)
        assert (seen.state, bool(seen.link)) == (State.READY, True)


class TestFullZones:
    def test_a_stock_out_names_zones_with_capacity(self, backend: SnapshotBackend) -> None:
        backend.exhaust_zone()
        notebook = backend.notebook()
        manifest = backend.notebook_want(notebook)
        begun = backend.notebooks.create(notebook, manifest, KEY, EMAIL, request(0))
        backend.pass_time(HOUR)
        memory = replace(notebook, step=Step.CREATE, operation=begun.operation)
        seen = observe(backend, memory)
        assert (seen.state, seen.finished) == (State.ABSENT, False)
        assert seen.problem is not None
        assert seen.problem.disposition is Disposition.STOCK_OUT
        assert seen.problem.elsewhere
        assert ZONE not in seen.problem.elsewhere

    def test_a_start_in_a_zone_without_capacity_leaves_it_stopped(
        self, backend: SnapshotBackend
    ) -> None:
        notebook = make(backend)
        backend.notebooks.stop(notebook, request(1))
        backend.pass_time(HOUR)
        backend.exhaust_zone()
        begun = backend.notebooks.start(notebook, request(2))
        backend.pass_time(HOUR)
        memory = replace(notebook, step=Step.START, operation=begun.operation)
        seen = observe(backend, memory)
        assert seen.state is State.STOPPED
        assert seen.problem is not None
        assert seen.problem.disposition is Disposition.STOCK_OUT
