"""Records, entries and parked events to store in tests, with everything set that can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.environment import (
    Entry,
    Environment,
    Intent,
    Lease,
    Parked,
    Phase,
    Verb,
)
from shared.domain.faults import Fate, Problem
from shared.domain.names import person_key
from shared.domain.person import Person
from shared.domain.resources import Kind, Resource, State, Step

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def an_environment(name: str = "ana", **changes: Any) -> Environment:
    """The record of ``name@example.com``, full of values of every type a record can hold."""
    person = Person(email=f"{name}@example.com", display_name="Ána 分析 🦉", groups=("a", "b"))
    intent = Intent(
        verb=Verb.JOIN, event_id="m-1", source="test", occurred_at=NOON, person=person,
        effective_at=NOON + timedelta(days=2), reason='"quoted"\\ and\nbroken\x00',
    )  # fmt: skip
    resource = Resource(
        kind=Kind.WORKBENCH, slot="main", name="x", state=State.CREATING, under_way=Step.CREATE,
        since=NOON, problem=Problem(
            code="X", message="y", fate=Fate.STOCK_OUT, retry_after_seconds=2.0
        ),
    )  # fmt: skip
    values: dict[str, Any] = {
        "key": person_key(person.email), "person": person, "phase": Phase.PROVISIONING,
        "created_at": NOON, "updated_at": NOON, "intent": intent, "resources": (resource,),
        "recent": ("m-1",), "lease": Lease(token="t", until=NOON), "due_at": NOON,
    }  # fmt: skip
    return Environment(**(values | changes))


def an_entry(text: str = "it was stored", *, seconds: float = 0.0) -> Entry:
    """An entry ``seconds`` after noon."""
    at = NOON + timedelta(seconds=seconds)
    return Entry(at=at, action="test.stored", text=text, event_id="m-1", about="workbench/main")


def a_parked(id: str = "m-1", *, seconds: float = 0.0) -> Parked:
    """A parked event ``seconds`` after noon."""
    at = NOON + timedelta(seconds=seconds)
    return Parked(
        id=id, at=at, topic="onboarding", code="not-json", reason="line 1: ...", sample="{", size=1
    )
