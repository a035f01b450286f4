"""Invariant 1 under contention: several processes, one person's events many times at once."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from demo.stage import Json
from local.stack.stack import Stack
from tests.integration.client import Client, eventually
from tests.integration.conftest import StartStack

COPIES = 20


class Crowd(Stack):
    """A stack whose functions run in two processes each."""

    def environment(self, function: str) -> dict[str, str]:
        return super().environment(function) | {"WORKERS": "2"}


@pytest.fixture(scope="module")
def client(start_stack: StartStack) -> Client:
    return start_stack(kind=Crowd)


def ago(client: Client, minutes: int) -> str:
    """A moment so many minutes before the cloud's now."""
    return (datetime.fromisoformat(client.now()) - timedelta(minutes=minutes)).isoformat()


def at_once(client: Client, *batches: tuple[str, list[Json]]) -> None:
    """Publish every batch from a thread of its own, let them all go at the same time, wait."""
    gate = threading.Barrier(len(batches))
    clients = [Client(client.stack) for _ in batches]

    def publish(own: Client, topic: str, bodies: list[Json]) -> None:
        gate.wait()
        own.send(topic, *bodies)
        own.close()

    threads = [
        threading.Thread(target=publish, args=(own, *batch))
        for own, batch in zip(clients, batches, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.wait()


def event_outcomes(client: Client, email: str) -> list[str]:
    """What became of each delivery, as the history says."""
    return [action for action in client.actions_of(email) if action.startswith("intent.")]


def test_each_function_really_runs_in_several_processes(client: Client) -> None:
    for function in ("onboard", "offboard", "converge"):
        eventually(lambda: len(client.workers(function)) == 2, f"two processes of {function}")  # noqa: B023 - called here and now


def test_twenty_deliveries_of_one_join_make_one_notebook(client: Client) -> None:
    email = "ana@example.com"
    join = {"email": email, "event_id": "join-1", "occurred_at": ago(client, 1)}
    at_once(client, ("onboarding", [join] * COPIES))

    outcomes = event_outcomes(client, email)
    assert outcomes.count("intent.applied") == 1
    assert outcomes.count("intent.duplicate") == COPIES - 1, "every delivery is accounted for"
    client.until(email, "ready")
    assert len(client.notebooks_of(email)) == 1
    key = client.environment(email)["key"]
    assert len(client.calls_of("notebooks", "instances.create", target=key)) == 1
    assert client.dead_lettered() == 0


@pytest.mark.parametrize("settled_before", [False, True], ids=["new", "ready-before"])
@pytest.mark.parametrize("newest", ["join", "leave"])
def test_concurrent_joins_and_leaves_end_as_the_newest_says(
    client: Client, newest: str, settled_before: bool
) -> None:
    """Invariant 6: ``occurred_at`` decides, in any order of arrival."""
    email = f"crossing-{newest}-{settled_before}@example.com".lower()
    if settled_before:
        client.join(email, event_id="first", occurred_at=ago(client, 60))
        client.until(email, "ready")
    older, newer = ago(client, 2), ago(client, 1)
    join = {"email": email, "event_id": "j", "occurred_at": newer if newest == "join" else older}
    leave = {"email": email, "event_id": "l", "occurred_at": older if newest == "join" else newer}
    at_once(client, ("onboarding", [join] * COPIES), ("offboarding", [leave] * 5))

    outcomes = event_outcomes(client, email)
    assert len(outcomes) == COPIES + 5 + settled_before, "every delivery is accounted for"
    for _ in range(8):
        client.tick()
        assert len(client.notebooks_of(email)) <= 1
    shown = client.environment(email)
    assert shown["event"]["event_id"] == newest[0]
    states = [notebook["state"] for notebook in client.notebooks_of(email)]
    if newest == "join":
        assert (shown["phase"], states) == ("ready", ["ACTIVE"])
    else:
        # The leave may have been first, and then the join was too late to make anything.
        expected = [("suspended", ["STOPPED"])] + [("removed", [])] * (not settled_before)
        assert (shown["phase"], states) in expected


def test_many_ticks_at_once_do_the_work_once(client: Client) -> None:
    people = [f"many-{number}@example.com" for number in range(5)]
    client.send("onboarding", *({"email": email} for email in people))
    client.wait()
    client.advance("100s")
    at_once(client, *[("reconcile", [{"scope": "due"}] * 3)] * 4)
    assert {client.environment(email)["phase"] for email in people} == {"ready"}
    assert all(len(client.notebooks_of(email)) == 1 for email in people)
    failed = {name: client.failed(name) for name in ("reconcile", "converge")}
    assert failed == {"reconcile": 0, "converge": 0}
