"""The real drivers under concurrent changes, and the number of remote calls of each method.

On the local cloud only: the fake is single-threaded and makes no remote calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from shared.domain.faults import CloudFault, Disposition
from shared.domain.resources.kinds import Kind, State, Step
from tests.support.driver_backends import EMAIL, KEY, LocalBackend, local_backend

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)

# Remote calls once the resource exists; "again" is a create that finds it.
_COMMON = {"again": 2, "observe": 1, "same": 1, "update": 2, "stop": 1, "delete": 1}
CALLS = {
    Kind.WORKBENCH: _COMMON,
    Kind.SESSION_TEMPLATE: _COMMON,
    Kind.CLUSTER_TEMPLATE: _COMMON | {"delete": 2},
}


def request(number: int) -> str:
    return str(UUID(int=number + 1))


def make(backend: LocalBackend) -> None:
    backend.driver.create(backend.resource, backend.manifest(), KEY, EMAIL, request(0))
    backend.pass_time(HOUR)


def test_a_file_that_replaced_a_cluster_template_is_not_deleted() -> None:
    with local_backend(Kind.CLUSTER_TEMPLATE) as backend:
        make(backend)
        backend.add_foreign()
        before = backend.content()
        assert backend.driver.delete(backend.resource, request(1)).state is State.FOREIGN
        assert backend.content() == before


@pytest.mark.parametrize("step", [Step.UPDATE, Step.DELETE])
def test_a_file_written_after_the_read_is_neither_overwritten_nor_deleted(
    step: Step,
) -> None:
    with local_backend(Kind.CLUSTER_TEMPLATE) as backend, ThreadPoolExecutor(1) as pool:
        make(backend)
        held = backend.hold_call(step)
        driver, resource = backend.driver, backend.resource
        if step is Step.UPDATE:
            change = pool.submit(
                driver.update, resource, backend.manifest("two"), KEY, EMAIL, request(1)
            )
        else:
            change = pool.submit(driver.delete, resource, request(1))
        while not held.hits and not change.done():
            time.sleep(0.01)
        backend.add_foreign()
        before = backend.content()
        fault = change.exception()
        assert isinstance(fault, CloudFault)
        assert (fault.disposition, fault.code) == (Disposition.TEMPORARY, "CONDITION_NOT_MET")
        assert backend.content() == before


@pytest.mark.parametrize("kind", list(CALLS))
def test_of_concurrent_creates_one_creates_it_and_the_others_find_it(kind: Kind) -> None:
    with local_backend(kind) as backend, ThreadPoolExecutor(8) as pool:

        def create(number: int) -> State | None:
            return backend.driver.create(
                backend.resource, backend.manifest(), KEY, EMAIL, request(number)
            ).state

        states = list(pool.map(create, range(8)))
        assert set(states) <= {State.CREATING, State.READY}
        assert backend.names() == [backend.name]


@pytest.mark.parametrize("kind", list(CALLS))
def test_each_method_makes_the_fewest_calls(kind: Kind) -> None:
    with local_backend(kind) as backend:
        make(backend)
        driver, resource, manifest = backend.driver, backend.resource, backend.manifest
        steps: dict[str, Callable[[], object]] = {
            "again": lambda: driver.create(resource, manifest(), KEY, EMAIL, request(1)),
            "observe": lambda: driver.observe(resource, KEY, EMAIL, manifest()),
            "same": lambda: driver.update(resource, manifest(), KEY, EMAIL, request(2)),
            "update": lambda: driver.update(resource, manifest("two"), KEY, EMAIL, request(3)),
            "stop": lambda: driver.stop(resource, request(4)),
            "delete": lambda: driver.delete(resource, request(5)),
        }
        counted = {}
        for name, step in steps.items():
            before = backend.calls()
            step()
            counted[name] = backend.calls() - before
            backend.pass_time(HOUR)
    assert counted == CALLS[kind]
