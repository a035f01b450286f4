"""What the tests of the port ``Driver`` do over and over: ask, look, and let time pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from tests.support.driver_backends import EMAIL, KEY, DriverBackend, FakeBackend, local_backend

HOUR = timedelta(hours=1)
BACKENDS = ("fake", "local")


def request(number: int) -> str:
    """A request id; another number is another request."""
    return str(UUID(int=number + 1))


@contextmanager
def opened(param: tuple[str, Kind]) -> Iterator[DriverBackend]:
    """The backend of a case of ``on``; a scripted fault that was never hit fails its test."""
    backend, kind = param
    if backend == "fake":
        backend: DriverBackend = FakeBackend(kind)
        yield backend
    else:
        with local_backend(kind) as backend:
            yield backend
    assert all(fault.hits for fault in backend.scripted), "a scripted fault was never hit"


def on(*kinds: Kind) -> pytest.MarkDecorator:
    """Run on every backend of these kinds."""
    cases = [
        pytest.param((backend, kind), id=f"{kind}-{backend}")
        for kind in kinds
        for backend in BACKENDS
    ]
    return pytest.mark.parametrize("backend", cases, indirect=True)


def create(backend: DriverBackend, number: int = 0, text: str = "one") -> Observation:
    """Ask the driver for what is wanted."""
    return backend.driver.create(backend.resource, backend.want(text), KEY, EMAIL, request(number))


def look(
    backend: DriverBackend, resource: Resource | None = None, want: Want | None = None
) -> Observation:
    """A look on behalf of its owner."""
    return backend.driver.observe(resource or backend.resource, KEY, EMAIL, want)


def remembered(backend: DriverBackend, step: Step, seen: Observation) -> Resource:
    """The record's memory of a step that was answered with ``seen``."""
    assert seen.state is not None
    return replace(backend.resource, in_flight=InFlight(step=step, operation=seen.operation), state=seen.state)


def settled(backend: DriverBackend, step: Step, seen: Observation) -> Observation:
    """What a look says once the operation, if there is one, has had its time."""
    if not seen.operation:
        return seen
    backend.pass_time(HOUR)
    return look(backend, remembered(backend, step, seen))


def made(backend: DriverBackend) -> None:
    """Have it there, and ready."""
    assert settled(backend, Step.CREATE, create(backend)).state is State.READY
