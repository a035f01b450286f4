"""What docs/disaster-recovery.md promises: state that was lost, or restored to an earlier time.

The records are those of the stack's own store; that Firestore's restore does the same to them is
Google's to keep.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

import pytest
from google.cloud import pubsub_v1
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from tests.integration.client import Client

PROFILE = "data-scientist"
TOPICS = {"onboarding": "onboard", "offboarding": "offboard"}


@contextmanager
def records(client: Client) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(client.stack.log_directory.parent / "state.db")) as opened:
        yield opened


def lose_everything(client: Client) -> None:
    with records(client) as opened:
        tables = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        assert ("environments",) in tables
        for (table,) in tables:
            opened.execute(f"DELETE FROM {table}")
        opened.commit()


def settled(client: Client, email: str, phase: str) -> None:
    client.join(email, profile=PROFILE)
    client.until(email, "ready")
    client.write_work(email, f"the work of {email}")
    if phase != "ready":
        client.leave(email)
        client.until(email, phase)


@pytest.fixture(scope="module")
def lost(client: Client) -> Client:
    """Three people whose notebooks are there and whose records are not."""
    settled(client, "ana@example.com", "ready")
    settled(client, "ben@example.com", "suspended")
    settled(client, "chen@example.com", "ready")
    lose_everything(client)
    assert client.environments() == []
    return client


def test_a_repeated_join_keeps_the_notebook_and_its_data(lost: Client) -> None:
    email = "ana@example.com"
    (before,) = lost.notebooks_of(email)
    lost.join(email, profile=PROFILE)
    lost.until(email, "ready")
    (after,) = lost.notebooks_of(email)
    assert after["name"] == before["name"]
    assert lost.read_work(email) == "the work of ana@example.com"


def test_a_repeated_leave_after_a_lost_record_starts_the_grace_period_again(
    lost: Client,
) -> None:
    email = "ben@example.com"
    lost.leave(email)
    shown = lost.until(email, "suspended")
    assert [n["state"] for n in lost.notebooks_of(email)] == ["STOPPED"]
    assert lost.read_work(email) == "the work of ben@example.com"
    until = datetime.fromisoformat(shown["removal_at"]) - datetime.fromisoformat(shown["left_at"])
    assert until.days == 30, "no profile of the person is known"
    lost.tick("31d")
    lost.until(email, "removed")
    assert lost.notebooks_of(email) == []
    assert [s["status"] for s in lost.snapshots_of(email)] == ["READY"], "and a snapshot"


def test_a_leave_after_a_lost_record_finds_resources_by_their_labels(lost: Client) -> None:
    email = "chen@example.com"
    lost.leave(email, immediate=True)
    shown = lost.until(email, "removed")
    had = {thing["about"].partition("/")[0] for thing in shown["leaving"]["had"]}
    assert had == {"workbench", "session-template", "cluster-template"}
    assert lost.notebooks_of(email) == []
    assert [s["status"] for s in lost.snapshots_of(email)] == ["READY"]


def test_after_a_restore_the_events_since_are_delivered_again(client: Client) -> None:
    """As with point-in-time recovery and ``gcloud pubsub subscriptions seek --time``."""
    stays, leaves, comes = "dora@example.com", "eve@example.com", "finn@example.com"
    keep_messages(client)
    settled(client, stays, "ready")
    settled(client, leaves, "ready")
    with records(client) as opened, closing(sqlite3.connect(":memory:")) as kept:
        opened.backup(kept)
        restored_to = datetime.fromisoformat(client.now())
        client.advance("1m")
        client.leave(leaves)
        client.until(leaves, "suspended")
        client.join(comes, profile=PROFILE)
        client.until(comes, "ready")
        client.write_work(comes, "made since")
        (made,) = client.notebooks_of(comes)
        kept.backup(opened)
    assert client.environment(leaves)["phase"] == "ready"
    assert client.ask(f"/environments/{comes}").status_code == 404

    seek(client, restored_to)

    client.until(leaves, "suspended")
    assert [n["state"] for n in client.notebooks_of(leaves)] == ["STOPPED"]
    client.until(comes, "ready")
    assert [n["name"] for n in client.notebooks_of(comes)] == [made["name"]]
    assert client.read_work(comes) == "made since"
    assert client.environment(stays)["phase"] == "ready"
    assert client.dead_lettered() == 0


def keep_messages(client: Client) -> None:
    """Let the topics keep what was delivered, as those of infra/ do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", client.stack.local.grpc_address)
        with pubsub_v1.PublisherClient() as google:
            for topic in TOPICS:
                named = {"name": f"projects/demo/topics/{topic}"}
                week = {"message_retention_duration": Duration(seconds=604800)}
                mask = FieldMask(paths=["message_retention_duration"])
                google.update_topic(request={"topic": named | week, "update_mask": mask})


def seek(client: Client, moment: datetime) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", client.stack.local.grpc_address)
        with pubsub_v1.SubscriberClient() as google:
            for name in TOPICS.values():
                path = f"projects/demo/subscriptions/{name}"
                google.seek(request={"subscription": path, "time": moment})
    client.wait()
