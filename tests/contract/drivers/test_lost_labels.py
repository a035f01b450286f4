"""Resources that lost their labels, and disks left behind, on both backends of the drivers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Observation, Resource, State, Step
from shared.domain.wants.workbench import instance_id
from tests.support.driver_backends import EMAIL, KEY, LABELS
from tests.support.snapshot_backends import (
    FakeSnapshotBackend,
    SnapshotBackend,
    local_snapshot_backend,
)

HOUR = timedelta(hours=1)
OURS = instance_id(KEY)
BENS = {**LABELS, "benchkeeper-person": "ben-abcdefghijkl"}


def request(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.fixture(params=["fake", "local"])
def backend(request: pytest.FixtureRequest) -> Iterator[SnapshotBackend]:
    if request.param == "fake":
        yield FakeSnapshotBackend()
    else:
        with local_snapshot_backend() as made:
            yield made


def make(backend: SnapshotBackend, id: str = OURS) -> Resource:
    """A running notebook."""
    notebook = backend.notebook(id)
    backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, request(0))
    backend.pass_time(HOUR)
    return notebook


def look(backend: SnapshotBackend, notebook: Resource, email: str = EMAIL) -> Observation:
    return backend.notebooks.observe(notebook, KEY, email, None)


def left_behind(backend: SnapshotBackend, id: str = OURS) -> Resource:
    """A data disk whose notebook is gone."""
    backend.keep_disks()
    notebook = make(backend, id)
    backend.notebooks.delete(notebook, request(1))
    backend.pass_time(HOUR)
    assert look(backend, notebook).state is State.ABSENT
    return backend.disk(notebook)


class TestLostLabels:
    def test_one_that_has_ours_is_labelled(self, backend: SnapshotBackend) -> None:
        assert look(backend, make(backend)).labelled

    def test_one_of_our_name_that_lost_them_is_still_this_persons(
        self, backend: SnapshotBackend
    ) -> None:
        notebook = make(backend)
        backend.relabel(notebook, {"team": "core"})
        seen = look(backend, notebook)
        assert (seen.state, seen.labelled) == (State.READY, False)
        assert look(backend, notebook, "ben@example.com").state is State.FOREIGN

    def test_one_that_names_another_person_is_foreign(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        backend.relabel(notebook, BENS)
        assert look(backend, notebook).state is State.FOREIGN

    def test_one_of_another_name_is_foreign_without_them(self, backend: SnapshotBackend) -> None:
        notebook = make(backend, "made-by-hand")
        backend.relabel(notebook, {})
        assert look(backend, notebook).state is State.FOREIGN

    def test_they_are_put_on_again(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        backend.relabel(notebook, {"team": "core"})
        seen = backend.notebooks.label(notebook, KEY, EMAIL, request(2))
        assert (seen.state, bool(seen.operation)) == (State.UPDATING, True)
        backend.pass_time(HOUR)
        memory = replace(notebook, under_way=Step.UPDATE, operation=seen.operation)
        assert look(backend, memory) == replace(look(backend, notebook), finished=True)
        assert look(backend, notebook).labelled
        assert LABELS.items() <= backend.labels(notebook).items()

    def test_nothing_is_labelled_that_needs_none_or_is_not_theirs(
        self, backend: SnapshotBackend
    ) -> None:
        notebook = make(backend)
        seen = backend.notebooks.label(notebook, KEY, EMAIL, request(2))
        assert (seen.state, seen.operation) == (State.READY, "")
        backend.relabel(notebook, {})
        seen = backend.notebooks.label(notebook, KEY, "ben@example.com", request(3))
        assert (seen.state, seen.operation) == (State.FOREIGN, "")
        assert not LABELS.items() <= backend.labels(notebook).items()
        gone = backend.notebook("nb-gone")
        assert backend.notebooks.label(gone, KEY, EMAIL, request(4)).state is State.ABSENT


class TestDisks:
    def test_one_that_outlived_its_notebook_is_deleted_and_then_gone(
        self, backend: SnapshotBackend
    ) -> None:
        disk = left_behind(backend)
        assert backend.disks.observe(disk, KEY, EMAIL, None) == Observation(state=State.READY)
        begun = backend.disks.delete(disk, request(2))
        assert (begun.state, bool(begun.operation)) == (State.DELETING, True)
        memory = replace(disk, under_way=Step.DELETE, operation=begun.operation)
        assert backend.disks.observe(memory, KEY, EMAIL, None) == begun
        backend.pass_time(HOUR)
        seen = backend.disks.observe(memory, KEY, EMAIL, None)
        assert (seen.state, seen.finished) == (State.ABSENT, True)
        assert backend.disks.delete(disk, request(3)).state is State.ABSENT

    def test_the_same_request_twice_deletes_once(self, backend: SnapshotBackend) -> None:
        disk = left_behind(backend)
        first = backend.disks.delete(disk, request(2))
        assert backend.disks.delete(disk, request(2)).operation == first.operation

    def test_one_whose_notebook_exists_is_left_alone(self, backend: SnapshotBackend) -> None:
        disk = backend.disk(make(backend))
        assert backend.disks.observe(disk, KEY, EMAIL, None).state in (State.FOREIGN, State.ABSENT)

    def test_one_of_another_person_is_foreign(self, backend: SnapshotBackend) -> None:
        disk = left_behind(backend, "made-by-hand")
        seen = backend.disks.observe(disk, "ben-abcdefghijkl", "ben@example.com", None)
        assert seen.state is State.FOREIGN

    def test_it_is_in_the_way_of_a_new_notebook_and_named(self, backend: SnapshotBackend) -> None:
        disk = left_behind(backend)
        notebook = backend.notebook(OURS)
        want = backend.notebook_want(notebook)
        with pytest.raises(CloudFault) as caught:
            backend.notebooks.create(notebook, want, KEY, EMAIL, request(2))
        assert (caught.value.fate, caught.value.code) == (Fate.TEMPORARY, "NAME_TAKEN")
        assert disk.name in caught.value.message
        assert look(backend, notebook).state is State.ABSENT
