"""What only the fake can be told to do: carry a call out long after its caller gave up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Resource, State, Step
from tests.support.driver_backends import EMAIL, KEY
from tests.support.fake_search import FakeCensus, FakeSearch
from tests.support.snapshot_backends import FakeSnapshotBackend

MINUTE = timedelta(minutes=1)


def late(backend: FakeSnapshotBackend) -> Resource:
    """A notebook whose creation gets no answer and is carried out five minutes later."""
    notebook = backend.notebook()
    delay = backend.cloud.delay(Kind.WORKBENCH, Step.CREATE, 5 * MINUTE)
    with pytest.raises(CloudFault) as caught:
        backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, "once")
    assert caught.value.fate is Fate.UNCERTAIN
    assert delay.hits == 1
    return notebook


def test_a_call_lands_when_its_time_has_come() -> None:
    backend = FakeSnapshotBackend()
    notebook = late(backend)
    backend.pass_time(4 * MINUTE)
    assert backend.notebooks.observe(notebook, KEY, EMAIL, None).state is State.ABSENT
    backend.pass_time(MINUTE)
    assert backend.notebooks.observe(notebook, KEY, EMAIL, None).state is State.CREATING


def test_a_late_call_does_not_do_again_what_its_repeat_has_done() -> None:
    backend = FakeSnapshotBackend()
    notebook = late(backend)
    backend.notebooks.create(notebook, backend.notebook_want(notebook), KEY, EMAIL, "once")
    backend.pass_time(10 * MINUTE)
    assert [thing.name for thing in backend.cloud.alive()] == [notebook.name]
    assert len(backend.cloud.ever) == 1


def test_a_late_call_that_would_be_refused_is_without_effect() -> None:
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


def test_the_end_of_an_operation_hurts_no_other_thing_of_that_name() -> None:
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


def test_search_and_census_see_what_the_drivers_see() -> None:
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
