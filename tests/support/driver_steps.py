"""What the tests of the port ``Driver`` do over and over: ask, look, and let time pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from tests.support.driver_benches import EMAIL, KEY, Bench, FakeBench, local_bench

HOUR = timedelta(hours=1)
BACKENDS = ("fake", "local")


def request(number: int) -> str:
    """A request id; another number is another request."""
    return str(UUID(int=number + 1))


@contextmanager
def opened(param: tuple[str, Kind]) -> Iterator[Bench]:
    """The bench of a case of ``on``; a scripted fault that was never hit fails its test."""
    backend, kind = param
    if backend == "fake":
        bench: Bench = FakeBench(kind)
        yield bench
    else:
        with local_bench(kind) as bench:
            yield bench
    assert all(fault.hits for fault in bench.scripted), "a scripted fault was never hit"


def on(*kinds: Kind) -> pytest.MarkDecorator:
    """Run on every backend of these kinds."""
    cases = [
        pytest.param((backend, kind), id=f"{kind}-{backend}")
        for kind in kinds
        for backend in BACKENDS
    ]
    return pytest.mark.parametrize("bench", cases, indirect=True)


def create(bench: Bench, number: int = 0, text: str = "one") -> Observation:
    """Ask the driver for what is wanted."""
    return bench.driver.create(bench.resource, bench.want(text), KEY, EMAIL, request(number))


def look(bench: Bench, resource: Resource | None = None, want: Want | None = None) -> Observation:
    """A look on behalf of its owner."""
    return bench.driver.observe(resource or bench.resource, KEY, EMAIL, want)


def remembered(bench: Bench, step: Step, seen: Observation) -> Resource:
    """The record's memory of a step that was answered with ``seen``."""
    assert seen.state is not None
    return replace(bench.resource, under_way=step, state=seen.state, operation=seen.operation)


def settled(bench: Bench, step: Step, seen: Observation) -> Observation:
    """What a look says once the operation, if there is one, has had its time."""
    if not seen.operation:
        return seen
    bench.pass_time(HOUR)
    return look(bench, remembered(bench, step, seen))


def made(bench: Bench) -> None:
    """Have it there, and ready."""
    assert settled(bench, Step.CREATE, create(bench)).state is State.READY
