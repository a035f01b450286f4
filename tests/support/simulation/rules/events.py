"""Events and admin commands: sent once, again, late, scheduled, and during other calls."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from shared.domain.commands.intent import Verb
from tests.support.simulation.choices import Choices
from tests.support.simulation.expected import COST_CENTERS
from tests.support.simulation.rules.registry import rule
from tests.support.simulation.simulated import SimulatedLife

# Mostly profiles that keep snapshots, so that lost work is noticed.
PROFILES = ("full", "full", "full", "lean", "large", "brief", "trial")
# How long before its arrival an event happened: mostly now, sometimes long before newer events.
AGES = tuple(timedelta(seconds=s) for s in (0, 0, 0, 0, 30, 3600, 86400))
SCHEDULED_AHEAD = (timedelta(minutes=5), timedelta(days=2), timedelta(days=20))
FAULTS = ("", "", "", "crash", "crash", "before", "after", "meanwhile", "meanwhile")


def arm(life: SimulatedLife, choices: Choices) -> None:
    """Inject a fault at some write or call of what comes next, or none."""
    how = choices.pick(FAULTS)
    if how:
        life.arm(choices.index(10), how, something_else_happens, choices)


def something_else_happens(life: SimulatedLife, choices: Choices) -> None:
    """While a call is in progress, a new event arrives, or the last one arrives again."""
    life.world.use_next()
    what = choices.pick(("again", "join", "leave", "hold", "tick", "later"))
    email = choices.pick(life.people)
    if what == "join":
        _join(life, choices, email, timedelta())
    elif what == "leave":
        _leave(life, choices, email, timedelta())
    elif what == "hold":
        if life.world.environment(email) is not None:
            life.say(f"an admin puts {email} on hold")
            life.command("hold", email)
    elif what == "tick":
        life.say("the minute ticks")
        life.survive(life.world.minute)
    elif what == "later":
        span = choices.pick((timedelta(seconds=5), timedelta(seconds=30), timedelta(seconds=70)))
        life.say(f"{span.seconds} s pass")
        life.world.pass_time(span)
    elif life.model.sent and life.may_deliver(life.model.sent[-1]):
        life.say("what was sent last is delivered again")
        life.deliver(life.model.sent[-1])


@rule(12)
def join(life: SimulatedLife, choices: Choices) -> None:
    """Somebody joins; for somebody who is here, that is a move."""
    email, age = choices.pick(life.people), choices.pick(AGES)
    if not life.names_somebody(email, age):
        return
    arm(life, choices)
    _join(life, choices, email, age)


def _join(life: SimulatedLife, choices: Choices, email: str, age: timedelta) -> None:
    profile, cost_center = choices.pick(PROFILES), choices.pick(COST_CENTERS)
    if not life.names_somebody(email, age):
        return
    life.say(f"{email} joins as {profile}, {cost_center}{_ago(age)}")
    life.send(Verb.JOIN, email, age, profile=profile, cost_center=cost_center)


@rule(10)
def leave(life: SimulatedLife, choices: Choices) -> None:
    """Somebody leaves."""
    email, age = choices.pick(life.people), choices.pick(AGES)
    if not life.names_somebody(email, age):
        return
    arm(life, choices)
    _leave(life, choices, email, age)


def _leave(life: SimulatedLife, choices: Choices, email: str, age: timedelta) -> None:
    immediate = choices.one_in(4)
    if not life.names_somebody(email, age):
        return
    life.say(f"{email} leaves{', immediately' if immediate else ''}{_ago(age)}")
    life.send(Verb.LEAVE, email, age, immediate=immediate)


def _ago(age: timedelta) -> str:
    return f" (happened {age} ago)" if age else ""


@rule(3)
def schedule(life: SimulatedLife, choices: Choices) -> None:
    """Schedule a join or a leave."""
    email, ahead = choices.pick(life.people), choices.pick(SCHEDULED_AHEAD)
    verb = choices.pick((Verb.LEAVE, Verb.JOIN))
    profile, cost_center = choices.pick(PROFILES), choices.pick(COST_CENTERS)
    if not life.names_somebody(email, timedelta()):
        return
    event: dict[str, object] = {}
    if verb is Verb.JOIN:
        event = {"profile": profile, "cost_center": cost_center}
    as_what = f" as {profile}, {cost_center}" if event else ""
    life.say(f"{email} is to {verb}{as_what} in {ahead}")
    life.send(verb, email, ahead=ahead, **event)


@rule(3)
def it_is_due(life: SimulatedLife, choices: Choices) -> None:
    """A scheduled event is due; the next events arrive before the tick."""
    ahead = [s for s in life.model.sent if s.effective_at is not None and s.effective_at > life.now]
    if not ahead:
        return
    sent = choices.pick(ahead)
    assert sent.effective_at is not None
    minute = timedelta(minutes=1)
    if sent.effective_at - life.now > minute:
        life.world.run_for(sent.effective_at - life.now - minute)
    late = life.spread + timedelta(seconds=choices.pick((0, 20)))
    life.world.pass_time(sent.effective_at - life.now + late)
    life.say(f"the {sent.verb} of {sent.email} is due")


# The action, and the hold it names; '' is the id of the command, or the only hold.
COMMANDS = (
    ("hold", ""),
    ("hold", "CASE-7"),
    ("hold", "CASE-7"),
    ("release", ""),
    ("release", "CASE-7"),
    ("release", "all"),
    ("retry", ""),
    ("recreate", ""),
)


@rule(5)
def admin_command(life: SimulatedLife, choices: Choices) -> None:
    """An admin sends a command."""
    addresses = [a for i in life.model.individuals for a in i.addresses] or life.people
    email, (action, hold) = choices.pick(addresses), choices.pick(COMMANDS)
    if life.world.environment(email) is None:
        return
    arm(life, choices)
    life.say(f"an admin orders {action} {hold} for {email}")
    life.command(action, email, hold=hold)


@rule(2)
def admin_command_by_key(life: SimulatedLife, choices: Choices) -> None:
    """An admin names somebody by the key of the record: others may have their address."""
    keys = sorted(key for record in life.records() for key in record.keys)
    if not keys:
        return
    key, (action, hold) = choices.pick(keys), choices.pick(COMMANDS)
    arm(life, choices)
    life.say(f"an admin orders {action} {hold} for {key}")
    life.command(action, key=key, hold=hold)


@rule(3)
def deliver_again(life: SimulatedLife, choices: Choices) -> None:
    """Pub/Sub delivers a message again."""
    if life.model.sent:
        sent = choices.pick(life.model.sent)
        if not life.may_deliver(sent):
            return
        life.say(f"the {sent.verb} of {sent.email} ({sent.event_id}) is delivered again")
        life.deliver(sent)


@rule(2)
def publish_again(life: SimulatedLife, choices: Choices) -> None:
    """The identity system sends an event again, in a new message with the current time."""
    taken = [s for s in life.model.sent if s.acked_at and not s.contradicts and not s.refused]
    taken = [
        s for s in taken if s.who not in life.model.lost and not life.model.was_replaced(s.who)
    ]
    if not taken or "example.com" not in life.world.allowed_domains:
        return
    sent = choices.pick(taken)
    event = msgspec.json.decode(sent.message.data)
    event |= {"event_id": sent.event_id, "occurred_at": life.now}
    message = life.world.message(sent.verb, **event)
    life.say(f"the {sent.verb} of {sent.email} ({sent.event_id}) is published again")
    outcome: list[str] = []
    life.survive(lambda: outcome.append(life.world.deliver(message)))
    assert outcome in ([], ["duplicate"]), outcome


@rule(4)
def repeat_joins(life: SimulatedLife, choices: Choices) -> None:
    """The nightly export sends a join for everybody, under new ids."""
    email = choices.pick(life.people)
    who = life.model.holder(email)
    newest = life.model.newest(who, life.now) if who is not None else None
    if newest is None or newest.verb is Verb.LEAVE or newest.email != email:
        return
    if not life.names_somebody(email, timedelta()):
        return
    arm(life, choices)
    life.say(f"the export says again that {email} is {newest.profile}, {newest.cost_center}")
    life.send(Verb.JOIN, email, profile=newest.profile, cost_center=newest.cost_center)


@rule(2)
def one_ticket(life: SimulatedLife, choices: Choices) -> None:
    """A join and a leave have the id of one ticket: ids are unique within a topic only."""
    email = choices.pick(life.people)
    verb = choices.pick((Verb.JOIN, Verb.LEAVE))
    if not life.names_somebody(email, timedelta()):
        return
    topic = "onboarding" if verb is Verb.JOIN else "offboarding"
    used = {s.event_id for s in life.model.sent if s.topic == topic}
    others = {s.event_id for s in life.model.sent if s.topic != topic and s.email == email}
    fresh = sorted(others - used)
    ticket = choices.pick(fresh) if fresh else f"ticket-{len(life.model.sent)}"
    event: dict[str, object] = {}
    if verb is Verb.JOIN:
        event = {"profile": choices.pick(PROFILES), "cost_center": choices.pick(COST_CENTERS)}
    life.say(f"{email}: {verb} as {ticket} {event or ''}")
    life.send(verb, email, event_id=ticket, **event)
