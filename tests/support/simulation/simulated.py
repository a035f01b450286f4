"""One simulated life: a world, the model of the expected result, and the ways to act on it.

The rules (``rules/``) define what happens from outside; the invariants (``invariants.py``) and the
ending (``ending.py``) check what must hold. Two drivers combine them: Hypothesis (``machine.py``)
and one of our own (``driver.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import CloudFault, Disposition
from shared.domain.names import person_key, resource_id
from shared.domain.policy import Policy
from shared.domain.projections.entry import Entry
from shared.domain.reconciliation.replacement import awaits_data
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import Resource
from tests.support.fake_cloud import Thing
from tests.support.simulation import expected
from tests.support.simulation.choices import Choices
from tests.support.simulation.expected import EMAILS, FOREIGN
from tests.support.simulation.model import Model, Sent
from tests.support.simulation.world import Crash, World

SKEW = timedelta(seconds=30)
CREATIONS = 2  # so low that people have to queue
# Until the notebooks of two records that were merged are known to be stopped.
_AFTER_MERGING = timedelta(hours=1)
_PEOPLE = (1, 1, 1, 2, 2, 3, 6)
_MANY_CHECKED = 16

Trap = tuple[int, str]
Meanwhile = Callable[["SimulatedLife", Choices], None]
Untrue = Callable[["SimulatedLife", dict[str, Any]], str]
"""Why an announcement is untrue at the moment at which it is made; '' if it is true."""


class SimulatedLife:
    """The state of one life.

    ``said``: its story so far. ``outcomes``: counts of what happened.
    ``changed``: when somebody else last changed a resource of a person.
    ``deleted_by_others``: when somebody else deleted something, by person and kind.
    ``split_until``: until when a person had two records, or worked in two notebooks.
    ``held_back``: published messages that are not delivered yet.
    """

    def __init__(self, choices: Choices, untrue: Untrue = lambda life, body: "") -> None:
        self.untrue = untrue
        skews = choices.pick(((timedelta(),), (timedelta(),), (timedelta(), SKEW, -SKEW)))
        self.people = EMAILS[: choices.pick(_PEOPLE)]
        self.world = World(
            Policy(creations=CREATIONS),
            profiles=expected.profiles(),
            skews=skews,
            checked_one_in=_MANY_CHECKED,
        )
        self.model = Model()
        self.said: list[tuple[datetime, str]] = []
        self.outcomes: Counter[str] = Counter()
        self.foreign: set[tuple[Kind, str]] = set()
        self.checked = 0
        self.seen_ready: dict[tuple[Kind, str], datetime] = {}
        self.deleted_by_others: dict[tuple[int, Kind], datetime] = {}
        self.changed: dict[int, datetime] = {}
        self.split_until: dict[int, datetime] = {}
        self.held_back: list[Sent] = []
        self._whose: dict[str, int] = {}
        self.broken: set[str] = set()
        self.unlabelled: dict[str, datetime] = {}  # when others removed the labels, by name
        self.running: dict[int, set[str]] = {}  # running notebooks, except those started by hand
        self.protected_by_others: set[str] = set()
        self.written: dict[int, str] = {}
        self.lost_an_answer = False
        self.serial = 0
        self._armed: tuple[int, str, Meanwhile | None, Choices] | None = None
        self._in_hand = 0
        self.world.trap = self._at
        self.world.topics.on_announcement = self._check_announcement
        self.untrue_announcements: list[str] = []  # untrue when they were published
        spread = f", {len(skews)} clocks" if len(skews) > 1 else ""
        self.say(f"{len(self.people)} people{spread}")
        if len(self.people) >= 3 and choices.one_in(2):
            self._somebody_else_has_the_name()

    @property
    def now(self) -> datetime:
        """The true time."""
        return self.world.clock.time

    @property
    def spread(self) -> timedelta:
        """The largest difference between the clocks of two processes."""
        return max(self.world.skews) - min(self.world.skews)

    def say(self, text: str) -> None:
        """Add a line to the story."""
        self.said.append((self.now, text))

    # Events

    def send(
        self,
        verb: Verb,
        email: str,
        age: timedelta = timedelta(),
        *,
        ahead: timedelta | None = None,
        immediate: bool = False,
        who: int | None = None,
        held_back: bool = False,
        contradicts: bool = False,
        **event: object,
    ) -> Sent:
        """Publish an event that happened ``age`` ago, and deliver it once, unless held back."""
        if who is not None:
            # Events of the same moment don't say which of two addresses is the present one.
            self.world.pass_time(timedelta(seconds=1))
        else:
            who = self.model.holder(email)
        if who is None:
            who = self.model.newcomer(email)
        addresses = self.model.individuals[who].addresses
        if not contradicts and email not in addresses:
            addresses.append(email)
        occurred_at = self.now - age
        effective_at = self.now + ahead if ahead is not None else None
        event |= {"email": email, "occurred_at": occurred_at}
        if immediate:
            event["immediate"] = True
        if effective_at is not None:
            event["effective_at"] = effective_at
        message = self.world.message(verb, **event)
        event_id = str(event.get("event_id", message.id))
        sent = Sent(
            who=who,
            message=message,
            verb=verb,
            email=email,
            order=(occurred_at, verb is Verb.LEAVE, event_id),
            immediate=immediate,
            effective_at=effective_at,
            profile=str(event.get("profile", "")),
            cost_center=str(event.get("cost_center", "")),
            previous=str(event.get("previous_email", "")),
            person_id=str(event.get("person_id", "")),
            contradicts=contradicts,
        )
        self.model.sent.append(sent)
        if held_back:
            self.held_back.append(sent)
        else:
            self.deliver(sent)
        return sent

    def names_somebody(self, email: str, age: timedelta) -> bool:
        """Whether an event of that age about ``email`` is clearly about one person.

        That is the person who has the address and had it at that time, or a new one.
        """
        who = self.model.holder(email)
        if who is None:
            return True
        if self.model.true_email(who, self.now) != email or self.is_to_change(who):
            return False
        if self._is_known_by_id_alone(who):
            return False
        others = [i for i in self.model.individuals if email in i.addresses]
        changes = [s for s in self.model.sent if s.who == who and (s.previous or s.email != email)]
        changes += self.model.returns_to(who, email)
        first = min(s.order[0] for s in self.model.sent if (s.who, s.email) == (who, email))
        then = self.now - age
        newer = len(others) > 1 and then < first
        return not newer and not any(s.happens() >= then for s in changes)

    def _is_known_by_id_alone(self, who: int) -> bool:
        """Whether an event without an id would be about the former owner of their address."""
        addresses = self.model.individuals[who].addresses
        shared = (set(i.addresses) & set(addresses) for i in self.model.individuals)
        return who in self.model.lost and sum(map(bool, shared)) > 1

    def is_to_change(self, who: int) -> bool:
        """Whether a scheduled change of address is not due yet by some clock.

        What happens before that, and arrives after it, may end differently (docs/events.md).
        """
        now = self.now - self.spread
        announced = [s for s in self.model.sent if s.who == who and s.effective_at is not None]
        later = [s for s in announced if s.verb is Verb.JOIN and s.happens() > now]
        return any(s.email != self.model.true_email(who, now) for s in later)

    def may_deliver(self, sent: Sent) -> bool:
        """Whether its delivery leaves no doubt about who has which address.

        An event rejected for its domain would have to be sent again by the identity system.
        """
        if sent.contradicts or (not sent.person_id and self._is_known_by_id_alone(sent.who)):
            return False
        links = sent.previous or sent.person_id or self.model.was_replaced(sent.who)
        return "example.com" in self.world.allowed_domains or not links

    def deliver(self, sent: Sent) -> None:
        """Deliver its message once (more)."""
        sent.tried_at = sent.tried_at or self.now
        if sent in self.held_back:
            self.held_back.remove(sent)

        def deliver() -> None:
            is_known = self.world.environment(sent.email) is not None
            outcome = self.world.deliver(sent.message)
            self.outcomes[f"event:{outcome}"] += 1
            if outcome == "foreign-domain":
                assert sent.verb is Verb.JOIN or not is_known, "somebody who is here can't leave"
            conflict = outcome == "identity-conflict"
            # Of two records of one person only one has the id, until an event shows that they are.
            parked = conflict and (sent.contradicts or sent.who in self.split_until)
            assert parked == conflict, f"{sent.message} was {outcome}"
            assert conflict or not sent.contradicts, f"{sent.message} was {outcome}"
            # A rejected event is acknowledged; one that was already recorded stays recorded.
            fresh = sent.refused or sent.acked_at is None
            if fresh and (outcome == "foreign-domain" or (conflict and not sent.contradicts)):
                sent.refused = not self._is_recorded(sent)
            else:
                sent.refused = False
            sent.acked_at = sent.acked_at or self.now
            if not sent.refused:
                # A duplicate, or one that is rejected now, was recorded when its worker crashed.
                crashed = outcome in ("duplicate", "foreign-domain")
                first = sent.tried_at if crashed else self.now
                sent.taken_at = sent.taken_at or first

        self.survive(deliver)

    def _is_recorded(self, sent: Sent) -> bool:
        """Whether it was recorded although its worker crashed before the acknowledgement."""
        history = self.history_of(sent.who)
        return any(e.event_id == sent.event_id and e.text.startswith(sent.verb) for e in history)

    def command(self, action: str, email: str = "", *, key: str = "", hold: str = "") -> None:
        """Send an admin command for whoever has the address, or for the record of that key.

        The record shows whether it was applied before a lost answer.
        """
        self.world.pass_time(timedelta(seconds=1))
        who = self.who(key) if key else self.model.holder(email)
        if action == "recreate" and who is not None:
            self.model.recreated.add(who)
        self.survive(lambda: self.world.command(action, email, key=key, hold=hold))
        if key:
            record = next((r for r in self.records() if key in r.keys), None)
        else:
            record = self.world.environment(email)
        if record is None:
            return
        spans = self.model.holds.setdefault(self.who(record.key), [])
        since = min((hold.at for hold in record.holds.in_force), default=None) if record else None
        if spans and spans[-1][1] is None and (since is None or since > spans[-1][0] + 2 * SKEW):
            spans[-1] = (spans[-1][0], self.now)  # released, and perhaps held again meanwhile
        if since is not None and (not spans or spans[-1][1] is not None):
            spans.append((self.now, None))

    # Faults

    def arm(self, after: int, how: str, meanwhile: Meanwhile | None, choices: Choices) -> None:
        """Inject a fault at the write or call with that index (0-based)."""
        self._armed = (after, how, meanwhile, choices)

    def disarm(self) -> None:
        """Remove the injected fault and restart."""
        self._armed = None
        self.world.restart()

    def survive(self, work: Callable[[], object]) -> None:
        """Run ``work``; a crash ends it, as it would end the process."""
        self._in_hand += 1
        try:
            work()
        except Crash:
            self.world.topics.waiting.clear()
        finally:
            self._in_hand -= 1
            if self._in_hand == 0:
                self._armed = None

    def _at(self, point: str) -> None:
        """Fail at this write or call if the trap was set for it."""
        if self._armed is None or self._in_hand > 1:
            return
        after, how, meanwhile, choices = self._armed
        self._armed = (after - 1, how, meanwhile, choices) if after > 0 else None
        if after > 0:
            return
        when, _, what = point.partition(":")
        self.lost_an_answer |= point == "after:workbench.create" or how == "crash"
        if how == "crash":
            self._trapped(how, f"the worker crashes {when} {what}")
            raise Crash(point)
        if how == "meanwhile" and meanwhile is not None:
            self._trapped(how, f"meanwhile, {when} {what}:")
            self._in_hand += 1
            try:
                meanwhile(self, choices)
            finally:
                self._in_hand -= 1
        elif "." in what and how == when:
            self._trapped(how, f"{what} fails; it was {'' if when == 'after' else 'not '}done")
            disposition = Disposition.UNCERTAIN if when == "after" else Disposition.TEMPORARY
            raise CloudFault(disposition, "UNAVAILABLE", f"scripted at {point}")

    def _trapped(self, how: str, text: str) -> None:
        self.outcomes[f"trap:{how}"] += 1
        self.say(f"  … {text}")

    # What exists

    def records(self) -> list[Environment]:
        """All records that were not merged into another."""
        return [r for r in self.world.store.page(100).items if not r.merged_into]

    def who(self, key: str) -> int:
        """The person with that key."""
        if key not in self._whose:
            record = next((r for r in self.world.store.page(100).items if r.key == key), None)
            assert record is not None, f"a resource has the key {key} of no record"
            email = record.person.email
            who = self.model.holder(email)
            assert who is not None, f"nobody has {email}"
            self._whose[key] = who
        return self._whose[key]

    def keys_of(self, who: int) -> list[str]:
        """All keys of a person, merged ones included."""
        for record in self.world.store.page(100).items:
            self.who(record.key)
        return [key for key, whose in self._whose.items() if whose == who]

    def record_split_people(self) -> None:
        """Note who has had two records: the first event of an address did not name the person."""
        merged = [r for r in self.world.store.page(100).items if r.merged_into]
        for record in merged:
            self.split_until.setdefault(self.who(record.key), self.now)
        whose = Counter(self.who(record.key) for record in self.records())
        self.split_until.update({who: self.now for who, count in whose.items() if count > 1})

    def is_split(self, who: int, at: datetime) -> bool:
        """Whether a person had two records until shortly before ``at``."""
        until = self.split_until.get(who)
        return until is not None and at <= until + _AFTER_MERGING

    def history_of(self, who: int) -> list[Entry]:
        """The history of a person under all their keys, newest first."""
        histories = [self.world.store.history(key, 100_000) for key in self.keys_of(who)]
        entries = [entry for history in histories for entry in history]
        return sorted(entries, key=lambda entry: entry.at, reverse=True)

    def record_of(self, who: int) -> Environment | None:
        """The record found by the present address of a person."""
        return self.world.environment(self.model.email_of(who, self.now))

    def notebooks(self) -> list[Thing]:
        """All notebooks with a key of ours."""
        return [t for t in self.world.cloud.alive(Kind.WORKBENCH) if t.key]

    def usable(self) -> list[Thing]:
        """The running notebooks that were announced to their owners."""
        return [t for t in self.notebooks() if t.state is State.READY and self._is_announced(t)]

    def _is_announced(self, thing: Thing) -> bool:
        notebook = self.recorded(thing)
        if self.who(thing.key) in self.model.lost and self.world.cloud.busy(thing):
            return False  # they were not told yet; the record that is back doesn't know
        if notebook is None or notebook.state is not State.READY or not notebook.access.link:
            return False
        # Nobody is told of a successor before the data of its predecessor is in it.
        waits = any(awaits_data(r, notebook) for r in self.records() if notebook in r.resources)
        waits = waits or notebook.may_still(Step.RESTORE)
        return not (notebook.data.restore_from or waits)

    def recorded(self, thing: Thing) -> Resource | None:
        """The notebook as the record of its owner has it."""
        known = [n for r in self.records() if (n := r.notebook) is not None]
        return next((n for n in known if n.name == thing.name), None)

    def is_superseded(self, thing: Thing) -> bool:
        """Whether a record says that it is superseded."""
        return any(
            r.superseded and r.name == thing.name
            for record in self.records()
            for r in record.resources
        )

    def changed_by_others(self, thing: Thing) -> None:
        """Note that somebody else changed ``thing`` now."""
        self.changed[self.who(thing.key)] = self.now

    def lost_snapshot(self, who: int) -> bool:
        """Whether somebody else deleted a snapshot of theirs."""
        return (who, Kind.SNAPSHOT) in self.deleted_by_others

    def _somebody_else_has_the_name(self) -> None:
        notebook = resource_id("nb", person_key(FOREIGN))
        name = f"projects/demo/locations/us-central1-a/instances/{notebook}"
        self.world.cloud.add_foreign(Kind.WORKBENCH, name)
        self.foreign.add((Kind.WORKBENCH, name))
        self.say(f"somebody else has a notebook with the name of that of {FOREIGN}")

    def _check_announcement(self, body: dict[str, Any]) -> None:
        """Check an announcement at the moment of its publication."""
        news = body["data"]["news"]
        self.outcomes[f"news:{news}"] += 1
        reason = self.untrue(self, body)
        if reason:
            self.untrue_announcements.append(f"{body['data']['email']} got {news}: {reason}")
