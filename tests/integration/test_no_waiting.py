"""Invariant 9: no entry point waits for a long-running operation.

Operations take the better part of an hour on the cloud's clock here (beyond 40 minutes they would
count as stuck). Every delivery is answered at once all the same, and an operation is asked about
once a tick.
"""

from __future__ import annotations

import time

import pytest

from tests.integration.client import Client
from tests.integration.conftest import StartStack

OPERATION_SECONDS = 35 * 60
WAIT = "7m"  # the fifth of them ends an operation
# Far above what a delivery needs on a busy machine, far below an operation or the ack deadline.
PROMPT_SECONDS = 20.0
PEOPLE = ["ana@example.com", "ben@example.com", "chen@example.com"]


@pytest.fixture(scope="module")
def client(start_stack: StartStack) -> Client:
    client = start_stack()
    client.set(operation_seconds=OPERATION_SECONDS)
    return client


def asked(client: Client) -> int:
    """How often an operation has been asked about."""
    return len(client.calls_of("notebooks", "operations.get"))


def assert_ticks_without_end(client: Client, phase: str, then: str) -> None:
    """While ``phase`` lasts each tick asks once a person; at its end comes ``then``."""
    for _ in range(4):
        before = asked(client)
        began = time.monotonic()
        client.tick(WAIT)
        assert time.monotonic() - began < PROMPT_SECONDS
        assert asked(client) - before == len(PEOPLE), (
            "one observation of each operation, no polling"
        )
        assert {client.environment(email)["phase"] for email in PEOPLE} == {phase}
    client.tick(WAIT)
    client.tick()
    assert {client.environment(email)["phase"] for email in PEOPLE} == {then}


def assert_begun_at_once(client: Client, topic: str) -> None:
    """The event's own delivery starts the operation and asks nothing about it."""
    before = asked(client)
    began = time.monotonic()
    client.send(topic, *({"email": email} for email in PEOPLE))
    client.wait()
    assert time.monotonic() - began < PROMPT_SECONDS
    assert asked(client) == before


def test_long_operations_delay_no_delivery(client: Client) -> None:
    assert_begun_at_once(client, "onboarding")
    assert_ticks_without_end(client, "provisioning", "ready")
    assert_begun_at_once(client, "offboarding")
    assert_ticks_without_end(client, "suspending", "suspended")
    assert_begun_at_once(client, "onboarding")
    assert_ticks_without_end(client, "provisioning", "ready")
    assert_begun_at_once(client, "offboarding")
    assert_ticks_without_end(client, "suspending", "suspended")
    client.tick("15d")
    for _ in range(5):
        assert client.calls_of("notebooks", "instances.delete") == [], "the snapshot comes first"
        client.tick(WAIT)
    client.tick()
    assert_ticks_without_end(client, "removing", "removed")

    failed = {name: client.failed(name) for name in ("onboard", "offboard", "converge")}
    assert failed == {"onboard": 0, "offboard": 0, "converge": 0}
    created = client.calls_of("notebooks", "instances.create")
    assert len(created) == len(PEOPLE), "patience, not another attempt"


def test_an_event_during_an_operation_does_not_wait_for_it(client: Client) -> None:
    client.join("dora@example.com")
    began = time.monotonic()
    client.leave("dora@example.com")
    assert time.monotonic() - began < PROMPT_SECONDS
    assert client.environment("dora@example.com")["phase"] == "suspending"
    for _ in range(14):
        client.tick(WAIT)
    shown = client.environment("dora@example.com")
    assert shown["phase"] == "suspended", "once it had come to be, it was stopped"
    assert client.failed("offboard") == 0


def test_ready_environments_cost_a_tick_nothing(client: Client) -> None:
    before = client.calls()
    client.tick()
    after = client.calls()
    of_notebooks = {name: n for name, n in after.items() if name.startswith("notebooks.")}
    assert of_notebooks == {n: c for n, c in before.items() if n.startswith("notebooks.")}
