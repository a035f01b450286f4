"""The contract of the port ``Driver`` on every backend: the fake, and each real driver with
Google's client on the local cloud.

Results are read without the driver. A scripted fault that was never applied fails its test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.driver_backends import EMAIL, KEY, RETRY_SECONDS, DriverBackend
from tests.support.driver_steps import create, made, observe, on, opened, request, settled
from tests.support.grouped_fields import replace

TEMPLATES = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)
CREATED_KINDS = (Kind.WORKBENCH, *TEMPLATES)  # the kinds that drivers create


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[DriverBackend]:
    with opened(request.param) as backend:
        yield backend


@on(*CREATED_KINDS)
class TestEveryKind:
    def test_a_resource_that_was_never_created_is_absent(self, backend: DriverBackend) -> None:
        assert observe(backend) == Observation(state=State.ABSENT)

    def test_create_is_one_call(self, backend: DriverBackend) -> None:
        seen = create(backend)
        assert backend.calls() == 1
        assert settled(backend, Step.CREATE, seen).state is State.READY
        assert backend.names() == [backend.name]
        assert observe(backend).state is State.READY

    def test_the_same_request_twice_creates_one_resource(self, backend: DriverBackend) -> None:
        create(backend)
        assert settled(backend, Step.CREATE, create(backend)).state is State.READY
        assert backend.names() == [backend.name]

    def test_create_succeeds_if_it_is_already_the_persons(self, backend: DriverBackend) -> None:
        made(backend)
        assert create(backend, number=1).state is State.READY
        assert backend.names() == [backend.name]

    def test_create_does_not_touch_a_foreign_resource(self, backend: DriverBackend) -> None:
        backend.add_foreign()
        before = backend.content()
        assert create(backend).state is State.FOREIGN
        assert backend.content() == before

    def test_update_does_not_touch_a_foreign_resource(self, backend: DriverBackend) -> None:
        backend.add_foreign()
        before = backend.content()
        seen = backend.driver.update(
            backend.resource, backend.manifest("two"), KEY, EMAIL, request(0)
        )
        assert seen.state is State.FOREIGN
        assert seen.detail
        assert backend.content() == before

    def test_a_resource_of_another_person_is_foreign(self, backend: DriverBackend) -> None:
        made(backend)
        seen = backend.driver.observe(backend.resource, "ben-abcdefghijkl", "ben@example.com", None)
        assert seen.state is State.FOREIGN

    def test_update_of_a_missing_resource_is_absent(self, backend: DriverBackend) -> None:
        seen = backend.driver.update(
            backend.resource, backend.manifest("two"), KEY, EMAIL, request(0)
        )
        assert seen.state is State.ABSENT
        assert backend.names() == []

    def test_delete_removes_it(self, backend: DriverBackend) -> None:
        made(backend)
        seen = backend.driver.delete(backend.resource, request(1))
        assert settled(backend, Step.DELETE, seen).state is State.ABSENT
        assert backend.names() == []
        assert observe(backend).state is State.ABSENT

    def test_delete_of_a_missing_resource_is_absent(self, backend: DriverBackend) -> None:
        assert backend.driver.delete(backend.resource, request(0)) == Observation(
            state=State.ABSENT
        )

    def test_it_can_be_created_again_after_its_deletion(self, backend: DriverBackend) -> None:
        made(backend)
        settled(backend, Step.DELETE, backend.driver.delete(backend.resource, request(1)))
        assert settled(backend, Step.CREATE, create(backend, number=2)).state is State.READY


@on(*CREATED_KINDS)
class TestFaults:
    def test_a_503_on_create_is_uncertain_even_if_nothing_was_created(
        self, backend: DriverBackend
    ) -> None:
        backend.fail_call("create", "before")
        with pytest.raises(CloudFault) as caught:
            create(backend)
        assert caught.value.disposition is Disposition.UNCERTAIN
        assert backend.names() == []
        assert observe(backend).state is State.ABSENT

    @pytest.mark.parametrize("how", ["after", "cut", "late"])
    def test_a_create_with_a_lost_answer_is_uncertain_and_then_observed(
        self, backend: DriverBackend, how: str
    ) -> None:
        backend.fail_call("create", how)
        with pytest.raises(CloudFault) as caught:
            create(backend)
        assert caught.value.disposition is Disposition.UNCERTAIN
        assert backend.names() == [backend.name]
        assert observe(backend).state in (State.CREATING, State.READY)
        assert settled(backend, Step.CREATE, create(backend)).state is State.READY
        assert backend.names() == [backend.name]

    def test_a_429_is_temporary_with_its_delay(self, backend: DriverBackend) -> None:
        backend.fail_call("create", "busy")
        with pytest.raises(CloudFault) as caught:
            create(backend)
        assert caught.value.disposition is Disposition.TEMPORARY
        assert caught.value.retry_after == timedelta(seconds=RETRY_SECONDS)
        assert backend.names() == []

    def test_a_503_on_observe_is_temporary(self, backend: DriverBackend) -> None:
        backend.fail_call("observe", "before")
        with pytest.raises(CloudFault) as caught:
            observe(backend)
        assert caught.value.disposition is Disposition.TEMPORARY

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    def test_a_delete_with_a_lost_answer_is_uncertain_and_can_be_repeated(
        self, backend: DriverBackend, how: str
    ) -> None:
        made(backend)
        backend.fail_call("delete", how)
        with pytest.raises(CloudFault) as caught:
            backend.driver.delete(backend.resource, request(1))
        assert caught.value.disposition is Disposition.UNCERTAIN
        seen = backend.driver.delete(backend.resource, request(1))
        assert settled(backend, Step.DELETE, seen).state is State.ABSENT
        assert backend.names() == []


@on(*TEMPLATES)
class TestTemplates:
    def test_they_are_ready_at_once(self, backend: DriverBackend) -> None:
        seen = create(backend)
        assert replace(seen, fingerprint="") == Observation(state=State.READY)
        assert observe(backend) == seen

    def test_update_writes_the_new_content(self, backend: DriverBackend) -> None:
        made(backend)
        before = backend.content()
        seen = backend.driver.update(
            backend.resource, backend.manifest("two"), KEY, EMAIL, request(1)
        )
        assert seen.state is State.READY
        assert observe(backend) == seen
        assert backend.content() != before

    def test_update_to_the_same_content_writes_nothing(self, backend: DriverBackend) -> None:
        made(backend)
        before = backend.content()
        seen = backend.driver.update(backend.resource, backend.manifest(), KEY, EMAIL, request(1))
        assert seen.state is State.READY
        assert backend.content() == before

    def test_create_updates_the_persons_own_template(self, backend: DriverBackend) -> None:
        made(backend)
        before = backend.content()
        assert create(backend, number=1, text="two").state is State.READY
        assert backend.content() != before

    @pytest.mark.parametrize("how", ["before", "after", "cut"])
    def test_an_update_with_a_lost_answer_is_uncertain(
        self, backend: DriverBackend, how: str
    ) -> None:
        made(backend)
        backend.fail_call("update", how)
        with pytest.raises(CloudFault) as caught:
            backend.driver.update(backend.resource, backend.manifest("two"), KEY, EMAIL, request(1))
        assert caught.value.disposition is Disposition.UNCERTAIN
        seen = backend.driver.update(
            backend.resource, backend.manifest("two"), KEY, EMAIL, request(1)
        )
        assert seen.state is State.READY

    def test_steps_that_templates_lack_only_read(self, backend: DriverBackend) -> None:
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

    def test_a_template_needs_no_consent(self, backend: DriverBackend) -> None:
        made(backend)
        assert backend.driver.consented(backend.resource) is None
