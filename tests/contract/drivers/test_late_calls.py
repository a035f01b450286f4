"""Calls that are executed long after the caller's deadline, which only the fake supports."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import Resource
from tests.support.driver_backends import EMAIL, KEY
from tests.support.fake_search import FakeCensus, FakeSearch
from tests.support.snapshot_backends import FakeSnapshotBackend

MINUTE = timedelta(minutes=1)


def late(backend: FakeSnapshotBackend) -> Resource:
    """A notebook whose creation gets no answer and is executed five minutes later."""
    notebook = backend.notebook()
    delay = backend.cloud.delay(Kind.WORKBENCH, Step.CREATE, 5 * MINUTE)
    with pytest.raises(CloudFault) as caught:
        backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, "once")
    assert caught.value.disposition is Disposition.UNCERTAIN
    assert delay.hits == 1
    return notebook


def test_a_late_call_is_executed_at_its_time() -> None:
    backend = FakeSnapshotBackend()
    notebook = late(backend)
    backend.pass_time(4 * MINUTE)
    assert backend.notebooks.observe(notebook, KEY, EMAIL, None).state is State.ABSENT
    backend.pass_time(MINUTE)
    assert backend.notebooks.observe(notebook, KEY, EMAIL, None).state is State.CREATING


def test_a_late_call_after_its_repetition_changes_nothing() -> None:
    backend = FakeSnapshotBackend()
    notebook = late(backend)
    backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, "once")
    backend.pass_time(10 * MINUTE)
    assert [thing.name for thing in backend.cloud.alive()] == [notebook.name]
    assert len(backend.cloud.ever) == 1


def test_a_late_call_that_would_be_rejected_has_no_effect() -> None:
    backend = FakeSnapshotBackend()
    notebook = backend.notebook()
    backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, "once")
    backend.pass_time(10 * MINUTE)
    backend.cloud.delay(Kind.WORKBENCH, Step.DELETE, MINUTE)
    with pytest.raises(CloudFault):
        backend.notebooks.delete(notebook, "twice")
    backend.notebooks.protect(notebook, True, "thrice")
    backend.pass_time(10 * MINUTE)
    assert backend.notebooks.observe(notebook, KEY, EMAIL, None).state is State.READY


def test_the_end_of_an_operation_does_not_affect_a_later_resource_of_the_name() -> None:
    backend = FakeSnapshotBackend()
    notebook = backend.notebook()
    backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, "once")
    (first,) = backend.cloud.alive()
    backend.cloud.remove(first, backend.now())
    backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, "again")
    backend.pass_time(10 * MINUTE)
    (second,) = backend.cloud.alive()
    assert second is not first
    assert (first.state, second.state) == (State.CREATING, State.READY)


def test_the_search_and_the_census_agree_with_the_drivers() -> None:
    backend = FakeSnapshotBackend()
    search, census = FakeSearch(backend.cloud), FakeCensus(backend.cloud)
    notebook = backend.notebook()
    assert search.everything_of(KEY, EMAIL) == ()
    backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, "once")
    assert census.moving() == {notebook.name}
    backend.pass_time(10 * MINUTE)
    assert census.moving() == frozenset()
    (found,) = search.everything_of(KEY, EMAIL)
    assert (found.kind, found.name, found.ours) == (Kind.WORKBENCH, notebook.name, True)
    (found,) = search.everything_of(KEY, "ben@example.com")
    assert not found.ours
    backend.notebooks.delete(replace(notebook), "gone")
    assert census.moving() == frozenset()
