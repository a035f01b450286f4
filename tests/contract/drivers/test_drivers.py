"""The contract of the port ``Driver``, on every backend: the fake, and each real driver with
Google's own client against the local cloud.

What a driver did is read back through the bench's back door. A scripted fault that never struck
fails its test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, Resource, State, Step
from tests.support.driver_benches import EMAIL, KEY, RETRY_SECONDS, Bench
from tests.support.driver_steps import create, look, made, on, opened, request, settled

TEMPLATES = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)
MADE = (Kind.WORKBENCH, *TEMPLATES)  # by us, with everything the port can do


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with opened(request.param) as bench:
        yield bench


@on(*MADE)
class TestEveryKind:
    def test_what_was_never_made_is_absent(self, bench: Bench) -> None:
        assert look(bench) == Observation(state=State.ABSENT)

    def test_create_makes_it_with_one_call(self, bench: Bench) -> None:
        seen = create(bench)
        assert bench.calls() == 1
        assert settled(bench, Step.CREATE, seen).state is State.READY
        assert bench.names() == [bench.name]
        assert look(bench).state is State.READY

    def test_the_same_request_twice_makes_one(self, bench: Bench) -> None:
        create(bench)
        assert settled(bench, Step.CREATE, create(bench)).state is State.READY
        assert bench.names() == [bench.name]

    def test_create_finds_this_persons_own(self, bench: Bench) -> None:
        made(bench)
        assert create(bench, number=1).state is State.READY
        assert bench.names() == [bench.name]

    def test_create_leaves_a_foreign_one_alone(self, bench: Bench) -> None:
        bench.add_foreign()
        before = bench.content()
        assert create(bench).state is State.FOREIGN
        assert bench.content() == before

    def test_update_leaves_a_foreign_one_alone(self, bench: Bench) -> None:
        bench.add_foreign()
        before = bench.content()
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(0))
        assert seen.state is State.FOREIGN
        assert seen.detail
        assert bench.content() == before

    def test_another_persons_is_foreign(self, bench: Bench) -> None:
        made(bench)
        seen = bench.driver.observe(bench.resource, "ben-abcdefghijkl", "ben@example.com", None)
        assert seen.state is State.FOREIGN

    def test_update_of_what_is_gone_is_absent(self, bench: Bench) -> None:
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(0))
        assert seen.state is State.ABSENT
        assert bench.names() == []

    def test_delete_removes_it(self, bench: Bench) -> None:
        made(bench)
        seen = bench.driver.delete(bench.resource, request(1))
        assert settled(bench, Step.DELETE, seen).state is State.ABSENT
        assert bench.names() == []
        assert look(bench).state is State.ABSENT

    def test_delete_of_what_is_gone_is_absent(self, bench: Bench) -> None:
        assert bench.driver.delete(bench.resource, request(0)) == Observation(state=State.ABSENT)

    def test_it_can_be_made_again_after_its_deletion(self, bench: Bench) -> None:
        made(bench)
        settled(bench, Step.DELETE, bench.driver.delete(bench.resource, request(1)))
        assert settled(bench, Step.CREATE, create(bench, number=2)).state is State.READY


@on(*MADE)
class TestFaults:
    def test_a_503_before_a_create_is_uncertain_and_nothing_is_there(self, bench: Bench) -> None:
        bench.fail_call("create", "before")
        with pytest.raises(CloudFault) as caught:
            create(bench)
        assert caught.value.fate is Fate.UNCERTAIN
        assert bench.names() == []
        assert look(bench).state is State.ABSENT

    @pytest.mark.parametrize("how", ["after", "cut", "late"])
    def test_a_create_whose_answer_is_lost_is_uncertain_and_seen_by_the_next_look(
        self, bench: Bench, how: str
    ) -> None:
        bench.fail_call("create", how)
        with pytest.raises(CloudFault) as caught:
            create(bench)
        assert caught.value.fate is Fate.UNCERTAIN
        assert bench.names() == [bench.name]
        assert look(bench).state in (State.CREATING, State.READY)
        assert settled(bench, Step.CREATE, create(bench)).state is State.READY
        assert bench.names() == [bench.name]

    def test_a_429_is_temporary_and_names_its_delay(self, bench: Bench) -> None:
        bench.fail_call("create", "busy")
        with pytest.raises(CloudFault) as caught:
            create(bench)
        assert caught.value.fate is Fate.TEMPORARY
        assert caught.value.retry_after == timedelta(seconds=RETRY_SECONDS)
        assert bench.names() == []

    def test_a_503_on_a_look_is_temporary(self, bench: Bench) -> None:
        bench.fail_call("observe", "before")
        with pytest.raises(CloudFault) as caught:
            look(bench)
        assert caught.value.fate is Fate.TEMPORARY

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    def test_a_delete_without_an_answer_is_uncertain_and_can_be_repeated(
        self, bench: Bench, how: str
    ) -> None:
        made(bench)
        bench.fail_call("delete", how)
        with pytest.raises(CloudFault) as caught:
            bench.driver.delete(bench.resource, request(1))
        assert caught.value.fate is Fate.UNCERTAIN
        seen = bench.driver.delete(bench.resource, request(1))
        assert settled(bench, Step.DELETE, seen).state is State.ABSENT
        assert bench.names() == []


@on(*TEMPLATES)
class TestTemplates:
    def test_they_are_ready_at_once(self, bench: Bench) -> None:
        assert create(bench) == Observation(state=State.READY)

    def test_update_brings_the_new_content(self, bench: Bench) -> None:
        made(bench)
        before = bench.content()
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(1))
        assert seen.state is State.READY
        assert bench.content() != before

    def test_update_to_the_same_content_writes_nothing(self, bench: Bench) -> None:
        made(bench)
        before = bench.content()
        seen = bench.driver.update(bench.resource, bench.want(), KEY, EMAIL, request(1))
        assert seen.state is State.READY
        assert bench.content() == before

    def test_create_brings_this_persons_older_one_up_to_date(self, bench: Bench) -> None:
        made(bench)
        before = bench.content()
        assert create(bench, number=1, text="two").state is State.READY
        assert bench.content() != before

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    def test_an_update_without_an_answer_is_uncertain(self, bench: Bench, how: str) -> None:
        made(bench)
        bench.fail_call("update", how)
        with pytest.raises(CloudFault) as caught:
            bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(1))
        assert caught.value.fate is Fate.UNCERTAIN
        seen = bench.driver.update(bench.resource, bench.want("two"), KEY, EMAIL, request(1))
        assert seen.state is State.READY

    def test_what_a_template_has_no_use_for_only_says_whether_it_is_there(
        self, bench: Bench
    ) -> None:
        resource = replace(bench.resource, restore_from="projects/demo/global/snapshots/one")
        steps: list[Callable[[Resource, str], Observation]] = [
            bench.driver.stop,
            bench.driver.start,
            bench.driver.restore,
            lambda resource, id: bench.driver.protect(resource, True, id),
        ]
        assert {step(resource, request(0)).state for step in steps} == {State.ABSENT}
        made(bench)
        before = bench.content()
        assert {step(resource, request(1)).state for step in steps} == {State.READY}
        assert bench.content() == before

    def test_a_template_asks_nobody_for_consent(self, bench: Bench) -> None:
        made(bench)
        assert bench.driver.consented(bench.resource) is None
