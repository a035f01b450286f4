"""What only the fake can be told to do: carry a call out long after its caller gave up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Resource, State, Step
from tests.support.driver_benches import EMAIL, KEY
from tests.support.fake_search import FakeCensus, FakeSearch
from tests.support.keep_benches import FakeKeep

MINUTE = timedelta(minutes=1)


def late(bench: FakeKeep) -> Resource:
    """A notebook whose creation gets no answer and is carried out five minutes later."""
    notebook = bench.notebook()
    delay = bench.cloud.delay(Kind.WORKBENCH, Step.CREATE, 5 * MINUTE)
    with pytest.raises(CloudFault) as caught:
        bench.notebooks.create(notebook, bench.notebook_want(notebook), KEY, EMAIL, "once")
    assert caught.value.fate is Fate.UNCERTAIN
    assert delay.hits == 1
    return notebook


def test_a_call_lands_when_its_time_has_come() -> None:
    bench = FakeKeep()
    notebook = late(bench)
    bench.pass_time(4 * MINUTE)
    assert bench.notebooks.observe(notebook, KEY, EMAIL, None).state is State.ABSENT
    bench.pass_time(MINUTE)
    assert bench.notebooks.observe(notebook, KEY, EMAIL, None).state is State.CREATING


def test_a_late_call_does_not_do_again_what_its_repeat_has_done() -> None:
    bench = FakeKeep()
    notebook = late(bench)
    bench.notebooks.create(notebook, bench.notebook_want(notebook), KEY, EMAIL, "once")
    bench.pass_time(10 * MINUTE)
    assert [thing.name for thing in bench.cloud.alive()] == [notebook.name]
    assert len(bench.cloud.ever) == 1


def test_a_late_call_that_would_be_refused_is_without_effect() -> None:
    bench = FakeKeep()
    notebook = bench.notebook()
    bench.notebooks.create(notebook, bench.notebook_want(notebook), KEY, EMAIL, "once")
    bench.pass_time(10 * MINUTE)
    bench.cloud.delay(Kind.WORKBENCH, Step.DELETE, MINUTE)
    with pytest.raises(CloudFault):
        bench.notebooks.delete(notebook, "twice")
    bench.notebooks.protect(notebook, True, "thrice")
    bench.pass_time(10 * MINUTE)
    assert bench.notebooks.observe(notebook, KEY, EMAIL, None).state is State.READY


def test_the_end_of_an_operation_hurts_no_other_thing_of_that_name() -> None:
    bench = FakeKeep()
    notebook = bench.notebook()
    bench.notebooks.create(notebook, bench.notebook_want(notebook), KEY, EMAIL, "once")
    (first,) = bench.cloud.alive()
    bench.cloud.remove(first, bench.now())
    bench.notebooks.create(notebook, bench.notebook_want(notebook), KEY, EMAIL, "again")
    bench.pass_time(10 * MINUTE)
    (second,) = bench.cloud.alive()
    assert second is not first
    assert (first.state, second.state) == (State.CREATING, State.READY)


def test_search_and_census_see_what_the_drivers_see() -> None:
    bench = FakeKeep()
    search, census = FakeSearch(bench.cloud), FakeCensus(bench.cloud)
    notebook = bench.notebook()
    assert search.everything_of(KEY, EMAIL) == ()
    bench.notebooks.create(notebook, bench.notebook_want(notebook), KEY, EMAIL, "once")
    assert census.moving() == {notebook.name}
    bench.pass_time(10 * MINUTE)
    assert census.moving() == frozenset()
    (found,) = search.everything_of(KEY, EMAIL)
    assert (found.kind, found.name, found.ours) == (Kind.WORKBENCH, notebook.name, True)
    (found,) = search.everything_of(KEY, "ben@example.com")
    assert not found.ours
    bench.notebooks.delete(replace(notebook), "gone")
    assert census.moving() == frozenset()
