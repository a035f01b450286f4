"""What people do: work, start Spark, stop and start their notebooks."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.commands.intent import Verb
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from tests.support.fake_cloud import Thing
from tests.support.simulation.choices import Choices
from tests.support.simulation.rules.registry import rule
from tests.support.simulation.simulated import SimulatedLife

TEMPLATES = {
    Kind.SESSION: Kind.SESSION_TEMPLATE,
    Kind.CLUSTER: Kind.CLUSTER_TEMPLATE,
}


@rule(3)
def a_person_with_a_past(life: SimulatedLife, choices: Choices) -> None:
    """A person has worked here for a while; they may be leaving, or have been removed."""
    new = [email for email in life.people if life.world.environment(email) is None]
    new = [email for email in new if life.model.holder(email) is None]
    if not new or "example.com" not in life.world.allowed_domains:
        return
    email, profile = choices.pick(new), choices.pick(("full", "full", "large", "lean"))
    stage = choices.pick(("is here", "has left", "is gone"))
    life.say(f"{email}, {profile}, has worked here, and {stage}")
    life.send(Verb.JOIN, email, profile=profile, cost_center="cc1")
    life.world.run_for(timedelta(minutes=5))
    for thing in life.usable():
        if thing.email == email:
            _work(life, thing)
    if stage != "is here":
        life.send(Verb.LEAVE, email)
        life.world.run_for(timedelta(minutes=10))
    if stage == "is gone":
        life.world.run_for(timedelta(days=15), every=timedelta(hours=6))


@rule(8)
def somebody_works(life: SimulatedLife, choices: Choices) -> None:
    """Somebody writes in a running notebook that was announced to them."""
    usable = life.usable()
    if usable:
        thing = choices.pick(usable)
        life.say(f"{thing.email} works")
        _work(life, thing)


def _work(life: SimulatedLife, thing: Thing) -> None:
    life.serial += 1
    who = life.who(thing.key)
    text = f"person {who}:{life.serial};"
    life.world.cloud.work(thing, text)
    life.written[who] = life.written.get(who, "") + text
    if thing.consented is not None:
        thing.consented = True


@rule(3)
def somebody_starts_spark(life: SimulatedLife, choices: Choices) -> None:
    """Somebody starts a session or a cluster from their own template, if it exists."""
    email, kind = choices.pick(life.people), choices.pick(tuple(TEMPLATES))
    record = life.world.environment(email)
    if record is None or record.person.email != email:
        return
    key = record.key
    if not any(t.key == key for t in life.world.cloud.alive(TEMPLATES[kind])):
        return
    life.serial += 1
    where = "regions/us-central1/clusters"
    if kind is Kind.SESSION:
        where = "locations/us-central1/sessions"
    life.say(f"{email} starts a {kind}")
    life.world.cloud.start_use(kind, f"projects/demo/{where}/s{life.serial}", key, email)


@rule(3)
def idle_shutdown(life: SimulatedLife, choices: Choices) -> None:
    """Idle shutdown, or its owner, stops a running notebook."""
    settled = [t for t in life.usable() if _phase(life, t.email) is Phase.READY]
    settled = [t for t in settled if not life.world.cloud.busy(t)]
    if settled:
        thing = choices.pick(settled)
        life.say(f"idle shutdown stops the notebook of {thing.email}")
        life.world.cloud.halt(thing)
        life.changed_by_others(thing)


@rule(2)
def owner_starts(life: SimulatedLife, choices: Choices) -> None:
    """The owner starts a stopped notebook by hand, also while they leave.

    Not after the record of a leaver shows it stopped: it is not observed until the removal.
    """
    stopped = [t for t in life.notebooks() if t.state is State.STOPPED]
    stopped = [t for t in stopped if not life.world.cloud.busy(t)]
    stopped = [t for t in stopped if not _is_seen_stopped(life, t)]
    if stopped:
        thing = choices.pick(stopped)
        life.say(f"{thing.email} starts their notebook by hand")
        life.world.cloud.start_by_hand(thing)
        if life.is_superseded(thing) and choices.one_in(2):
            life.say(f"{thing.email} works in it, though it was replaced")
            life.split_until[life.who(thing.key)] = life.now
            _work(life, thing)
        life.changed_by_others(thing)


def _is_seen_stopped(life: SimulatedLife, thing: Thing) -> bool:
    records = [r for r in life.records() if thing.key in r.keys]
    record, notebook = (records[0] if records else None), life.recorded(thing)
    seen = notebook is None or notebook.state is State.STOPPED
    return record is None or (record.leaving and seen)


def _phase(life: SimulatedLife, email: str) -> Phase | None:
    record = life.world.environment(email)
    return record.status.phase if record is not None else None
