"""Faults of the cloud and crashes: the message is acknowledged, the record recovers.

Invariants 1 and 2: one resource per person, kind and slot; and once the faults stop and time
passes, everybody is where they should be. Each scripted fault must have been hit.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.integration.client import Client, eventually

UNAVAILABLE = {"status": "UNAVAILABLE", "message": "try again later"}
TOO_MANY = {"status": "RESOURCE_EXHAUSTED", "message": "slow down", "http": 429}
STOCK_OUT = {
    "status": "RESOURCE_EXHAUSTED",
    "message": "ZONE_RESOURCE_POOL_EXHAUSTED: no such machine in this zone",
}
FAULTS: dict[str, dict[str, Any]] = {
    "unavailable": {"error": UNAVAILABLE},
    "unavailable-but-applied": {"error": UNAVAILABLE, "when": "after"},
    "dropped": {"drop": True},
    "dropped-but-applied": {"drop": True, "when": "after"},
    "too-many": {"error": TOO_MANY},
    "internal": {"error": {"status": "INTERNAL", "message": "oops"}},
    "slow": {"delay_seconds": 1},
    "again-and-again": {"error": UNAVAILABLE, "times": 3},
    "stock-out": {"error": STOCK_OUT},
    "ends-in-stock-out": {"error": STOCK_OUT, "when": "operation"},
}
STEPS = {
    "start": "instances.start",
    "stop": "instances.stop",
    "delete": "instances.delete",
}


def settled(client: Client, email: str, phase: str) -> None:
    """In ``phase`` before long, with nothing left to complain of, and then quiet."""
    shown = client.until(email, phase, max_ticks=25)
    assert shown["problem"] == ""
    quiet = client.calls_of("notebooks", "instances.get", target=shown["key"])
    client.tick()
    assert client.calls_of("notebooks", "instances.get", target=shown["key"]) == quiet


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_create_is_kept_in_the_record_and_retried(client: Client, fault: str) -> None:
    email = f"create-{fault}@example.com"
    failed = client.failed("onboard")
    spec = {"service": "notebooks", "method": "instances.create", "times": 1} | FAULTS[fault]
    with client.fault(**spec):
        client.join(email)
        assert client.failed("onboard") == failed, "the event is stored, so it is acknowledged"
        settled(client, email, "ready")
    assert len(client.notebooks_of(email)) == 1
    assert client.actions_of(email).count("intent.applied") == 1


@pytest.mark.parametrize("fault", ["unavailable", "dropped-but-applied"])
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_of_any_other_step_is_kept_and_retried_too(
    client: Client, step: str, fault: str
) -> None:
    email = f"{step}-{fault}@example.com"
    client.join(email)
    client.until(email, "ready")
    spec = {"service": "notebooks", "method": STEPS[step], "times": 1} | FAULTS[fault]
    failed = client.failed("offboard")
    with client.fault(**spec):
        client.leave(email, immediate=step == "delete")
        if step == "start":
            client.until(email, "suspended")
            client.join(email)
        settled(client, email, {"start": "ready", "stop": "suspended", "delete": "removed"}[step])
    states = [notebook["state"] for notebook in client.notebooks_of(email)]
    assert states == {"start": ["ACTIVE"], "stop": ["STOPPED"], "delete": []}[step]
    assert client.failed("offboard") == failed


@pytest.mark.parametrize("fault", ["unavailable", "unavailable-but-applied", "dropped-but-applied"])
@pytest.mark.parametrize(
    ("service", "method"), [("dataproc", "sessionTemplates.create"), ("storage", "objects.insert")]
)
def test_a_template_is_created_despite_a_fault(
    client: Client, service: str, method: str, fault: str
) -> None:
    email = f"{service}-{fault}@example.com"
    with client.fault(**{"service": service, "method": method, "times": 1} | FAULTS[fault]):
        client.join(email, profile="data-scientist")
        settled(client, email, "ready")
    key = client.environment(email)["key"]
    kinds = ("dataproc.sessionTemplate", "storage.object", "notebooks.instance")
    found = {k: [r for r in client.resources(k) if key in r["name"]] for k in kinds}
    assert {kind: len(resources) for kind, resources in found.items()} == dict.fromkeys(kinds, 1)


def test_stock_outs_in_all_zones_are_reported_and_retried(client: Client) -> None:
    email = "everywhere@example.com"
    spec = {"service": "notebooks", "method": "instances.create", "when": "operation"}
    with client.fault(**spec, error=STOCK_OUT, times=3):  # once for each zone of the profile
        client.join(email, profile="data-scientist")
        shown = client.until(email, "provisioning", health="waiting")
        assert "add zones" in shown["problem"].lower()
        client.tick("31m")  # a zone that ran dry is passed over for half an hour
        settled(client, email, "ready")
    assert "step.failed" in client.actions_of(email)
    assert len(client.notebooks_of(email)) == 1


@pytest.mark.parametrize("arrives", [True, False], ids=["call-arrives", "call-is-lost"])
@pytest.mark.parametrize("function", ["onboard", "converge"])
def test_a_process_killed_in_the_middle_of_a_create_leaves_one_notebook(
    client: Client, function: str, arrives: bool
) -> None:
    email = f"killed-{function}-{arrives}@example.com".lower()
    spec: dict[str, Any] = {"service": "notebooks", "method": "instances.create"}
    if function == "converge":  # a create that the tick takes: the event's own failed
        with client.fault(**spec, times=1, error=UNAVAILABLE):
            client.join(email)
    with client.fault(**spec, times=1, delay_seconds=1, drop=not arrives) as fault:
        if function == "converge":
            client.advance("5m")
            client.send("reconcile", {"scope": "due"})
        else:
            client.send("onboarding", {"email": email})
        eventually(lambda: client.hits(fault), "the call under way")
        before = client.workers(function)
        assert before
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        client.wait()
    assert set(client.workers(function)).isdisjoint(before), "a new process has taken over"
    settled(client, email, "ready")
    assert len(client.notebooks_of(email)) == 1
    assert client.actions_of(email).count("intent.applied") == 1
    assert client.dead_lettered() == 0
