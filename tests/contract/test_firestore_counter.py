"""The counter beside the records in Firestore: when it is written, and what makes it wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from google.api_core.exceptions import RetryError

from shared.adapters.cursors import microseconds
from shared.adapters.firestore_store import FirestoreStore
from shared.ports import Conflict, Crowd
from tests.support.backends import FirestoreBackend, together
from tests.support.grpc_wire import Wire
from tests.support.stored import NOON, an_entry, being_made, settled, waiting

COUNTER = "crowd/creations"


@pytest.fixture
def wire(firestore_backend: FirestoreBackend) -> Iterator[Wire]:
    wire = Wire()
    channel = wire.put_into(firestore_backend.client, firestore_backend.host)
    yield wire
    channel.close()


def counter(backend: FirestoreBackend) -> dict[str, int] | None:
    document = backend.get(COUNTER)
    if document is None:
        return None
    return {name: int(value["integerValue"]) for name, value in document["fields"].items()}


def test_who_only_queues_or_is_done_writes_no_counter(firestore_backend: FirestoreBackend) -> None:
    store = firestore_backend.store
    for name in ("ana", "ben"):
        version = store.save(waiting(name), None, [])
        version = store.save(waiting(name, grace_seconds=1), version, [])
        store.save(settled(name), version, [])
    assert counter(firestore_backend) is None


def test_it_follows_every_way_from_one_state_to_another(
    firestore_backend: FirestoreBackend,
) -> None:
    store = firestore_backend.store
    states = (settled, waiting, being_made)
    for number, (before, after) in enumerate(itertools.product(states, states)):
        version = store.save(before(f"p{number}"), None, [])
        version = store.save(after(f"p{number}", grace_seconds=1), version, [])
        found = counter(firestore_backend) or {"creating": 0}
        assert found["creating"] == store.creating().creating
        store.save(settled(f"p{number}"), version, [])
    assert counter(firestore_backend) == {"creating": 0, "waited_at": microseconds(NOON)}


def test_when_somebody_waited_last_is_kept_as_the_queue_is_served(
    firestore_backend: FirestoreBackend,
) -> None:
    store = firestore_backend.store
    version = store.save(waiting("ana"), None, [])
    late = NOON + timedelta(minutes=7)
    store.save(being_made("ana", updated_at=late), version, [])
    early = store.claim(being_made("ben", updated_at=NOON), None, [])
    assert (early.creating, early.waited_at) == (2, late)


def test_many_at_once_are_all_counted(firestore_backend: FirestoreBackend) -> None:
    def come_and_go(number: int) -> None:
        for turn in range(4):
            name = f"p{number}-{turn}"
            version = firestore_backend.store.claim(being_made(name), None, []).version
            if turn % 2:
                firestore_backend.store.save(settled(name), version, [])

    together(6, come_and_go)
    found = counter(firestore_backend)
    assert found is not None
    assert found["creating"] == firestore_backend.store.creating().creating == 12


def test_a_claim_whose_answer_was_lost_is_a_conflict_and_counted_once(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    store = firestore_backend.store
    wire.lose_answers = 1
    with pytest.raises(Conflict):
        store.claim(being_made("ana"), None, [an_entry()])
    assert counter(firestore_backend) == {"creating": 1, "waited_at": 0}
    stored = store.load(being_made("ana").key)
    assert stored is not None
    store.save(settled("ana"), stored.version, [])
    assert counter(firestore_backend) == {"creating": 0, "waited_at": 0}


def test_contention_on_the_counter_is_waited_out_and_counted_once(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    wire.contend = 2
    claimed = firestore_backend.store.claim(being_made("ana"), None, [an_entry()])
    assert claimed.creating == 1
    assert [method for method, _ in wire.calls] == ["Commit"] * 3
    stored = firestore_backend.store.load(being_made("ana").key)
    assert stored is not None
    assert stored.version == claimed.version


def test_contention_that_does_not_end_fails_and_writes_nothing(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    """Then the message is delivered again; as a conflict it would be tried for minutes."""
    store = FirestoreStore(firestore_backend.client, timeout=0.5)
    wire.contend = 1_000_000
    with pytest.raises(RetryError):
        store.claim(being_made("ana"), None, [an_entry()])
    assert 1 < len(wire.calls) < 30
    assert firestore_backend.raw_record(being_made("ana").key) is None
    assert counter(firestore_backend) is None


def test_contention_hides_nobody_who_was_faster(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    store = firestore_backend.store
    version = store.save(waiting("ana"), None, [])
    store.save(settled("ana"), version, [])
    wire.contend = 1
    with pytest.raises(Conflict):
        store.claim(being_made("ana"), version, [])
    assert counter(firestore_backend) is None


def test_contention_where_nothing_is_counted_is_the_callers(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    wire.contend = 1
    with pytest.raises(Conflict):
        firestore_backend.store.save(waiting("ana"), None, [])


def test_who_counts_already_is_not_counted_again(firestore_backend: FirestoreBackend) -> None:
    """The claim of somebody who died before the count is claimed again: its number is unknown."""
    store = firestore_backend.store
    version = store.claim(being_made("ana"), None, []).version
    again = store.claim(being_made("ana", grace_seconds=1), version, [])
    assert again.creating is None
    assert counter(firestore_backend) == {"creating": 1, "waited_at": 0}


def test_a_record_of_an_older_release_is_counted_from_its_next_creation(
    firestore_backend: FirestoreBackend,
) -> None:
    store = firestore_backend.store
    store.save(settled("ana"), None, [])
    reference = firestore_backend.client.document(f"environments/{settled('ana').key}")
    record = msgspec.to_builtins(being_made("ana"))
    reference.update({"record": record, "making": None}, timeout=10)
    stored = store.load(settled("ana").key)
    assert stored is not None
    store.save(settled("ana"), stored.version, [])
    assert counter(firestore_backend) is None, "not less than nothing"


@pytest.mark.parametrize("wrong", [40, -3], ids=["records-vanished", "records-came-back"])
def test_a_wrong_count_is_corrected_unless_somebody_else_was_counted_since(
    firestore_backend: FirestoreBackend, wrong: int
) -> None:
    store = firestore_backend.store
    firestore_backend.client.document(COUNTER).set(
        {"creating": wrong, "waited_at": microseconds(NOON)}, timeout=10
    )
    first = store.claim(being_made("ana"), None, [])
    second = store.claim(being_made("ben"), None, [])
    assert (first.creating, second.creating) == (wrong + 1, wrong + 2)
    store.recount(first, 1)
    assert store.claim(being_made("cleo"), None, []).creating == wrong + 3, "ben came since"
    store.recount(second, 2)
    last = store.claim(being_made("dan"), None, [])
    assert last.creating == wrong + 4
    store.recount(last, store.creating().creating)
    assert counter(firestore_backend) == {"creating": 4, "waited_at": microseconds(NOON)}
    assert store.claim(being_made("eve"), None, []).creating == 5


def test_a_counter_that_was_deleted_is_begun_anew(firestore_backend: FirestoreBackend) -> None:
    store = firestore_backend.store
    claimed = store.claim(being_made("ana"), None, [])
    firestore_backend.client.document(COUNTER).delete(timeout=10)
    store.recount(claimed, 1)
    assert counter(firestore_backend) is None
    assert store.claim(being_made("ben"), None, []).creating == 1
    assert store.creating() == Crowd(creating=2, waiting=0)
