"""How many calls of the state a join and its duplicate take, on every store there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench.counting import counting
from shared.domain.commands.decision import Outcome
from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message
from shared.domain.policy import Policy
from tests.support.backends import BACKENDS, Backend, FirestoreBackend, opened_backend
from tests.support.grpc_wire import Wire
from tests.support.instances import Instance, Shared


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    yield from opened_backend(request, tmp_path)


@pytest.fixture
def wire(firestore_backend: FirestoreBackend) -> Iterator[Wire]:
    wire = Wire()
    channel = wire.put_into(firestore_backend.client, firestore_backend.host)
    yield wire
    channel.close()


def join(instance: Instance, event_id: str, **fields: str) -> object:
    body = {"profile": "lean", "event_id": event_id, "source": "hr"} | fields
    now = instance.shared.clock.now()
    data = msgspec.json.encode(body)
    return instance.intake.accept(
        Message(id=event_id, topic="onboarding", published_at=now, data=data), Verb.JOIN
    )


def test_a_person_is_found_in_one_call_and_a_duplicate_takes_two_calls(backend: Backend) -> None:
    calls: Counter[str] = Counter()
    instance = Instance(counting(backend.store, calls), Shared(Policy()))
    first = {"email": "ana@example.com", "person_id": "p-7"}
    assert join(instance, "m-1", **first) is Outcome.APPLIED
    assert (calls["find"], calls["load"]) == (1, 0)
    calls.clear()
    assert join(instance, "m-1", **first) is Outcome.DUPLICATE
    assert calls == {"find": 1, "append": 1}


def test_a_change_of_address_is_found_in_one_call_and_compared_once_more(
    backend: Backend,
) -> None:
    calls: Counter[str] = Counter()
    instance = Instance(counting(backend.store, calls), Shared(Policy()))
    join(instance, "m-1", email="ana@example.com", person_id="p-7")
    named_by: tuple[dict[str, str], ...] = (
        {"previous_email": "ana@example.com"},
        {"person_id": "p-7"},
    )
    for number, named in enumerate(named_by, start=2):
        calls.clear()
        outcome = join(instance, f"m-{number}", email=f"ana.{number}@example.com", **named)
        assert outcome is Outcome.APPLIED
        assert (calls["find"], calls["load"]) == (2, 0)
    [record] = backend.store.page(9).items
    assert record.person.email == "ana.3@example.com"


def test_on_the_wire_a_duplicate_is_a_query_and_a_commit(
    firestore_backend: FirestoreBackend, wire: Wire
) -> None:
    instance = Instance(firestore_backend.store, Shared(Policy()))
    first = {"email": "ana@example.com", "person_id": "p-7"}
    join(instance, "m-1", **first)
    methods = [method for method, _ in wire.calls]
    assert methods[0] == "RunQuery"
    assert "BatchGetDocuments" not in methods
    wire.calls.clear()
    join(instance, "m-1", **first)
    assert [method for method, _ in wire.calls] == ["RunQuery", "Commit"]
