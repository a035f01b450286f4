"""The contract of the port ``Driver``, on every backend: the fake, and each real driver with
Google's own client against the local cloud.

What a driver did is read back through the backend's back door. A scripted fault that never struck
fails its test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, Resource, State, Step
from tests.support.driver_backends import EMAIL, KEY, RETRY_SECONDS, DriverBackend
from tests.support.driver_steps import create, look, made, on, opened, request, settled

TEMPLATES = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)
MADE = (Kind.WORKBENCH, *TEMPLATES)  # by us, with everything the port can do


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[DriverBackend]:
    with opened(request.param) as backend:
        yield backend


@on(*MADE)
class TestEveryKind:
    def test_what_was_never_made_is_absent(self, backend: DriverBackend) -> None:
        assert look(backend) == Observation(state=State.ABSENT)

    def test_create_makes_it_with_one_call(self, backend: DriverBackend) -> None:
        seen = create(backend)
        assert backend.calls() == 1
        assert settled(backend, Step.CREATE, seen).state is State.READY
        assert backend.names() == [backend.name]
        assert look(backend).state is State.READY

    def test_the_same_request_twice_makes_one(self, backend: DriverBackend) -> None:
        create(backend)
        assert settled(backend, Step.CREATE, create(backend)).state is State.READY
        assert backend.names() == [backend.name]

    def test_create_finds_this_persons_own(self, backend: DriverBackend) -> None:
        made(backend)
        assert create(backend, number=1).state is State.READY
        assert backend.names() == [backend.name]

    def test_create_leaves_a_foreign_one_alone(self, backend: DriverBackend) -> None:
        backend.add_foreign()
        before = backend.content()
        assert create(backend).state is State.FOREIGN
        assert backend.content() == before

    def test_update_leaves_a_foreign_one_alone(self, backend: DriverBackend) -> None:
        backend.add_foreign()
        before = backend.content()
        seen = backend.driver.update(backend.resource, backend.want("two"), KEY, EMAIL, request(0))
        assert seen.state is State.FOREIGN
        assert seen.detail
        assert backend.content() == before

    def test_another_persons_is_foreign(self, backend: DriverBackend) -> None:
        made(backend)
        seen = backend.driver.observe(backend.resource, "ben-abcdefghijkl", "ben@example.com", None)
        assert seen.state is State.FOREIGN

    def test_update_of_what_is_gone_is_absent(self, backend: DriverBackend) -> None:
        seen = backend.driver.update(backend.resource, backend.want("two"), KEY, EMAIL, request(0))
        assert seen.state is State.ABSENT
        assert backend.names() == []

    def test_delete_removes_it(self, backend: DriverBackend) -> None:
        made(backend)
        seen = backend.driver.delete(backend.resource, request(1))
        assert settled(backend, Step.DELETE, seen).state is State.ABSENT
        assert backend.names() == []
        assert look(backend).state is State.ABSENT

    def test_delete_of_what_is_gone_is_absent(self, backend: DriverBackend) -> None:
        assert backend.driver.delete(backend.resource, request(0)) == Observation(
            state=State.ABSENT
        )

    def test_it_can_be_made_again_after_its_deletion(self, backend: DriverBackend) -> None:
        made(backend)
        settled(backend, Step.DELETE, backend.driver.delete(backend.resource, request(1)))
        assert settled(backend, Step.CREATE, create(backend, number=2)).state is State.READY


@on(*MADE)
class TestFaults:
    def test_a_503_before_a_create_is_uncertain_and_nothing_is_there(
        self, backend: DriverBackend
    ) -> None:
        backend.fail_call("create", "before")
        with pytest.raises(CloudFault) as caught:
            create(backend)
        assert caught.value.fate is Fate.UNCERTAIN
        assert backend.names() == []
        assert look(backend).state is State.ABSENT

    @pytest.mark.parametrize("how", ["after", "cut", "late"])
    def test_a_create_whose_answer_is_lost_is_uncertain_and_seen_by_the_next_look(
        self, backend: DriverBackend, how: str
    ) -> None:
        backend.fail_call("create", how)
        with pytest.raises(CloudFault) as caught:
            create(backend)
        assert caught.value.fate is Fate.UNCERTAIN
        assert backend.names() == [backend.name]
        assert look(backend).state in (State.CREATING, State.READY)
        assert settled(backend, Step.CREATE, create(backend)).state is State.READY
        assert backend.names() == [backend.name]

    def test_a_429_is_temporary_and_names_its_delay(self, backend: DriverBackend) -> None:
        backend.fail_call("create", "busy")
        with pytest.raises(CloudFault) as caught:
            create(backend)
        assert caught.value.fate is Fate.TEMPORARY
        assert caught.value.retry_after == timedelta(seconds=RETRY_SECONDS)
        assert backend.names() == []

    def test_a_503_on_a_look_is_temporary(self, backend: DriverBackend) -> None:
        backend.fail_call("observe", "before")
        with pytest.raises(CloudFault) as caught:
            look(backend)
        assert caught.value.fate is Fate.TEMPORARY

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    def test_a_delete_without_an_answer_is_uncertain_and_can_be_repeated(
        self, backend: DriverBackend, how: str
    ) -> None:
        made(backend)
        backend.fail_call("delete", how)
        with pytest.raises(CloudFault) as caught:
            backend.driver.delete(backend.resource, request(1))
        assert caught.value.fate is Fate.UNCERTAIN
        seen = backend.driver.delete(backend.resource, request(1))
        assert settled(backend, Step.DELETE, seen).state is State.ABSENT
        assert backend.names() == []


@on(*TEMPLATES)
class TestTemplates:
    def test_they_are_ready_at_once(self, backend: DriverBackend) -> None:
        assert create(backend) == Observation(state=State.READY)

    def test_update_brings_the_new_content(self, backend: DriverBackend) -> None:
        made(backend)
        before = backend.content()
        seen = backend.driver.update(backend.resource, backend.want("two"), KEY, EMAIL, request(1))
        assert seen.state is State.READY
        assert backend.content() != before

    def test_update_to_the_same_content_writes_nothing(self, backend: DriverBackend) -> None:
        made(backend)
        before = backend.content()
        seen = backend.driver.update(backend.resource, backend.want(), KEY, EMAIL, request(1))
        assert seen.state is State.READY
        assert backend.content() == before

    def test_create_brings_this_persons_older_one_up_to_date(self, backend: DriverBackend) -> None:
        made(backend)
        before = backend.content()
        assert create(backend, number=1, text="two").state is State.READY
        assert backend.content() != before

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    def test_an_update_without_an_answer_is_uncertain(
        self, backend: DriverBackend, how: str
    ) -> None:
        made(backend)
        backend.fail_call("update", how)
        with pytest.raises(CloudFault) as caught:
            backend.driver.update(backend.resource, backend.want("two"), KEY, EMAIL, request(1))
        assert caught.value.fate is Fate.UNCERTAIN
        seen = backend.driver.update(backend.resource, backend.want("two"), KEY, EMAIL, request(1))
        assert seen.state is State.READY

    def test_what_a_template_has_no_use_for_only_says_whether_it_is_there(
        self, backend: DriverBackend
    ) -> None:
        resource = replace(backend.resource, restore_from="projects/demo/global/snapshots/one")
        steps: list[Callable[[Resource, str], Observation]] = [
            backend.driver.stop,
            backend.driver.start,
            backend.driver.restore,
            lambda resource, id: backend.driver.protect(resource, True, id),
        ]
        assert {step(resource, request(0)).state for step in steps} == {State.ABSENT}
        made(backend)
        before = backend.content()
        assert {step(resource, request(1)).state for step in steps} == {State.READY}
        assert backend.content() == before

    def test_a_template_asks_nobody_for_consent(self, backend: DriverBackend) -> None:
        made(backend)
        assert backend.driver.consented(backend.resource) is None
