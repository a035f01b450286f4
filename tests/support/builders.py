"""Small values that tests are written with: a moment, a person, an intent, a resource, an event.

Every builder gives something ordinary; a test names only what it is about.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cloudevents.http import CloudEvent

from shared.bootstrap import App
from shared.domain.commands.admin_action import AdminAction
from shared.domain.commands.admin_commands import AdminCommand, apply_command
from shared.domain.commands.decision import Decision
from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.event_parsing import Message
from shared.domain.environment import Departure, Environment, Events, Holds, Lease, Terms
from shared.domain.faults import Disposition, Problem
from shared.domain.names import person_key
from shared.domain.people.addresses import with_current
from shared.domain.people.person import Person
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.resource import Resource
from shared.domain.status import Phase, Status
from shared.settings import Settings
from tests.support.grouped_fields import a_resource, replace
from tests.support.simulation.world import START, World

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ANA, BEN = "ana@example.com", "ben@example.com"
KEY = person_key(ANA)


def after(minutes: float = 0, *, days: float = 0) -> datetime:
    """A moment that long after ``NOW`` (before it, when negative)."""
    return NOW + timedelta(minutes=minutes, days=days)


def an_intent(verb: Verb = Verb.JOIN, id: str = "e1", **changes: Any) -> Intent:
    """An intent for Ana of ``NOW``; a join is for the profile ``full`` with two weeks' grace."""
    person = Person(email=ANA)
    intent = Intent(verb=verb, event_id=id, source="test", occurred_at=NOW, person=person)
    if verb is Verb.JOIN:
        intent = replace(intent, profile="full", grace_seconds=14 * 86400)
    return replace(intent, **changes)


def a_record(*resources: Resource, verb: Verb = Verb.JOIN, **changes: Any) -> Environment:
    """Ana's record, with an intent of ``verb`` in force; ``held``: by this one hold, or None.

    A leaver has joined the day before. ``intent``: the one in force, None if there is none.
    """
    held: Hold | None = changes.pop("held", None)
    intent: Intent | None = changes.pop("intent", an_intent(verb))
    joined = an_intent(Verb.JOIN, "e0", occurred_at=after(days=-1))
    if intent is None or intent.verb is Verb.JOIN:
        joined = intent
    record = Environment(
        key=KEY,
        person=Person(email=ANA),
        status=Status(phase=Phase.READY),
        created_at=NOW,
        updated_at=NOW,
        addresses=() if joined is None else with_current((), ANA, joined.occurred_at),
        events=Events(
            in_force=intent,
            joined=joined,
            leaves=(intent,) if intent is not None and intent.verb is Verb.LEAVE else (),
        ),
        terms=Terms(profile="full", grace_seconds=14 * 86400),
        departure=Departure(left_at=NOW if verb is Verb.LEAVE else None),
        holds=Holds(in_force=(held,) if held is not None else ()),
        resources=resources,
    )
    return replace(record, **changes)


def a_command(
    action: AdminAction = AdminAction.HOLD, id: str = "o1", **changes: Any
) -> AdminCommand:
    """An admin command about Ana, given at ``NOW``."""
    command = AdminCommand(
        action=action,
        event_id=id,
        source="pubsub:admin-events",
        occurred_at=NOW,
        email=ANA,
        reason="because",
    )
    return replace(command, **changes)


def apply_commands(record: Environment, *commands: AdminCommand) -> Decision:
    """The decision about the last command, after all were carried out in this order."""
    decisions: list[Decision] = []
    for command in commands:
        record = decisions[-1].environment if decisions else record
        decisions.append(apply_command(record, command, NOW))
    return decisions[-1]


def a_notebook(state: State = State.ABSENT, **changes: Any) -> Resource:
    """A notebook in the record; one that runs can be opened."""
    link = "https://nb.example.com" if state is State.READY else ""
    notebook = a_resource(
        kind=Kind.WORKBENCH, slot="main", name="zone-a/nb", state=state, link=link
    )
    return replace(notebook, **changes)


def a_problem(
    disposition: Disposition, code: str = "X", *, retry_after: float | None = None
) -> Problem:
    """A fault as a value."""
    return Problem(
        code=code,
        message=f"it is {disposition}",
        disposition=disposition,
        retry_after_seconds=retry_after,
    )


def a_message(data: bytes, *, topic: str = "onboarding", id: str = "m-1") -> Message:
    """A message with exactly this payload."""
    return Message(id=id, topic=topic, published_at=START, data=data)


def a_cloud_event(body: Any, *, source: str = "", **attributes: str) -> CloudEvent:
    """A CloudEvent as functions-framework hands it over, with ``body`` as its data."""
    where = source or "//pubsub.googleapis.com/projects/demo/topics/onboarding"
    basics = {"type": "google.cloud.pubsub.topic.v1.messagePublished", "source": where, "id": "ce"}
    return CloudEvent(basics | attributes, body)


def published(payload: Any = None, **message: Any) -> dict[str, Any]:
    """The Pub/Sub envelope around ``payload``, as a push subscription sends it."""
    event = {"email": ANA} if payload is None else payload
    data = base64.b64encode(msgspec.json.encode(event)).decode()
    return {"subscription": "s", "message": {"data": data, "messageId": "m-1"} | message}


def once_at(world: World, point: str, happen: Callable[[], object]) -> list[str]:
    """Have something happen at the first ``point`` of the world; the points at which it did.

    A test asserts that the list isn't empty: what was never hit proved nothing.
    """
    hit: list[str] = []

    def trap(name: str) -> None:
        if name == point and not hit:
            hit.append(name)
            happen()

    world.trap = trap
    return hit


def actions_of(world: World, email: str = ANA) -> list[str]:
    """The actions in somebody's history, oldest first."""
    return [entry.action for entry in reversed(world.store.history(person_key(email), 1000))]


def kinds_of(world: World) -> set[Kind]:
    """The kinds of what exists in the cloud now."""
    return {thing.kind for thing in world.cloud.alive()}


def ready_world() -> World:
    """A deployment where Ana has everything, and all is quiet."""
    world = World()
    world.join(ANA)
    world.run_for(minutes(5))
    assert world.record(ANA).status.phase is Phase.READY
    return world


def calls_of(world: World, work: Callable[[], object]) -> dict[str, int]:
    """The remote calls that ``work`` takes: those of the store and those of the cloud, by name."""
    before = world.points.copy()
    work()
    made = world.points - before
    return {name.removeprefix("before:"): n for name, n in made.items() if "before:" in name}


def minutes(count: float) -> timedelta:
    """That many minutes."""
    return timedelta(minutes=count)


def hold_lease(world: World, email: str = ANA) -> None:
    """Another worker has just taken the lease of a record, and acts."""
    stored = world.store.load(person_key(email))
    assert stored is not None
    until = world.clock.now() + world.policy.lease
    held = replace(stored.environment, lease=Lease(token="another", until=until), due_at=until)
    world.store.save(held, stored.version, ())


def an_app(world: World) -> App:
    """The parts of a process, those of ``world`` in the place of what would reach outside."""
    settings = Settings(
        project="demo",
        allowed_domains=frozenset({"example.com"}),
        profiles="file:profiles",
        templates_bucket="demo-templates",
    )
    app = App(settings)
    for part in ("clock", "store", "profiles", "converge", "intake", "tick"):
        setattr(app, part, getattr(world, part))
    return app


def fates(*which: Disposition) -> Iterable[Disposition]:
    """The fates of faults, all but ``which``."""
    return [disposition for disposition in Disposition if disposition not in which]
