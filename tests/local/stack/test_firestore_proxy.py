"""The Firestore proxy's permission checks, with Google's client and emulator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from google.api_core.exceptions import AlreadyExists, PermissionDenied
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.bulk_batch import BulkWriteBatch

from local.cloud import Cloud
from local.iam.permissions import Permitted
from local.stack.firestore_proxy import FirestoreProxy

ACCOUNTS = {
    "reader": ("get", "list"),
    "getter": ("get",),
    "creator": ("create",),
    "updater": ("update",),
    "writer": ("create", "update"),
}


class Bench:
    """A client for each account, and the cloud with its log."""

    def __init__(self, cloud: Cloud, clients: dict[str, Any]) -> None:
        self.cloud = cloud
        self.clients = clients

    def of(self, account: str) -> Any:
        return self.clients[account].collection("things")


@pytest.fixture(scope="module")
def bench(firestore_emulator: str) -> Iterator[Bench]:
    cloud = Cloud()
    proxy = FirestoreProxy(firestore_emulator, cloud, ACCOUNTS)
    for account, verbs in ACCOUNTS.items():
        granted = {Permitted(f"datastore.entities.{verb}", "database") for verb in verbs}
        cloud.accounts.grant(account, granted, {})
    proxy.start()
    clients = {}
    for account in ACCOUNTS:
        with mock.patch.dict(os.environ, FIRESTORE_EMULATOR_HOST=proxy.addresses[account]):
            credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
            clients[account] = firestore.Client("proxy-demo", credentials)
    yield Bench(cloud, clients)
    for client in clients.values():
        client.close()
    proxy.stop()


def test_granted_calls_reach_the_emulator_and_return_its_errors(bench: Bench) -> None:
    bench.of("creator").document("a").create({"n": 1})
    assert bench.of("reader").document("a").get().to_dict() == {"n": 1}
    assert [found.id for found in bench.of("reader").limit(1).get()] == ["a"]
    assert bench.of("reader").count().get()[0][0].value == 1
    bench.of("updater").document("a").update({"n": 2})
    bench.of("writer").document("a").set({"n": 3})
    with pytest.raises(AlreadyExists):
        bench.of("creator").document("a").create({"n": 4})
    assert bench.cloud.calls.entries("firestore")[-1].outcome == "ALREADY_EXISTS"
    assert {call.caller for call in bench.cloud.calls.entries("firestore")} >= {"creator", "reader"}


def bulk(things: Any) -> None:
    """Write with BatchWrite, as the client does for many independent writes."""
    batch = BulkWriteBatch(things._client)
    batch.create(things.document("x"), {})
    batch.commit()


@pytest.mark.parametrize(
    ("account", "act", "lacks"),
    [
        ("creator", lambda things: things.document("x").get(), "get"),
        ("getter", lambda things: things.limit(1).get(), "list"),
        ("getter", lambda things: things.count().get(), "list"),
        ("updater", lambda things: things.document("x").create({}), "create"),
        ("creator", lambda things: things.document("x").update({"n": 1}), "update"),
        ("creator", lambda things: things.document("x").set({}), "update"),
        ("updater", lambda things: things.document("x").set({}), "create"),
        ("writer", lambda things: things.document("x").delete(), "delete"),
        ("reader", bulk, "create"),
    ],
)
def test_other_calls_are_refused_like_firestore_does(
    bench: Bench, account: str, act: Callable[[Any], Any], lacks: str
) -> None:
    with pytest.raises(PermissionDenied, match=r"Missing or insufficient permissions\."):
        act(bench.of(account))
    call = bench.cloud.calls.entries("firestore")[-1]
    assert (call.caller, call.lacks) == (account, f"datastore.entities.{lacks}")


def test_a_transaction_needs_a_permission_on_the_database(bench: Bench) -> None:
    with pytest.raises(PermissionDenied):
        bench.clients["reader"].transaction()._begin()
    call = bench.cloud.calls.entries("firestore")[-1]
    assert (call.method, call.lacks) == ("BeginTransaction", "datastore.databases.get")
