"""The counter beside the records in Firestore: when it is written, and what makes it wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from google.api_core.exceptions import RetryError

from shared.adapters.state.cursors import microseconds
from shared.adapters.state.firestore_store import FirestoreStore
from shared.domain.environment import Environment
from shared.ports import Conflict, Crowd, Stored
from tests.support.backends import FirestoreBackend, together
from tests.support.grpc_wire import Wire
from tests.support.stored import NOON, an_entry, being_made, settled, waiting

COUNTER = "crowd/creations"
Change = tuple[Callable[..., Environment], Callable[..., Environment]]


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


def test_a_record_that_queues_or_is_done_writes_no_counter(
    firestore_backend: FirestoreBackend,
) -> None:
    store = firestore_backend.store
    for name in ("ana", "ben"):
        version = store.save(waiting(name), None, [])
        version = store.save(waiting(name, grace_seconds=1), version, [])
        store.save(settled(name), version, [])
    assert counter(firestore_backend) is None


def test_the_counter_follows_every_change_of_state(
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


def test_the_time_of_the_last_wait_is_kept_while_the_queue_is_served(
    firestore_backend: FirestoreBackend,
) -> None:
    store = firestore_backend.store
    version = store.save(waiting("ana"), None, [])
    late = NOON + timedelta(minutes=7)
    store.save(being_made("ana", updated_at=late), version, [])
    early = store.claim(being_made("ben", updated_at=NOON), None, [])
    assert (early.creating, early.waited_at) == (2, late)


def test_concurrent_claims_are_all_counted(firestore_backend: FirestoreBackend) -> None:
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


def test_a_claim_with_a_lost_answer_is_a_conflict_and_counted_once(
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


def test_contention_on_the_counter_is_retried_and_counted_once(
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


def test_contention_does_not_hide_a_conflict(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    store = firestore_backend.store
    version = store.save(waiting("ana"), None, [])
    store.save(settled("ana"), version, [])
    wire.contend = 1
    with pytest.raises(Conflict):
        store.claim(being_made("ana"), version, [])
    assert counter(firestore_backend) is None


def test_contention_without_a_count_is_left_to_the_caller(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    wire.contend = 1
    with pytest.raises(Conflict):
        firestore_backend.store.save(waiting("ana"), None, [])


def test_a_counted_record_is_not_counted_again(firestore_backend: FirestoreBackend) -> None:
    """The claim of somebody who died before the count is claimed again: its number is unknown."""
    store = firestore_backend.store
    version = store.claim(being_made("ana"), None, []).version
    again = store.claim(being_made("ana", grace_seconds=1), version, [])
    assert again.creating is None
    assert counter(firestore_backend) == {"creating": 1, "waited_at": 0}


@pytest.mark.parametrize(
    ("record", "duplicate", "change"),
    [
        ((settled, being_made), (being_made, settled), 0),
        ((being_made, settled), (being_made, settled), -2),
        ((settled, settled), (being_made, settled), -1),
        ((being_made, being_made), (being_made, waiting), -1),
        ((waiting, being_made), (settled, settled), 1),
        ((settled, waiting), (waiting, settled), 0),
    ],
    ids=["hands-over", "both-end", "duplicate-ends", "queues", "begins", "queue-alone"],
)
def test_a_merge_counts_what_changes_in_both(
    firestore_backend: FirestoreBackend, record: Change, duplicate: Change, change: int
) -> None:
    store = firestore_backend.store
    changes = {"ana": record, "ben": duplicate}
    versions = {name: store.save(before(name), None, []) for name, (before, _) in changes.items()}
    counted = store.creating().creating
    one, other = (
        Stored(after(name, grace_seconds=1), versions[name]) for name, (_, after) in changes.items()
    )
    version = store.save_merged(one, other, ([an_entry()], [an_entry()]))
    assert store.creating().creating == counted + change
    found = counter(firestore_backend) or {"creating": 0}
    assert found["creating"] == counted + change
    assert store.load(one.environment.key) == Stored(one.environment, version)
    store.save(settled("ana"), version, [])
    assert (counter(firestore_backend) or {"creating": 0})["creating"] == store.creating().creating


def test_a_merge_retries_only_contention_on_the_counter(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    store = firestore_backend.store
    ana, ben = (
        Stored(each, store.save(each, None, [])) for each in (being_made("ana"), settled("ben"))
    )
    wire.contend = 1
    with pytest.raises(Conflict):
        store.save_merged(ana, ben, ([], []))
    wire.contend = 1
    done = Stored(settled("ana"), ana.version)
    version = store.save_merged(done, ben, ([], []))
    assert store.load(done.environment.key) == Stored(done.environment, version)
    assert counter(firestore_backend) == {"creating": 0, "waited_at": 0}


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


def test_a_deleted_counter_is_created_again(firestore_backend: FirestoreBackend) -> None:
    store = firestore_backend.store
    claimed = store.claim(being_made("ana"), None, [])
    firestore_backend.client.document(COUNTER).delete(timeout=10)
    store.recount(claimed, 1)
    assert counter(firestore_backend) is None
    assert store.claim(being_made("ben"), None, []).creating == 1
    assert store.creating() == Crowd(creating=2, waiting=0)
