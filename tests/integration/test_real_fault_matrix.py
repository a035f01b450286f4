"""Every method of Google's APIs that a life calls fails in every way, with the real drivers.

The same as ``tests/stateful/test_fault_matrix.py``, where everything but the services is a fake:
here the faults come over a socket, and the real drivers and clients have to make sense of them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.status import Phase
from tests.support.real_world import RealWorld, real_worlds
from tests.support.simulation.world import GRACE

METHODS = (
    *("compute.disks.aggregatedList", "compute.globalOperations.get", "compute.snapshots.get"),
    *("compute.snapshots.insert", "compute.snapshots.list"),
    *("dataproc.clusters.delete", "dataproc.clusters.list"),
    *("dataproc.sessions.list", "dataproc.sessions.terminate"),
    *("dataproc.sessionTemplates.create", "dataproc.sessionTemplates.delete"),
    *("dataproc.sessionTemplates.get", "dataproc.sessionTemplates.list"),
    *("notebooks.instances.checkAuthorization", "notebooks.instances.create"),
    *("notebooks.instances.delete", "notebooks.instances.get", "notebooks.instances.list"),
    *("notebooks.instances.patch", "notebooks.instances.restore", "notebooks.instances.start"),
    *("notebooks.instances.stop", "notebooks.operations.get"),
    "notebooks.operations.list",
    *("storage.objects.delete", "storage.objects.get"),
    *("storage.objects.insert", "storage.objects.list"),
)
OF_PEOPLE = ("dataproc.clusters.create", "dataproc.sessions.create")  # called only by people
OPERATIONS = (
    *("compute.snapshots.insert", "dataproc.clusters.delete", "dataproc.sessions.terminate"),
    *("notebooks.instances.create", "notebooks.instances.delete", "notebooks.instances.patch"),
    *("notebooks.instances.restore", "notebooks.instances.start", "notebooks.instances.stop"),
)
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}
FATES: dict[str, dict[str, Any]] = {
    "503 before": {"when": "before", "error": {"status": "UNAVAILABLE"}},
    "503 after": {"when": "after", "error": {"status": "UNAVAILABLE"}},
    "429": {"error": {"status": "RESOURCE_EXHAUSTED", "details": [RETRY_INFO]}},
    "409": {"error": {"status": "ABORTED"}},
    "500": {"error": {"status": "INTERNAL"}},
    "cut after": {"when": "after", "drop": True},
    "operation": {"when": "operation", "error": {"status": "INTERNAL", "message": "scripted"}},
}
LIFTING = ("notebooks.instances.patch", 2)  # the first protects it, the second lifts that
CELLS = [
    *(
        (method, 1, disposition)
        for method in METHODS
        for disposition in FATES
        if disposition != "operation"
    ),
    *((method, 1, "operation") for method in OPERATIONS),
    *((*LIFTING, disposition) for disposition in FATES),
]

_numbers = count()


@pytest.fixture(scope="module")
def new_world() -> Iterator[Callable[[], RealWorld]]:
    with real_worlds() as new_world:
        yield new_world


@pytest.fixture
def world(
    new_world: Callable[[], RealWorld], caplog: pytest.LogCaptureFixture
) -> Iterator[RealWorld]:
    """A deployment of its own, on the cloud that all tests share."""
    caplog.set_level(logging.CRITICAL, logger="shared")
    world = new_world()
    world.cloud.calls.clear()
    yield world
    world.cloud.faults.clear()


@pytest.fixture
def email() -> str:
    """A person that no other test uses."""
    return f"person-{next(_numbers)}@example.com"


def test_without_faults_these_methods_are_called_and_no_others(
    world: RealWorld, email: str
) -> None:
    live(world, email)
    assert set(world.cloud.calls.counts()) == {*METHODS, *OF_PEOPLE}
    outcomes = {call.outcome for call in world.cloud.calls.entries()}
    assert outcomes <= {"OK", "NOT_FOUND"}
    ends_well(world, email)


@pytest.mark.parametrize(
    ("method", "nth", "disposition"),
    CELLS,
    ids=[f"{method} #{nth} {disposition}" for method, nth, disposition in CELLS],
)
def test_every_failure_has_the_same_result(
    world: RealWorld, email: str, method: str, nth: int, disposition: str
) -> None:
    service, _, name = method.partition(".")
    fault = world.cloud.faults.add(
        {"service": service, "method": name, "times": 1, "skip": nth - 1, **FATES[disposition]}
    )
    live(world, email)
    assert fault.hits, "the fault never struck, and proved nothing"
    ends_well(world, email)


def live(world: RealWorld, email: str) -> None:
    """From the first day, through a return within the grace period, to one long after it."""
    world.send(Verb.JOIN, email)
    world.until(email, Phase.READY)
    world.pass_time(timedelta(hours=2))  # whether they have consented is asked after the first
    world.write(email, "a week's work")
    world.start_spark(email)

    world.send(Verb.LEAVE, email)
    world.until(email, Phase.SUSPENDED)
    world.command("hold", email)
    world.until(email, Phase.SUSPENDED, when=lambda: is_protected(world, email))
    world.command("release", email)
    world.until(email, Phase.SUSPENDED, when=lambda: not is_protected(world, email))
    world.send(Verb.JOIN, email)
    world.until(email, Phase.READY)

    world.send(Verb.LEAVE, email)
    world.until(email, Phase.SUSPENDED)
    world.pass_time(GRACE)
    world.until(email, Phase.REMOVED)
    world.send(Verb.JOIN, email)
    world.until(email, Phase.READY)


def is_protected(world: RealWorld, email: str) -> bool:
    """Whether the person's notebook is protected, as the cloud shows it."""
    [notebook] = [r for r in world.belongings(email) if r["kind"] == "notebooks.instance"]
    return bool(notebook.get("enableDeletionProtection"))


def ends_well(world: RealWorld, email: str) -> None:
    """All is there again, with its data; nothing is there twice; and it is quiet."""
    assert world.read(email) == "a week's work"
    things = world.belongings(email)
    found = Counter((r["kind"], r.get("state") or r.get("status") or "") for r in things)
    del found["dataproc.session", "TERMINATED"]  # they stay listed for a while
    del found["dataproc.session", "FAILED"]
    assert found == {
        ("compute.disk", "READY"): 2,
        ("compute.snapshot", "READY"): 1,
        ("dataproc.sessionTemplate", ""): 1,
        ("notebooks.instance", "ACTIVE"): 1,
        ("storage.object", ""): 1,
    }
    record = world.record(email)
    assert (record.status.phase, record.status.problem) == (Phase.READY, "")
    announced = {news["data"]["news"] for news in world.topics.news} - {"failed"}
    assert announced == {"ready", "suspended", "held", "released", "removed", "restored"}
    before = _calls(world)
    for _ in range(3):
        world.pass_time(timedelta(minutes=15))
    assert _calls(world) == before, "it is quiet"


def _calls(world: RealWorld) -> dict[str, int]:
    """How often each method was called, but for the question that has its own time."""
    asked = "notebooks.instances.checkAuthorization"
    return {name: n for name, n in world.cloud.calls.counts().items() if name != asked}
