"""When state can't be written the function fails, and Pub/Sub delivers again until it can be.

The state is on a volume that does not exist yet, and then in a file that another process locks
locked for longer than the store waits.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.stack.stack import Stack
from tests.integration.client import Client, eventually
from tests.integration.conftest import StartStack


class VolumeMissing(Stack):
    """A stack whose state directory is removed before the first event."""

    @property
    def volume(self) -> Path:
        return self.log_directory.parent / "volume"

    def environment(self, function: str) -> dict[str, str]:
        return super().environment(function) | {"STATE": f"sqlite:{self.volume / 'state.db'}"}

    def start(self) -> None:
        self.volume.mkdir()  # without it no function starts
        super().start()
        self.volume.rmdir()


@pytest.fixture(scope="module")
def volume_missing(start_stack: StartStack) -> Client:
    return start_stack(kind=VolumeMissing)


@pytest.fixture
def volume(volume_missing: Client) -> Path:
    stack = volume_missing.stack
    assert isinstance(stack, VolumeMissing)
    return stack.volume


def test_events_wait_for_the_state_to_come_back(volume_missing: Client, volume: Path) -> None:
    """Invariant 5: a message is acknowledged only once what became of it is stored."""
    client = volume_missing
    assert not volume.exists()
    client.send("onboarding", {"email": "ana@example.com"})
    (bad,) = client.send("offboarding", b"not json")
    eventually(lambda: client.failed("onboard") >= 2, "two failed deliveries of the join")
    eventually(lambda: client.failed("offboard") >= 2, "two failed deliveries of the bad event")
    assert client.stack.local.pubsub.undelivered() == 2
    assert client.resources("notebooks.instance") == [], "nothing is done that isn't recorded"
    errors = client.log("onboard", severity="ERROR")
    assert errors, "the failure is in the log"

    volume.mkdir()
    client.wait()

    assert client.actions_of("ana@example.com").count("intent.applied") == 1
    assert len(client.notebooks_of("ana@example.com")) == 1
    assert [p["id"].endswith(bad) for p in client.parked()] == [True]
    assert len(client.log("offboard", message_id=bad, action="event.parked")) == 1
    assert client.dead_lettered() == 0
    client.until("ana@example.com", "ready")


def test_a_locked_file_fails_the_delivery_and_the_next_one_applies_it(
    volume_missing: Client, volume: Path
) -> None:
    client = volume_missing
    volume.mkdir(exist_ok=True)
    client.join("ben@example.com")  # so that there is a file to lock
    failed = client.failed("onboard")
    with closing(sqlite3.connect(volume / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        client.send("onboarding", {"email": "chen@example.com"})
        eventually(lambda: client.failed("onboard") > failed, "a failed delivery")
        assert client.notebooks_of("chen@example.com") == []
        other.execute("ROLLBACK")
    client.wait()
    assert client.actions_of("chen@example.com").count("intent.applied") == 1
    assert len(client.notebooks_of("chen@example.com")) == 1


def test_a_lost_acknowledgement_is_answered_by_a_duplicate(client: Client) -> None:
    with client.fault(service="pubsub", method="push", match="/onboard ", when="after", drop=True,
                      times=1):  # fmt: skip
        client.join("dora@example.com", event_id="join-1")
    outcomes = [
        action for action in client.actions_of("dora@example.com") if action.startswith("intent.")
    ]
    assert outcomes == ["intent.applied", "intent.duplicate"]
    assert len(client.notebooks_of("dora@example.com")) == 1
