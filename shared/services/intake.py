"""Intake: a message becomes an intent in the record, or is parked with its reason.

After ``accept`` returns the message may be acknowledged: it was applied, scheduled, a duplicate,
stale or parked, and the history (or the parked list) says which. If state can't be written it
raises, so that the message is delivered again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime

from shared import logs
from shared.domain.durations import seconds_between
from shared.domain.environment import Environment, Intent, Parked, Verb
from shared.domain.events import claimed_email
from shared.domain.names import person_key
from shared.domain.normalise import Message, to_intents, to_order
from shared.domain.orders import Order, carry_out
from shared.domain.person import check_domain
from shared.domain.refusals import RefusalCode, Refused
from shared.domain.ruling import Outcome, Ruling, rule
from shared.ports import Clock, Conflict, EnvironmentStore, ProfileSource
from shared.services.converge import Converge

log = logging.getLogger(__name__)

_TRIES = 20  # how often to load and decide anew when others keep changing the same record
_SAMPLE = 2000  # characters of a refused payload that are kept


class Contended(Exception):
    """Too many workers are changing this person's record at once; deliver the message again."""


class Intake:
    """Takes join and leave messages in."""

    def __init__(
        self,
        *,
        store: EnvironmentStore,
        profiles: ProfileSource,
        converge: Converge,
        clock: Clock,
        allowed_domains: Collection[str],
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._converge = converge
        self._clock = clock
        self._allowed_domains = allowed_domains

    def accept(self, message: Message, verb: Verb) -> Outcome | RefusalCode:
        """Record what ``message`` wants and take the first steps towards it."""
        outcome = Outcome.APPLIED
        try:
            intents = to_intents(
                message,
                verb,
                now=self._clock.now(),
                allowed_domains=self._allowed_domains,
                profiles=self._profiles.current,
            )
            # Only the first can be refused from here on, so that it is all of them or none.
            for intent in intents:
                key = person_key(intent.person.email)
                with logs.bound(person=key, event_id=intent.event_id):
                    outcome = self._record(intent, key, message)
        except Refused as refused:
            self.park(message, refused)
            return refused.code
        return outcome

    def order(self, message: Message) -> Outcome | RefusalCode:
        """Carry out what an admin ordered in ``message``."""
        now = self._clock.now()
        try:
            order = to_order(message, now=now)
            key = person_key(order.email)
            with logs.bound(person=key, event_id=order.event_id):
                return self._change(key, message, lambda found: self._ruled(found, order))
        except Refused as refused:
            self.park(message, refused)
            return refused.code

    def _record(self, intent: Intent, key: str, message: Message) -> Outcome:
        def ruled(environment: Environment | None) -> Ruling | None:
            if environment is None and intent.verb is Verb.LEAVE:
                field = "previous_email" if intent.moved_to else "email"
                self._check_domain(intent.person.email, field)
            if environment is None and intent.moved_to:
                return None  # the former address never had anything
            _check_owner(environment, intent.person.email)
            return rule(environment, intent, key, self._clock.now())

        return self._change(key, message, ruled)

    def _change(
        self,
        key: str,
        message: Message,
        ruled: Callable[[Environment | None], Ruling | None],
    ) -> Outcome:
        """Load, rule, save and take the first steps; anew as long as others get in between."""
        for _ in range(_TRIES):
            stored = self._store.load(key)
            ruling = ruled(stored.environment if stored else None)
            if ruling is None:
                return Outcome.APPLIED
            try:
                saved_at = self._carry_out(ruling, stored.version if stored else None)
            except Conflict:
                continue
            measured = {}
            if ruling.outcome is not Outcome.DUPLICATE:  # what was stored by an earlier delivery
                measured["seconds"] = seconds_between(message.published_at, saved_at)
            log.info(ruling.entry.text, extra={"action": ruling.entry.action, **measured})
            return ruling.outcome
        raise Contended(f"{_TRIES} attempts to record an event for {key}")

    def _ruled(self, environment: Environment | None, order: Order) -> Ruling:
        if environment is None:
            self._check_domain(order.email, "email")
            raise Refused(
                RefusalCode.UNKNOWN_PERSON,
                f"email: there is no environment of {order.email}; publish a join on onboarding "
                "first, then give the order anew",
            )
        _check_owner(environment, order.email)
        return carry_out(environment, order, self._clock.now())

    def _check_domain(self, email: str, field: str) -> None:
        """Refuse events about people outside the allowed domains, unless they have a record."""
        because = "has no environment and "
        check_domain(email, self._allowed_domains, field=field, because=because)

    def park(self, message: Message, refused: Refused) -> None:
        """Keep a refused message with its reason; a redelivery of it is kept and logged once."""
        sample = message.data[: _SAMPLE * 4].decode("utf-8", errors="backslashreplace")
        parked = Parked(
            id=f"{message.topic}-{message.id}",
            at=self._clock.now(),
            topic=message.topic,
            code=refused.code,
            reason=refused.message,
            sample=_printable(sample)[:_SAMPLE],
            size=len(message.data),
            email=_printable(claimed_email(message.data)),
        )
        if self._store.park(parked):
            log.warning(
                refused.message,
                extra={
                    "action": "event.parked",
                    "code": refused.code,
                    "event_id": message.id,
                    "topic": message.topic,
                },
            )

    def _carry_out(self, ruling: Ruling, version: str | None) -> datetime:
        """Save the ruling and take the first steps; returns when it was saved."""
        environment = ruling.environment
        if ruling.outcome is Outcome.DUPLICATE:
            self._store.append(environment.key, (ruling.entry,))
        elif ruling.outcome is Outcome.STALE or self._converge.is_held(environment):
            # The worker that holds the lease finds the new intent when it saves its results.
            self._store.save(environment, version, (ruling.entry,))
        else:
            return self._converge.advance(environment, version, (ruling.entry,))
        return self._clock.now()


def _printable(text: str) -> str:
    """What was sent as text that does nothing but show itself, in a terminal as in a page."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text)


def _check_owner(environment: Environment | None, email: str) -> None:
    """Two addresses with one key would share a notebook: 60 bits of hash say never, we check."""
    if environment is not None and environment.person.email != email:
        raise RuntimeError(
            f"key {environment.key} belongs to another person; {email} can't be recorded under it"
        )
