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
from tests.support.driver_benches import EMAIL, KEY
from tests.support.keep_benches import ZONE, FakeKeep, KeepBench, local_keep

HOUR = timedelta(hours=1)


def request(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.fixture(params=["fake", "local"])
def bench(request: pytest.FixtureRequest) -> Iterator[KeepBench]:
    made: KeepBench
    if request.param == "fake":
        made = FakeKeep()
        yield made
    else:
        with local_keep() as made:
            yield made
    assert all(fault.hits for fault in made.scripted), "a scripted fault was never hit"


def make(bench: KeepBench, id: str = "nb-ana", size_gb: int = 100) -> Resource:
    """A running notebook, with so large a data disk."""
    notebook = bench.notebook(id)
    want = bench.notebook_want(notebook, size_gb)
    bench.notebooks.create(notebook, want, KEY, EMAIL, request(0))
    bench.pass_time(HOUR)
    assert look(bench, notebook).state is State.READY
    return notebook


def take(bench: KeepBench, snapshot: Resource, number: int = 1) -> Observation:
    want = bench.snapshot_want(snapshot)
    return bench.snapshots.create(snapshot, want, KEY, EMAIL, request(number))


def taken(bench: KeepBench, notebook: Resource) -> Resource:
    """A complete snapshot of it."""
    snapshot = bench.snapshot(of=notebook)
    take(bench, snapshot)
    bench.pass_time(HOUR)
    assert look(bench, snapshot).state is State.READY
    return snapshot


def look(bench: KeepBench, resource: Resource) -> Observation:
    if resource.source:
        want = bench.snapshot_want(resource)
        return bench.snapshots.observe(resource, KEY, EMAIL, want)
    return bench.notebooks.observe(resource, KEY, EMAIL, None)


def delete(bench: KeepBench, notebook: Resource) -> None:
    bench.notebooks.delete(notebook, request(9))
    bench.pass_time(HOUR)
    assert look(bench, notebook).state is State.ABSENT


class TestSnapshots:
    def test_one_is_under_way_until_it_is_complete(self, bench: KeepBench) -> None:
        snapshot = bench.snapshot(of=make(bench))
        assert look(bench, snapshot) == Observation(state=State.ABSENT)
        seen = take(bench, snapshot)
        assert (seen.state, bool(seen.operation)) == (State.CREATING, True)
        assert look(bench, snapshot).state is State.CREATING
        bench.pass_time(HOUR)
        memory = replace(snapshot, under_way=Step.CREATE, operation=seen.operation)
        seen = look(bench, memory)
        assert (seen.state, seen.finished, seen.problem) == (State.READY, True, None)

    def test_the_same_request_twice_takes_one(self, bench: KeepBench) -> None:
        snapshot = bench.snapshot(of=make(bench))
        first = take(bench, snapshot)
        assert take(bench, snapshot).operation == first.operation

    def test_one_that_is_there_already_is_found(self, bench: KeepBench) -> None:
        snapshot = taken(bench, make(bench))
        assert take(bench, snapshot, number=2).state is State.READY

    def test_somebody_elses_under_its_name_is_foreign(self, bench: KeepBench) -> None:
        snapshot = bench.snapshot(of=make(bench))
        bench.add_foreign_snapshot(snapshot)
        assert look(bench, snapshot).state is State.FOREIGN
        assert take(bench, snapshot).state is State.FOREIGN

    def test_one_of_another_disk_is_foreign(self, bench: KeepBench) -> None:
        snapshot = taken(bench, make(bench))
        of_another = replace(snapshot, source=bench.notebook("nb-other").name)
        assert look(bench, of_another).state is State.FOREIGN

    def test_without_its_disk_there_is_none(self, bench: KeepBench) -> None:
        with pytest.raises(CloudFault) as caught:
            take(bench, bench.snapshot(of=bench.notebook("nb-gone")))
        assert (caught.value.fate, caught.value.code) == (Fate.PERMANENT, "NOT_FOUND")

    def test_a_disk_that_goes_too_early_takes_its_snapshot_along(self, bench: KeepBench) -> None:
        """That is why a notebook isn't deleted before its snapshot is complete."""
        notebook = make(bench)
        snapshot = bench.snapshot(of=notebook)
        bench.notebooks.delete(notebook, request(9))
        bench.pass_time(timedelta(seconds=10))
        seen = take(bench, snapshot)
        bench.pass_time(HOUR)
        memory = replace(snapshot, under_way=Step.CREATE, operation=seen.operation)
        after = look(bench, memory)
        assert after.state is State.BROKEN
        assert after.problem is not None

    def test_it_outlives_its_notebook(self, bench: KeepBench) -> None:
        notebook = make(bench)
        snapshot = taken(bench, notebook)
        delete(bench, notebook)
        assert look(bench, snapshot).state is State.READY

    def test_it_is_deleted_and_then_gone(self, bench: KeepBench) -> None:
        snapshot = taken(bench, make(bench))
        assert bench.snapshots.delete(snapshot, request(2)).state is State.DELETING
        bench.pass_time(HOUR)
        assert look(bench, snapshot).state is State.ABSENT
        assert bench.snapshots.delete(snapshot, request(3)).state is State.ABSENT


class TestRestoring:
    def restore(self, bench: KeepBench, notebook: Resource, snapshot: Resource) -> Resource:
        """The memory of a restore just begun."""
        asked = replace(notebook, restore_from=snapshot.name, under_way=Step.RESTORE)
        asked = replace(asked, since=bench.now())
        seen = bench.notebooks.restore(asked, request(3))
        assert seen.state is State.RESTORING
        return replace(asked, operation=seen.operation)

    def test_the_work_comes_back_into_a_new_notebook(self, bench: KeepBench) -> None:
        old = make(bench)
        bench.write(old, "a year of work")
        snapshot = taken(bench, old)
        bench.write(old, "and an hour nobody kept")
        delete(bench, old)
        new = make(bench, "nb-new")
        assert bench.read(new) != "a year of work"
        memory = self.restore(bench, new, snapshot)
        assert look(bench, memory).state is State.RESTORING
        bench.pass_time(HOUR)
        seen = look(bench, memory)
        assert (seen.state, seen.finished, seen.problem) == (State.READY, True, None)
        assert bench.read(new) == "a year of work"

    def test_it_needs_a_disk_as_large_as_the_one_the_snapshot_was_taken_of(
        self, bench: KeepBench
    ) -> None:
        snapshot = taken(bench, make(bench, size_gb=300))
        size = look(bench, snapshot).size_gb
        assert size == 300
        with pytest.raises(CloudFault) as caught:
            self.restore(bench, make(bench, "nb-small", size_gb=size - 1), snapshot)
        assert caught.value.fate is Fate.PERMANENT
        self.restore(bench, make(bench, "nb-large", size_gb=size), snapshot)

    def test_a_snapshot_that_is_gone_is_a_permanent_fault(self, bench: KeepBench) -> None:
        notebook = make(bench)
        with pytest.raises(CloudFault) as caught:
            self.restore(bench, notebook, bench.snapshot("sn-gone", of=notebook))
        assert (caught.value.fate, caught.value.code) == (Fate.PERMANENT, "NOT_FOUND")

    @pytest.mark.parametrize("carried_out", [False, True])
    def test_one_whose_answer_was_lost_is_known_by_its_operation(
        self, bench: KeepBench, carried_out: bool
    ) -> None:
        notebook = make(bench)
        snapshot = taken(bench, notebook)
        memory = replace(notebook, restore_from=snapshot.name, under_way=Step.RESTORE)
        memory = replace(memory, since=bench.now())
        bench.fail_restore(carried_out=carried_out)
        with pytest.raises(CloudFault) as caught:
            bench.notebooks.restore(memory, request(3))
        assert caught.value.fate is Fate.UNCERTAIN
        assert bool(look(bench, memory).operation) is carried_out
        bench.pass_time(HOUR)
        seen = look(bench, memory)
        assert (seen.state, seen.finished) == (State.READY, carried_out)

    def test_an_earlier_one_is_not_taken_for_it(self, bench: KeepBench) -> None:
        notebook = make(bench)
        memory = self.restore(bench, notebook, taken(bench, notebook))
        bench.pass_time(HOUR)
        later = replace(memory, operation="", since=bench.now())
        assert not look(bench, later).finished

    def test_nothing_else_is_begun_meanwhile(self, bench: KeepBench) -> None:
        notebook = make(bench)
        self.restore(bench, notebook, taken(bench, notebook))
        with pytest.raises(CloudFault) as caught:
            bench.notebooks.stop(notebook, request(4))
        assert caught.value.fate is Fate.TEMPORARY


class TestOwners:
    def test_consent_is_known_once_it_is_given(self, bench: KeepBench) -> None:
        notebook = make(bench)
        assert bench.notebooks.consented(notebook) is False
        bench.consent(notebook)
        assert bench.notebooks.consented(notebook) is True

    def test_one_that_is_gone_is_told_from_one_of_which_nothing_is_known(
        self, bench: KeepBench
    ) -> None:
        with pytest.raises(CloudFault) as caught:
            bench.notebooks.consented(bench.notebook("nb-gone"))
        assert caught.value.code == "NOT_FOUND"


class TestLinks:
    def test_one_that_runs_may_have_no_link_yet(self, bench: KeepBench) -> None:
        bench.delay_links(2 * HOUR)
        notebook = make(bench)
        seen = look(bench, notebook)
        assert (seen.state, seen.link) == (State.READY, "")
        bench.pass_time(2 * HOUR)
        seen = look(bench, notebook)
        assert (seen.state, bool(seen.link)) == (State.READY, True)


class TestFullZones:
    def test_a_notebook_that_finds_no_room_says_where_there_is_some(self, bench: KeepBench) -> None:
        bench.empty_the_zone()
        notebook = bench.notebook()
        want = bench.notebook_want(notebook)
        begun = bench.notebooks.create(notebook, want, KEY, EMAIL, request(0))
        bench.pass_time(HOUR)
        memory = replace(notebook, under_way=Step.CREATE, operation=begun.operation)
        seen = look(bench, memory)
        assert (seen.state, seen.finished) == (State.ABSENT, False)
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT
        assert seen.problem.elsewhere
        assert ZONE not in seen.problem.elsewhere

    def test_one_that_is_stopped_stays_so(self, bench: KeepBench) -> None:
        notebook = make(bench)
        bench.notebooks.stop(notebook, request(1))
        bench.pass_time(HOUR)
        bench.empty_the_zone()
        begun = bench.notebooks.start(notebook, request(2))
        bench.pass_time(HOUR)
        memory = replace(notebook, under_way=Step.START, operation=begun.operation)
        seen = look(bench, memory)
        assert seen.state is State.STOPPED
        assert seen.problem is not None
        assert seen.problem.fate is Fate.STOCK_OUT
