"""The records after some events, by the rules of the domain alone: no store, no cloud."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared.domain.commands.intent import Intent, Verb
from shared.domain.commands.intents import apply_intent
from shared.domain.contracts.rejections import Rejected
from shared.domain.environment import Environment
from shared.domain.people.identity import subject_of
from shared.domain.people.merging import merge
from shared.domain.people.person import Person
from tests.support.builders import NOW, after, an_intent


class Records:
    """The records of everybody, by key, and the events that were refused."""

    def __init__(self, intents: Iterable[Intent] = (), now: datetime = NOW) -> None:
        self.by_key: dict[str, Environment] = {}
        self.refused: list[str] = []
        self.now = now
        for intent in intents:
            self.take(intent)

    def take(self, intent: Intent) -> None:
        """As intake does it, one event after the other."""
        subject = None
        try:
            while subject is None or subject.duplicates:
                found = [r for r in self.by_key.values() if _is_found(r, intent)]
                subject = subject_of(intent, found, self.now)
                for other in subject.duplicates[:1]:
                    assert subject.record is not None
                    one = merge(subject.record, other, self.now)
                    self.by_key |= {one.record.key: one.record, other.key: one.duplicate}
        except Rejected:
            self.refused.append(intent.event_id)
            return
        decision = apply_intent(subject.record, intent, subject.key, self.now)
        self.by_key[subject.key] = decision.environment

    @property
    def people(self) -> list[Environment]:
        """The records that were not merged into another one."""
        return [r for r in self.by_key.values() if not r.merged_into]


def join(email: str, minute: float, person_id: str | None = None, **more: Any) -> Intent:
    """A join that occurred at that minute; ``more``: further fields of the intent."""
    person = Person(email=email, person_id=person_id)
    id = f"join {email} {minute}"
    return an_intent(Verb.JOIN, id, occurred_at=after(minute), person=person, **more)


def leave(email: str, minute: float, person_id: str | None = None) -> Intent:
    """A leave that occurred at that minute."""
    person = Person(email=email, person_id=person_id)
    return an_intent(
        Verb.LEAVE, f"leave {email} {minute}", occurred_at=after(minute), person=person
    )


def _is_found(record: Environment, intent: Intent) -> bool:
    """Whether ``EnvironmentStore.find`` would return it for the event."""
    person_id = intent.person.person_id
    by_id = person_id is not None and record.person.person_id == person_id
    return by_id or not set(intent.addresses).isdisjoint(record.known_addresses)
