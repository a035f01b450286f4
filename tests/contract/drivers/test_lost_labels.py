"""Resources that lost their labels, and disks that outlived their notebook, on both backends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.manifests.workbench import instance_id
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.driver_backends import EMAIL, KEY, LABELS
from tests.support.grouped_fields import replace
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


@pytest.fixture(params=["fake", pytest.param("local", marks=pytest.mark.slow)])
def backend(request: pytest.FixtureRequest) -> Iterator[SnapshotBackend]:
    if request.param == "fake":
        yield FakeSnapshotBackend()
    else:
        with local_snapshot_backend() as made:
            yield made


def make(backend: SnapshotBackend, id: str = OURS) -> Resource:
    """Create a notebook and wait until it runs."""
    notebook = backend.notebook(id)
    backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, request(0))
    backend.pass_time(HOUR)
    return notebook


def observe(backend: SnapshotBackend, notebook: Resource, email: str = EMAIL) -> Observation:
    return backend.notebooks.observe(notebook, KEY, email, None)


def orphaned_disk(backend: SnapshotBackend, id: str = OURS) -> Resource:
    """A data disk whose notebook was deleted."""
    backend.keep_disks()
    notebook = make(backend, id)
    backend.notebooks.delete(notebook, request(1))
    backend.pass_time(HOUR)
    assert observe(backend, notebook).state is State.ABSENT
    return backend.disk(notebook)


class TestLostLabels:
    def test_a_notebook_with_our_labels_is_labelled(self, backend: SnapshotBackend) -> None:
        assert observe(backend, make(backend)).labelled

    def test_a_notebook_of_our_name_without_labels_is_still_the_persons(
        self, backend: SnapshotBackend
    ) -> None:
        notebook = make(backend)
        backend.relabel(notebook, {"team": "core"})
        seen = observe(backend, notebook)
        assert (seen.state, seen.labelled) == (State.READY, False)
        assert observe(backend, notebook, "ben@example.com").state is State.FOREIGN

    @pytest.mark.parametrize("labels", [BENS, {**LABELS, "managed-by": "terraform"}])
    def test_a_notebook_of_our_name_is_the_persons_whatever_its_labels_say(
        self, backend: SnapshotBackend, labels: dict[str, str]
    ) -> None:
        notebook = make(backend)
        backend.relabel(notebook, labels)
        seen = observe(backend, notebook)
        assert (seen.state, seen.labelled) == (State.READY, False)
        begun = backend.notebooks.label(notebook, KEY, EMAIL, request(2))
        assert (begun.state, bool(begun.operation)) == (State.UPDATING, True)
        backend.pass_time(HOUR)
        assert observe(backend, notebook).labelled

    def test_a_notebook_of_another_name_without_labels_is_foreign(
        self, backend: SnapshotBackend
    ) -> None:
        notebook = make(backend, "made-by-hand")
        backend.relabel(notebook, {})
        assert observe(backend, notebook).state is State.FOREIGN

    def test_lost_labels_are_restored(self, backend: SnapshotBackend) -> None:
        notebook = make(backend)
        backend.relabel(notebook, {"team": "core"})
        seen = backend.notebooks.label(notebook, KEY, EMAIL, request(2))
        assert (seen.state, bool(seen.operation)) == (State.UPDATING, True)
        backend.pass_time(HOUR)
        memory = replace(notebook, step=Step.UPDATE, operation=seen.operation)
        assert observe(backend, memory) == replace(observe(backend, notebook), finished=True)
        assert observe(backend, notebook).labelled
        assert LABELS.items() <= backend.labels(notebook).items()

    def test_a_labelled_or_foreign_notebook_is_not_labelled(self, backend: SnapshotBackend) -> None:
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
    def test_a_disk_that_outlived_its_notebook_is_deleted(self, backend: SnapshotBackend) -> None:
        disk = orphaned_disk(backend)
        assert backend.disks.observe(disk, KEY, EMAIL, None) == Observation(state=State.READY)
        begun = backend.disks.delete(disk, request(2))
        assert (begun.state, bool(begun.operation)) == (State.DELETING, True)
        memory = replace(disk, step=Step.DELETE, operation=begun.operation)
        assert backend.disks.observe(memory, KEY, EMAIL, None) == begun
        backend.pass_time(HOUR)
        seen = backend.disks.observe(memory, KEY, EMAIL, None)
        assert (seen.state, seen.finished) == (State.ABSENT, True)
        assert backend.disks.delete(disk, request(3)).state is State.ABSENT

    def test_the_same_request_twice_deletes_once(self, backend: SnapshotBackend) -> None:
        disk = orphaned_disk(backend)
        first = backend.disks.delete(disk, request(2))
        assert backend.disks.delete(disk, request(2)).operation == first.operation

    def test_a_disk_whose_notebook_exists_is_not_touched(self, backend: SnapshotBackend) -> None:
        disk = backend.disk(make(backend))
        assert backend.disks.observe(disk, KEY, EMAIL, None).state in (State.FOREIGN, State.ABSENT)

    def test_a_disk_of_another_person_is_foreign(self, backend: SnapshotBackend) -> None:
        disk = orphaned_disk(backend, "made-by-hand")
        seen = backend.disks.observe(disk, "ben-abcdefghijkl", "ben@example.com", None)
        assert seen.state is State.FOREIGN

    def test_a_disk_that_blocks_a_new_notebook_is_named(self, backend: SnapshotBackend) -> None:
        disk = orphaned_disk(backend)
        notebook = backend.notebook(OURS)
        manifest = backend.notebook_want(notebook)
        with pytest.raises(CloudFault) as caught:
            backend.notebooks.create(notebook, manifest, KEY, EMAIL, request(2))
        assert (caught.value.disposition, caught.value.code) == (
            Disposition.TEMPORARY,
            "NAME_TAKEN",
        )
        assert disk.name in caught.value.message
        assert observe(backend, notebook).state is State.ABSENT
