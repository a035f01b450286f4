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
from tests.support.driver_benches import EMAIL, KEY, LABELS
from tests.support.keep_benches import FakeKeep, KeepBench, local_keep

HOUR = timedelta(hours=1)
OURS = instance_id(KEY)
BENS = {**LABELS, "benchkeeper-person": "ben-abcdefghijkl"}


def request(number: int) -> str:
    return str(UUID(int=number + 1))


@pytest.fixture(params=["fake", "local"])
def bench(request: pytest.FixtureRequest) -> Iterator[KeepBench]:
    if request.param == "fake":
        yield FakeKeep()
    else:
        with local_keep() as made:
            yield made


def make(bench: KeepBench, id: str = OURS) -> Resource:
    """A running notebook."""
    notebook = bench.notebook(id)
    bench.notebooks.create(notebook, bench.notebook_want(notebook), KEY, EMAIL, request(0))
    bench.pass_time(HOUR)
    return notebook


def look(bench: KeepBench, notebook: Resource, email: str = EMAIL) -> Observation:
    return bench.notebooks.observe(notebook, KEY, email, None)


def left_behind(bench: KeepBench, id: str = OURS) -> Resource:
    """A data disk whose notebook is gone."""
    bench.keep_disks()
    notebook = make(bench, id)
    bench.notebooks.delete(notebook, request(1))
    bench.pass_time(HOUR)
    assert look(bench, notebook).state is State.ABSENT
    return bench.disk(notebook)


class TestLostLabels:
    def test_one_that_has_ours_is_labelled(self, bench: KeepBench) -> None:
        assert look(bench, make(bench)).labelled

    def test_one_of_our_name_that_lost_them_is_still_this_persons(self, bench: KeepBench) -> None:
        notebook = make(bench)
        bench.relabel(notebook, {"team": "core"})
        seen = look(bench, notebook)
        assert (seen.state, seen.labelled) == (State.READY, False)
        assert look(bench, notebook, "ben@example.com").state is State.FOREIGN

    def test_one_that_names_another_person_is_foreign(self, bench: KeepBench) -> None:
        notebook = make(bench)
        bench.relabel(notebook, BENS)
        assert look(bench, notebook).state is State.FOREIGN

    def test_one_of_another_name_is_foreign_without_them(self, bench: KeepBench) -> None:
        notebook = make(bench, "made-by-hand")
        bench.relabel(notebook, {})
        assert look(bench, notebook).state is State.FOREIGN

    def test_they_are_put_on_again(self, bench: KeepBench) -> None:
        notebook = make(bench)
        bench.relabel(notebook, {"team": "core"})
        seen = bench.notebooks.label(notebook, KEY, EMAIL, request(2))
        assert (seen.state, bool(seen.operation)) == (State.UPDATING, True)
        bench.pass_time(HOUR)
        memory = replace(notebook, under_way=Step.UPDATE, operation=seen.operation)
        assert look(bench, memory) == replace(look(bench, notebook), finished=True)
        assert look(bench, notebook).labelled
        assert LABELS.items() <= bench.labels(notebook).items()

    def test_nothing_is_labelled_that_needs_none_or_is_not_theirs(self, bench: KeepBench) -> None:
        notebook = make(bench)
        seen = bench.notebooks.label(notebook, KEY, EMAIL, request(2))
        assert (seen.state, seen.operation) == (State.READY, "")
        bench.relabel(notebook, {})
        seen = bench.notebooks.label(notebook, KEY, "ben@example.com", request(3))
        assert (seen.state, seen.operation) == (State.FOREIGN, "")
        assert not LABELS.items() <= bench.labels(notebook).items()
        gone = bench.notebook("nb-gone")
        assert bench.notebooks.label(gone, KEY, EMAIL, request(4)).state is State.ABSENT


class TestDisks:
    def test_one_that_outlived_its_notebook_is_deleted_and_then_gone(
        self, bench: KeepBench
    ) -> None:
        disk = left_behind(bench)
        assert bench.disks.observe(disk, KEY, EMAIL, None) == Observation(state=State.READY)
        begun = bench.disks.delete(disk, request(2))
        assert (begun.state, bool(begun.operation)) == (State.DELETING, True)
        memory = replace(disk, under_way=Step.DELETE, operation=begun.operation)
        assert bench.disks.observe(memory, KEY, EMAIL, None) == begun
        bench.pass_time(HOUR)
        seen = bench.disks.observe(memory, KEY, EMAIL, None)
        assert (seen.state, seen.finished) == (State.ABSENT, True)
        assert bench.disks.delete(disk, request(3)).state is State.ABSENT

    def test_the_same_request_twice_deletes_once(self, bench: KeepBench) -> None:
        disk = left_behind(bench)
        first = bench.disks.delete(disk, request(2))
        assert bench.disks.delete(disk, request(2)).operation == first.operation

    def test_one_whose_notebook_exists_is_left_alone(self, bench: KeepBench) -> None:
        disk = bench.disk(make(bench))
        assert bench.disks.observe(disk, KEY, EMAIL, None).state in (State.FOREIGN, State.ABSENT)

    def test_one_of_another_person_is_foreign(self, bench: KeepBench) -> None:
        disk = left_behind(bench, "made-by-hand")
        seen = bench.disks.observe(disk, "ben-abcdefghijkl", "ben@example.com", None)
        assert seen.state is State.FOREIGN

    def test_it_is_in_the_way_of_a_new_notebook_and_named(self, bench: KeepBench) -> None:
        disk = left_behind(bench)
        notebook = bench.notebook(OURS)
        want = bench.notebook_want(notebook)
        with pytest.raises(CloudFault) as caught:
            bench.notebooks.create(notebook, want, KEY, EMAIL, request(2))
        assert (caught.value.fate, caught.value.code) == (Fate.TEMPORARY, "NAME_TAKEN")
        assert disk.name in caught.value.message
        assert look(bench, notebook).state is State.ABSENT
