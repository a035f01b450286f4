"""What the tests of the port ``Driver`` share: call a step, observe, let time pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.driver_backends import EMAIL, KEY, DriverBackend, FakeBackend, local_backend
from tests.support.grouped_fields import replace

HOUR = timedelta(hours=1)
BACKENDS = {"fake": (), "local": pytest.mark.slow}


def request(number: int) -> str:
    """The request id of request ``number``."""
    return str(UUID(int=number + 1))


@contextmanager
def opened(param: tuple[str, Kind]) -> Iterator[DriverBackend]:
    """The backend of a case of ``on``; a scripted fault that was never applied fails the test."""
    name, kind = param
    if name == "fake":
        backend: DriverBackend = FakeBackend(kind)
        yield backend
    else:
        with local_backend(kind) as backend:
            yield backend
    assert all(fault.hits for fault in backend.scripted), "a scripted fault was never applied"


def on(*kinds: Kind) -> pytest.MarkDecorator:
    """Run the test on every backend of these kinds."""
    cases = [
        pytest.param((backend, kind), id=f"{kind}-{backend}", marks=marks)
        for kind in kinds
        for backend, marks in BACKENDS.items()
    ]
    return pytest.mark.parametrize("backend", cases, indirect=True)


def create(backend: DriverBackend, number: int = 0, text: str = "one") -> Observation:
    """Call the driver's create."""
    return backend.driver.create(
        backend.resource, backend.manifest(text), KEY, EMAIL, request(number)
    )


def observe(
    backend: DriverBackend, resource: Resource | None = None, manifest: Manifest | None = None
) -> Observation:
    """Call the driver's observe for the owner."""
    return backend.driver.observe(resource or backend.resource, KEY, EMAIL, manifest)


def after_step(backend: DriverBackend, step: Step, seen: Observation) -> Resource:
    """The record's resource after a step that returned ``seen``."""
    assert seen.state is not None
    return replace(backend.resource, step=step, state=seen.state, operation=seen.operation)


def settled(backend: DriverBackend, step: Step, seen: Observation) -> Observation:
    """The observation after the operation, if there is one, has ended."""
    if not seen.operation:
        return seen
    backend.pass_time(HOUR)
    return observe(backend, after_step(backend, step, seen))


def made(backend: DriverBackend) -> None:
    """Create the resource and wait until it is READY."""
    assert settled(backend, Step.CREATE, create(backend)).state is State.READY
