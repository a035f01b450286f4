"""What only the Firestore store has to withstand: the wire, and the client's own repeats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from google.api_core.exceptions import AlreadyExists, DeadlineExceeded, FailedPrecondition
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from proto.marshal.rules.dates import TimestampRule

from shared.adapters import firestore_store
from shared.adapters.documents import DocumentUnreadable
from shared.adapters.firestore_store import FirestoreStore
from shared.domain.environment import Phase
from shared.ports import Conflict
from tests.support.backends import FirestoreBackend
from tests.support.grpc_wire import Wire
from tests.support.stored import NOON, a_parked, an_entry, an_environment


@pytest.fixture
def wire(firestore_backend: FirestoreBackend) -> Iterator[Wire]:
    wire = Wire()
    channel = wire.put_into(firestore_backend.client, firestore_backend.host)
    yield wire
    channel.close()


def test_every_method_is_one_call_with_a_deadline(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    store = FirestoreStore(firestore_backend.client, timeout=7.0)
    environment = an_environment()
    entries = [an_entry(f"{n}") for n in range(5)]
    version = store.save(environment, None, entries)
    store.load(environment.key)
    store.save(environment, version, entries)
    store.append(environment.key, entries)
    store.park(a_parked())
    store.park(a_parked())
    store.due(NOON, 5)
    store.page(5)
    store.page(5, phase=Phase.READY)
    store.history(environment.key, 5)
    store.parked(5)
    called = [method for method, _ in wire.calls]
    writes = ["Commit"] * 4
    assert called == ["Commit", "BatchGetDocuments", *writes, *["RunQuery"] * 5]
    assert all(timeout is not None and 6 < timeout <= 7 for _, timeout in wire.calls)


def test_a_create_whose_answer_was_lost_is_a_conflict_and_done_once(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    environment = an_environment()
    wire.lose_answers = 1
    with pytest.raises(Conflict) as caught:
        firestore_backend.store.save(environment, None, [an_entry()])
    assert isinstance(caught.value.__cause__, AlreadyExists)
    stored = firestore_backend.store.load(environment.key)
    assert stored is not None
    assert stored.environment == environment
    assert firestore_backend.raw_history(environment.key) == 1


def test_an_update_whose_answer_was_lost_is_a_conflict_and_done_once(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    environment = an_environment()
    version = firestore_backend.store.save(environment, None, [])
    changed = msgspec.structs.replace(environment, grace_seconds=77)
    wire.lose_answers = 1
    with pytest.raises(Conflict) as caught:
        firestore_backend.store.save(changed, version, [an_entry()])
    assert isinstance(caught.value.__cause__, FailedPrecondition)
    record = firestore_backend.raw_record(environment.key)
    assert record is not None
    assert record["grace_seconds"] == 77
    assert firestore_backend.raw_history(environment.key) == 1


def test_an_append_whose_answer_was_lost_is_repeated_without_harm(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    wire.lose_answers = 1
    firestore_backend.store.append("ana", [an_entry()])
    assert [method for method, _ in wire.calls] == ["Commit", "Commit"]
    assert firestore_backend.raw_history("ana") == 1


def test_a_server_that_does_not_answer_is_no_conflict(
    firestore_backend: FirestoreBackend,
) -> None:
    store = FirestoreStore(firestore_backend.client, timeout=0.000001)
    with pytest.raises(DeadlineExceeded):
        store.save(an_environment(), None, [])


def test_the_document_is_laid_out_to_be_found(firestore_backend: FirestoreBackend) -> None:
    environment = an_environment(due_at=NOON, updated_at=NOON + timedelta(seconds=1))
    firestore_backend.store.save(environment, None, [])
    document = firestore_backend.get(f"environments/{environment.key}")
    assert document is not None
    fields = document["fields"]
    del fields["record"]
    assert fields == {
        "schema": {"integerValue": "1"},
        "key": {"stringValue": environment.key},
        "email": {"stringValue": "ana@example.com"},
        "phase": {"stringValue": "provisioning"},
        "due_at": {"timestampValue": "2026-11-22T12:00:00.123456Z"},
        "updated_at": {"timestampValue": "2026-11-22T12:00:01.123456Z"},
        "revision": {"integerValue": "1"},
    }


def test_a_field_of_somebody_else_beside_the_record_is_left_alone(
    firestore_backend: FirestoreBackend,
) -> None:
    environment = an_environment()
    firestore_backend.store.save(environment, None, [])
    reference = firestore_backend.client.document(f"environments/{environment.key}")
    reference.update({"note": "ask Ben first"}, timeout=10)
    stored = firestore_backend.store.load(environment.key)
    assert stored is not None
    firestore_backend.store.save(environment, stored.version, [])
    document = firestore_backend.get(f"environments/{environment.key}")
    assert document is not None
    assert document["fields"]["note"] == {"stringValue": "ask Ben first"}


def test_a_field_removed_from_a_saved_value_is_removed_in_the_store(
    firestore_backend: FirestoreBackend,
) -> None:
    environment = an_environment()
    version = firestore_backend.store.save(environment, None, [])
    cleared = msgspec.structs.replace(environment, lease=None, resources=(), intent=None)
    firestore_backend.store.save(cleared, version, [])
    record = firestore_backend.raw_record(environment.key)
    assert record is not None
    assert (record["lease"], record["resources"], record["intent"]) == (None, [], None)


def test_a_field_unknown_within_the_record_is_refused(firestore_backend: FirestoreBackend) -> None:
    environment = an_environment()
    firestore_backend.store.save(environment, None, [])
    reference = firestore_backend.client.document(f"environments/{environment.key}")
    reference.update({"record.lease.colour": "green"}, timeout=10)
    with pytest.raises(DocumentUnreadable, match=r"record\.lease\.colour is unknown"):
        firestore_backend.store.load(environment.key)


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999_999))
def test_a_version_keeps_every_nanosecond(seconds: int, nanos: int) -> None:
    update_time = TimestampRule().to_python(Timestamp(seconds=seconds, nanos=nanos))
    version = firestore_store._version(update_time)
    stamp = firestore_store._timestamp(version)
    assert (stamp.seconds, stamp.nanos) == (seconds, nanos)
