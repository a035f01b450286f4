"""What only the Firestore store has to withstand: the wire, and the client's own repeats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from google.api_core.exceptions import AlreadyExists, DeadlineExceeded, FailedPrecondition
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from proto.marshal.rules.dates import TimestampRule

from shared.adapters.state import firestore_queries, firestore_store
from shared.adapters.state.cursors import microseconds
from shared.adapters.state.documents import SCHEMA, DocumentTooNew, DocumentUnreadable, Making
from shared.adapters.state.firestore_store import FirestoreStore
from shared.domain.commands.intent import Intent, Verb
from shared.domain.resources.kinds import State
from shared.domain.status import Health, Phase
from shared.ports import Conflict, Crowd, Facet, Filter, Stored
from tests.support.backends import FirestoreBackend
from tests.support.grouped_fields import replace
from tests.support.grpc_wire import Wire
from tests.support.stored import NOON, a_parked, an_entry, an_environment


@pytest.fixture
def wire(firestore_backend: FirestoreBackend) -> Iterator[Wire]:
    wire = Wire()
    channel = wire.put_into(firestore_backend.client, firestore_backend.host)
    yield wire
    channel.close()


def test_every_method_is_one_call_with_a_deadline_and_counting_claims_two(
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
    store.page(5, only=Filter(phase=Phase.READY, health=Health.OK, problem="X"))
    store.page(5, only=Filter(leaves_before=NOON, held=True))
    store.count(Filter(team="risk", held=True))
    store.count(Filter(leaves_before=NOON))
    store.count(Filter(leaves_before=NOON, held=True))
    store.next_value(Facet.PROFILE)
    store.next_value(Facet.PROBLEM, "X")
    store.unchanged(5)
    store.unchanged(5, verb=Verb.LEAVE)
    store.history(environment.key, 5)
    store.parked(5)
    store.shortages(NOON)
    store.report_shortage("a/b", NOON)
    store.creating()
    store.find(["ana@example.com", "ben@example.com"], "p-7")
    [ana] = store.find(["ana@example.com"])
    ben = an_environment("ben")
    store.save_merged(ana, Stored(ben, store.save(ben, None, [])), (entries, entries))
    called = [method for method, _ in wire.calls]
    writes = ["Commit"] * 4
    counted = ["RunAggregationQuery", "RunAggregationQuery", "RunQuery"]
    reads = [*["RunQuery"] * 4, *counted, *["RunQuery"] * 7]
    counts = ["RunAggregationQuery"] * 2
    found_and_merged = ["RunQuery", "RunQuery", "Commit", "Commit"]
    assert called == [
        *["Commit", "BatchGetDocuments", *writes, *reads, "Commit", *counts],
        *found_and_merged,
    ]
    assert all(timeout is not None and 6 < timeout <= 7 for _, timeout in wire.calls)


@pytest.mark.parametrize(
    "only",
    [
        Filter(held=True),
        Filter(problem="X"),
        Filter(phase=Phase.READY, health=Health.OK, held=False, team="risk", problem="X"),
        Filter(leaves_before=NOON),
        Filter(removal_before=NOON, leaves_before=NOON, team="risk", problem="X", held=True),
    ],
)
def test_no_query_of_a_filter_needs_a_composite_index(
    firestore_backend: FirestoreBackend, only: Filter
) -> None:
    """Automatic indexes serve equal values in the order of names, or one field in its own order.
    An element of a list together with another field needs a composite one.

    The emulator serves every query, so the queries themselves are looked at.
    """
    query, by = firestore_queries.matching(firestore_backend.client.collection("e"), only)
    ordered = query.order_by(by).order_by("__name__") if by else query.order_by("__name__")
    for each in (query, ordered):
        asked = each._to_protobuf()
        where = asked.where
        filters = list(where.composite_filter.filters) or [where] * bool(where.field_filter.op)
        used = {(f.field_filter.field.field_path, f.field_filter.op.name) for f in filters}
        orders = {order.field.field_path for order in asked.order_by} - {"__name__"}
        if {op for _, op in used} == {"EQUAL"}:
            assert orders == set()
        else:
            assert used == {(by, "LESS_THAN")}
            assert orders <= {by}


def test_a_create_with_a_lost_answer_is_a_conflict_and_done_once(
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


def test_an_update_with_a_lost_answer_is_a_conflict_and_done_once(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    environment = an_environment()
    version = firestore_backend.store.save(environment, None, [])
    changed = replace(environment, grace_seconds=77)
    wire.lose_answers = 1
    with pytest.raises(Conflict) as caught:
        firestore_backend.store.save(changed, version, [an_entry()])
    assert isinstance(caught.value.__cause__, FailedPrecondition)
    record = firestore_backend.raw_record(environment.key)
    assert record is not None
    assert record["terms"]["grace_seconds"] == 77
    assert firestore_backend.raw_history(environment.key) == 1


def test_an_append_with_a_lost_answer_can_be_repeated(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    wire.lose_answers = 1
    firestore_backend.store.append("ana", [an_entry()])
    assert [method for method, _ in wire.calls] == ["Commit", "Commit"]
    assert firestore_backend.raw_history("ana") == 1


def test_a_shortage_with_a_lost_answer_can_be_repeated(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    wire.lose_answers = 1
    firestore_backend.store.report_shortage("zone-a/type", NOON)
    assert [method for method, _ in wire.calls] == ["Commit", "Commit"]
    assert firestore_backend.raw_shortages() == {"zone-a/type": microseconds(NOON)}


def test_a_record_that_gets_its_turn_during_the_count_is_counted(
    firestore_backend: FirestoreBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = firestore_backend.store
    creating = an_environment()
    notebook = replace(creating.resources[0], state=State.ABSENT, step=None, queued_at=NOON)
    waiting = creating.with_resource(notebook)
    version = store.save(waiting, None, [])
    count = store._count

    def counted_and_then_changed(making: Making) -> int:
        number = count(making)
        if len(turns) == 0:
            turns.append(store.save(creating, version, []))
        return number

    turns: list[str] = []
    monkeypatch.setattr(store, "_count", counted_and_then_changed)
    assert store.creating() == Crowd(creating=1, waiting=1)
    assert len(turns) == 1


def test_a_merge_with_a_lost_answer_is_a_conflict_and_done_once(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    store = firestore_backend.store
    both = [an_environment(name) for name in ("ana", "ben")]
    ana, ben = (Stored(each, store.save(each, None, [])) for each in both)
    wire.lose_answers = 1
    with pytest.raises(Conflict) as caught:
        store.save_merged(ana, ben, ([an_entry("took over")], [an_entry("gave up")]))
    assert isinstance(caught.value.__cause__, FailedPrecondition)
    for before in (ana, ben):
        key = before.environment.key
        document = firestore_backend.get(f"environments/{key}")
        assert document is not None
        assert document["fields"]["revision"] == {"integerValue": "2"}
        assert firestore_backend.raw_history(key) == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"record.lease.colour": "green"}, DocumentUnreadable),
        ({"schema": SCHEMA + 1}, DocumentTooNew),
    ],
    ids=["unreadable", "too-new"],
)
def test_a_record_that_cannot_be_read_is_not_overlooked_by_find(
    firestore_backend: FirestoreBackend, change: dict[str, Any], error: type[Exception]
) -> None:
    for name in ("ana", "ben"):
        firestore_backend.store.save(an_environment(name), None, [])
    reference = firestore_backend.client.document(f"environments/{an_environment('ben').key}")
    reference.update(change, timeout=10)
    with pytest.raises(error):
        firestore_backend.store.find(["ana@example.com", "ben@example.com"])
    assert len(firestore_backend.store.find(["ana@example.com"])) == 1


def test_a_server_that_does_not_answer_is_not_a_conflict(
    firestore_backend: FirestoreBackend,
) -> None:
    store = FirestoreStore(firestore_backend.client, timeout=0.000001)
    with pytest.raises(DeadlineExceeded):
        store.save(an_environment(), None, [])


def test_the_document_has_the_fields_of_the_queries(firestore_backend: FirestoreBackend) -> None:
    environment = an_environment(due_at=NOON, updated_at=NOON + timedelta(seconds=1))
    leave = Intent(
        verb=Verb.LEAVE, event_id="m-9", source="test", occurred_at=NOON + timedelta(hours=1),
        person=environment.person, effective_at=NOON + timedelta(days=1),
    )  # fmt: skip
    environment = replace(
        environment, profile="lean", problem_codes=("X", "Y"), pending=(leave,),
        person=msgspec.structs.replace(environment.person, team="risk"),
    )  # fmt: skip
    firestore_backend.store.save(environment, None, [])
    document = firestore_backend.get(f"environments/{environment.key}")
    assert document is not None
    fields = document["fields"]
    del fields["record"]
    assert fields == {
        "schema": {"integerValue": "1"},
        "key": {"stringValue": environment.key},
        "addresses": {
            "arrayValue": {
                "values": [
                    {"stringValue": "ana.old@example.com"},
                    {"stringValue": "ana@example.com"},
                ]
            }
        },
        "person_id": {"stringValue": "p-ana"},
        "email": {"stringValue": "ana@example.com"},
        "phase": {"stringValue": "provisioning"},
        "health": {"stringValue": "ok"},
        "profile": {"stringValue": "lean"},
        "team": {"stringValue": "risk"},
        "cost_center": {"nullValue": None},
        "held": {"booleanValue": True},
        "running": {"booleanValue": False},
        "merged": {"booleanValue": False},
        "problem": {"stringValue": "X"},
        "problems": {
            "mapValue": {"fields": {"X": {"booleanValue": True}, "Y": {"booleanValue": True}}}
        },
        "leaves_at": {"timestampValue": "2026-11-23T12:00:00.123456Z"},
        "removal_at": {"nullValue": None},
        "making": {"stringValue": "creating"},
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
    cleared = replace(environment, lease=None, resources=(), intent=None)
    firestore_backend.store.save(cleared, version, [])
    record = firestore_backend.raw_record(environment.key)
    assert record is not None
    assert (record["lease"], record["resources"], record["events"]["in_force"]) == (None, [], None)


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
