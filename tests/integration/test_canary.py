"""The canary against the whole stack, as a person starts it after `source .local/endpoints.env`.

Time in the local cloud is moved from outside; the canary's own limits are real seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from google.cloud import pubsub_v1

from tests.integration.client import Client, eventually

ROOT = Path(__file__).parents[2]
PATIENT = ("--ready-seconds=60", "--removed-seconds=60")


class Run:
    """One canary under way, a process of its own."""

    def __init__(
        self, client: Client, email: str, *arguments: str, environ: dict[str, str]
    ) -> None:
        self._client = client
        self.email = email
        known = {k: v for k, v in os.environ.items() if not k.startswith(("GOOGLE_", "CLOUDSDK_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.canary", f"--email={email}", *arguments],
            cwd=ROOT,
            env=known | client.stack.gcloud_environment() | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ended(self, meanwhile: Callable[[], None] | None = None) -> tuple[int, str]:
        """Its exit code and what it printed; ``meanwhile`` is called again and again."""
        end = time.monotonic() + 150
        while self.process.poll() is None and time.monotonic() < end:
            if meanwhile:
                meanwhile()
            time.sleep(0.05)
        try:
            printed, _ = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"it does not end: {self.process.communicate()[0]}")
        return self.process.returncode, printed


def start(client: Client, email: str, *arguments: str, **environ: str) -> Run:
    return Run(client, email, *arguments, environ=environ)


def subscriptions(client: Client) -> list[str]:
    found = client.resources("pubsub.subscription")
    return [s["name"] for s in found if "/canary-" in s["name"]]


@contextmanager
def unreachable(client: Client, function: str) -> Iterator[None]:
    """Nothing answers where the function's messages are pushed to."""
    endpoint = client.subscription(function)["pushConfig"]["pushEndpoint"]
    path = f"projects/demo/subscriptions/{function}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", client.stack.local.grpc_address)
        google = pubsub_v1.SubscriberClient()
    with google:
        google.modify_push_config(
            subscription=path, push_config={"push_endpoint": "http://127.0.0.1:9"}
        )
        yield
        google.modify_push_config(subscription=path, push_config={"push_endpoint": endpoint})


def test_a_sound_deployment_passes_and_nothing_is_left(client: Client) -> None:
    run = start(client, "canary@example.com", *PATIENT, "--list")
    code, printed = run.ended(client.tick)
    assert code == 0, printed
    assert client.environment(run.email)["phase"] == "removed"
    assert client.notebooks_of(run.email) == []
    assert subscriptions(client) == []
    assert "workbench/main ready" in printed
    assert "fleet: all is absent; kept: snapshot" in printed
    assert "listing: no notebook" in printed
    # And once more: the person has a history now, and a snapshot whose data comes back.
    code, printed = start(client, run.email, *PATIENT).ended(client.tick)
    assert code == 0, printed
    assert "left over" not in printed


def test_a_run_needs_no_fleet(client: Client) -> None:
    arguments = (*PATIENT, "--settle-seconds=0.5")
    run = start(client, "nofleet@example.com", *arguments, FLEET_URL="")
    code, printed = run.ended(client.tick)
    assert code == 0, printed
    assert client.environment(run.email)["phase"] == "removed"


def test_the_canary_of_a_run_that_crashed_leaves_first(client: Client) -> None:
    email = "leftover@example.com"
    client.join(email)
    client.until(email, "ready")
    code, printed = start(client, email, *PATIENT).ended(client.tick)
    assert code == 0, printed
    assert "left over from an earlier run: leftover@example.com is ready" in printed
    assert client.actions_of(email).count("resource.deleting") == 2, (
        "the old notebook and the new one"
    )


def test_a_rejected_join_is_reported_at_once_with_its_reason(client: Client) -> None:
    code, printed = start(client, "canary@example.org", *PATIENT).ended()
    assert code == 1
    assert "was refused and parked: email: 'canary@example.org' is not in an allowed" in printed
    parked = [one["sample"] for one in client.ask("/parked").json()["parked"]]
    assert len([sample for sample in parked if "canary@example.org" in sample]) == 1, "no leave"
    assert subscriptions(client) == []


def test_functions_that_refuse_are_named(client: Client) -> None:
    with unreachable(client, "onboard"):
        run = start(client, "refused@example.com", "--ready-seconds=3", "--removed-seconds=3")
        code, printed = run.ended()
    assert code == 1
    assert "waited for 'ready' of event canary-join-" in printed
    assert "fleet: no record of the canary" in printed
    assert "look at: function onboard: its log" in printed


def test_a_missing_tick_is_named(client: Client) -> None:
    run = start(client, "tickless@example.com", "--ready-seconds=3", "--removed-seconds=3")
    code, printed = run.ended()
    assert code == 1
    assert "phase provisioning" in printed
    assert "look at: the minute tick" in printed
    assert "clean-up: leave canary-cleanup-" in printed
    assert client.environment(run.email)["desired"] == "absent", "it was cleaned up all the same"


def test_a_notebook_that_may_not_be_created_is_reported_with_the_reason(client: Client) -> None:
    denied = {"status": "PERMISSION_DENIED", "message": "no such right"}
    fault = {"service": "notebooks", "method": "instances.create", "match": "/nb-denied-"}
    with client.fault(**fault, error=denied):
        run = start(client, "denied@example.com", *PATIENT)
        code, printed = run.ended(client.tick)
    assert code == 1
    assert "announced last: quarantined:" in printed
    assert "no such right" in printed
    assert "clean-up: removed" in printed
    assert client.environment(run.email)["phase"] == "removed"


def test_a_leave_that_gets_stuck_fails_the_run(client: Client) -> None:
    denied = {"status": "PERMISSION_DENIED", "message": "not yours to delete"}
    fault = {"service": "notebooks", "method": "instances.delete", "match": "/nb-stuck-"}
    with client.fault(**fault, error=denied):
        code, printed = start(client, "stuck@example.com", *PATIENT).ended(client.tick)
    assert code == 1
    assert "waited for 'removed' of event canary-leave-" in printed
    assert "not yours to delete" in printed


def test_a_fleet_that_does_not_answer_fails_the_run(client: Client) -> None:
    deaf = {"FLEET_URL": "http://127.0.0.1:9"}
    code, printed = start(client, "mute@example.com", "--fleet-seconds=0", **deaf).ended()
    assert code == 1
    assert "fleet does not answer as it should" in printed
    assert "look at: function fleet" in printed


def test_a_run_that_is_cancelled_lets_the_canary_leave(client: Client) -> None:
    run = start(client, "cancelled@example.com", *PATIENT)
    eventually(lambda: client.ask(f"/environments/{run.email}").ok, "the record")
    run.process.terminate()
    code, printed = run.ended()
    assert code == 143, printed
    eventually(lambda: client.environment(run.email)["desired"] == "absent", "the leave")
    assert subscriptions(client) == []


def test_a_project_must_be_named(client: Client) -> None:
    code, printed = start(client, "canary@example.com", "--project=").ended()
    assert (code, "PROJECT is not set" in printed) == (1, True)


def test_a_deployment_without_topics_fails_the_run(client: Client) -> None:
    code, printed = start(client, "canary@example.com", "--announcements-topic=nothing").ended()
    assert code == 1
    assert "FAILED: NotFound" in printed
    assert "look at: PROJECT, which is 'demo': is Benchkeeper deployed there?" in printed
