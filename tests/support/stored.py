"""Records, entries and parked events to store in tests, with everything set that can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.commands.holds import Hold, Release
from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.announcements import Announcement, News
from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment, Lease
from shared.domain.faults import Disposition, Problem
from shared.domain.names import person_key
from shared.domain.people.addresses import Address
from shared.domain.people.person import Person
from shared.domain.projections.entry import Entry, Event
from shared.domain.projections.offboarding_record import (
    InventoryResult,
    OffboardingRecord,
    StepRecord,
    Thing,
)
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.observation import Item
from shared.domain.status import Phase
from tests.support.grouped_fields import a_resource, record_with

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def an_environment(name: str = "ana", **changes: Any) -> Environment:
    """The record of ``name@example.com``, full of values of every type a record can hold."""
    person = Person(
        email=f"{name}@example.com", person_id=f"p-{name}", display_name="Ána 分析 🦉",
        groups=("a", "b"),
    )  # fmt: skip
    former = f"{name}.old@example.com"
    intent = Intent(
        verb=Verb.JOIN, event_id="m-1", source="test", occurred_at=NOON, person=person,
        effective_at=NOON + timedelta(days=2), keep_seconds=7, previous_email=former,
        reason='"quoted"\\ and\nbroken\x00',
    )  # fmt: skip
    resource = a_resource(
        kind=Kind.WORKBENCH, slot="main", name="x", state=State.CREATING, step=Step.CREATE,
        since=NOON, tried=("zone-a/x",), queued_at=NOON, consented=False, problem=Problem(
            code="X", message="y", disposition=Disposition.STOCK_OUT, retry_after_seconds=2.0,
            elsewhere=("b",)
        ),
    )  # fmt: skip
    sessions = a_resource(
        kind=Kind.SESSION, slot="all", name="x", items=(Item(name="s", state="ACTIVE"),),
        drift=Drift(in_place=("labels differ",)), expires_at=NOON,
    )  # fmt: skip
    values: dict[str, Any] = {
        "key": person_key(person.email), "person": person, "phase": Phase.PROVISIONING,
        "addresses": (
            Address(email=former, until=NOON), Address(email=person.email, named=(NOON,))
        ),
        "created_at": NOON, "updated_at": NOON, "intent": intent,
        "resources": (resource, sessions),
        "holds": (Hold(id="m-0", at=NOON, reason="a case", by="legal", given_at=NOON),),
        "releases": (Release(hold="CASE-7", given_at=NOON),),
        "leavings": (a_leaving(),), "outbox": (an_announcement(),),
        "recent": ("join test m-1",), "lease": Lease(token="t", until=NOON), "due_at": NOON,
    }  # fmt: skip
    return record_with(**(values | changes))


def settled(name: str = "ana", **changes: Any) -> Environment:
    """A record that has no notebook and waits for none."""
    return an_environment(name, resources=(), **changes)


def waiting(name: str = "ana", *, since: datetime = NOON, **changes: Any) -> Environment:
    """A record whose notebook waits for its turn, due since the join."""
    notebook = a_resource(kind=Kind.WORKBENCH, slot="main", name="x", queued_at=since)
    return an_environment(name, **{"resources": (notebook,), "due_at": since} | changes)


def being_made(name: str = "ana", **changes: Any) -> Environment:
    """A record whose notebook is being created."""
    notebook = a_resource(
        kind=Kind.WORKBENCH, slot="main", name="x", state=State.CREATING, step=Step.CREATE,
        since=changes.get("updated_at", NOON),
    )  # fmt: skip
    return an_environment(name, **{"resources": (notebook,)} | changes)


def a_leaving() -> OffboardingRecord:
    """A departure at noon that is over, with something of everything it can hold."""
    return OffboardingRecord(
        event_id="m-0", source="test", occurred_at=NOON, left_at=NOON, removal_at=NOON,
        had=(Thing(about="workbench/main", name="x", state="ready"),),
        deeds=(StepRecord(step=Step.STOP, about="workbench/main", begun_at=NOON, ended_at=NOON),),
        snapshots=("snap",), scan=InventoryResult(at=NOON, leftovers=("cluster: c (why)",)),
        returned_at=NOON,
    )  # fmt: skip


def an_announcement() -> Announcement:
    """News of noon."""
    return Announcement(number=1, news=News.READY, at=NOON, email="ana@example.com")


def an_entry(text: str = "it was stored", *, seconds: float = 0.0) -> Entry:
    """An entry ``seconds`` after noon."""
    at = NOON + timedelta(seconds=seconds)
    return Entry(at=at, action="test.stored", text=text, event_id="m-1", about="workbench/main")


def an_unchanged(outcome: str = "stale", *, seconds: float = 0.0, verb: Verb = Verb.LEAVE) -> Entry:
    """An entry ``seconds`` after noon about a join or leave."""
    event = Event(
        verb=verb, email="ana@example.com", source="test", occurred_at=NOON, effective_at=NOON
    )
    return Entry(
        at=NOON + timedelta(seconds=seconds), action=f"intent.{outcome}", text="no effect",
        event_id="m-1", event=event,
    )  # fmt: skip


def a_parked(id: str = "m-1", *, seconds: float = 0.0) -> Parked:
    """A parked event ``seconds`` after noon."""
    at = NOON + timedelta(seconds=seconds)
    return Parked(
        id=id, at=at, topic="onboarding", code="not-json", reason="line 1: ...", sample="{", size=1
    )
