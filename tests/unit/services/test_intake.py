"""No event is lost: each is applied, scheduled, a duplicate, stale or parked, and recorded as such.

What hostile texts become is in ``test_hostile_events.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from shared.domain.commands.decision import Decision, Outcome, with_merging
from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message
from shared.domain.names import person_key
from shared.domain.people.addresses import with_current
from shared.domain.profiles import ProfilesInvalid
from shared.domain.projections.entry import Entry
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from shared.ports import Stored
from shared.services.person_records import Contended
from tests.support.builders import (
    ANA,
    KEY,
    a_message,
    a_record,
    actions_of,
    calls_of,
    hold_lease,
    kinds_of,
    minutes,
    once_at,
    ready_world,
)
from tests.support.fake_things import Thing
from tests.support.simulation.world import START, World


class StateDown(Exception):
    """Whatever the store's client raises when the state cannot be reached."""


def is_down() -> None:
    raise StateDown


def applied(world: World) -> Message:
    return world.message(Verb.JOIN, email=ANA)


def scheduled(world: World) -> Message:
    return world.message(Verb.JOIN, email=ANA, effective_at=START + minutes(60))


def duplicate(world: World) -> Message:
    world.join(ANA, event_id="same")
    return world.message(Verb.JOIN, email=ANA, event_id="same")


def stale(world: World) -> Message:
    world.leave(ANA)
    return world.message(Verb.JOIN, email=ANA, occurred_at=START - minutes(5))


def parked(world: World) -> Message:
    return world.message(Verb.JOIN, email="ana@evil.example")


CASES = [
    (applied, "applied", "save"),
    (scheduled, "scheduled", "save"),
    (duplicate, "duplicate", "append"),
    (stale, "stale", "save"),
    (parked, "foreign-domain", "park"),
]
each_outcome = pytest.mark.parametrize(("make", "outcome", "write"), CASES)
Make = Callable[[World], Message]


def outcomes_of(world: World, message: Message) -> set[str]:
    """Where it is said what became of a message: actions in the history, and the parked list."""
    event = message.id if b'"same"' not in message.data else "same"
    history = {e.action for e in world.store.history(KEY, 1000) if e.event_id == event}
    listed = {p.code for p in world.store.parked(100).items if p.id.endswith(message.id)}
    return history | listed


@each_outcome
def test_invariant_5_every_acknowledged_event_is_in_history_or_parked(
    make: Make, outcome: str, write: str
) -> None:
    world = World()
    message = make(world)
    assert world.deliver(message) == outcome
    assert outcomes_of(world, message) & {outcome, f"intent.{outcome}"}


@each_outcome
@pytest.mark.parametrize("point", ["before", "after"])
def test_invariant_5_an_event_that_was_not_saved_is_delivered_again_and_recorded(
    make: Make, outcome: str, write: str, point: str
) -> None:
    """``after`` is an answer that was lost: the write was done."""
    world = World()
    message = make(world)
    hit = once_at(world, f"{point}:{write}", is_down)
    with pytest.raises(StateDown):
        world.deliver(message)
    assert hit
    again = world.deliver(message)
    assert again == outcome or (point == "after" and again == "duplicate")
    assert outcomes_of(world, message) & {outcome, f"intent.{outcome}"}


def test_invariant_5_when_the_record_cannot_be_read_the_event_is_delivered_again() -> None:
    world = World()
    message = applied(world)
    hit = once_at(world, "before:find", is_down)
    with pytest.raises(StateDown):
        world.deliver(message)
    assert hit
    assert world.deliver(message) == "applied"


@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"],
)
@pytest.mark.parametrize("field", ["effective_at", "occurred_at"])
@pytest.mark.parametrize("verb", list(Verb))
def test_invariant_5_an_event_at_the_end_of_the_calendar_is_recorded_too(
    moment: str, field: str, verb: Verb
) -> None:
    """In UTC some of them have no date at all; failing, they would come back for ever."""
    world = World()
    event: dict[str, Any] = {"email": ANA, field: moment}
    message = world.message(verb, **event)
    world.deliver(message)
    assert outcomes_of(world, message)


def test_without_valid_profiles_a_join_is_delivered_again_until_there_are_some() -> None:
    world = World()
    message = applied(world)
    profiles, world.profiles.current = world.profiles.current, _no_profiles  # type: ignore[method-assign]
    with pytest.raises(ProfilesInvalid):
        world.deliver(message)
    world.profiles.current = profiles  # type: ignore[method-assign]
    assert world.deliver(message) == "applied"


def test_without_valid_profiles_people_can_still_leave() -> None:
    world = World()
    world.join(ANA)
    world.run_for(minutes(5))
    world.profiles.current = _no_profiles  # type: ignore[method-assign]
    assert world.leave(ANA) == "applied"
    world.run_for(minutes(5))
    assert world.record(ANA).status.phase is Phase.SUSPENDED


def _no_profiles() -> Any:
    raise ProfilesInvalid(["profiles.yaml: it is not there"])


def test_when_others_keep_changing_the_record_the_message_is_delivered_again() -> None:
    world = World()
    world.join(ANA)
    message = world.message(Verb.LEAVE, email=ANA)

    def somebody_is_faster(point: str) -> None:
        if point == "before:save":
            world.trap = None
            stored = world.store.load(KEY)
            assert stored is not None
            world.store.save(stored.environment, stored.version, ())
            world.trap = somebody_is_faster

    world.trap = somebody_is_faster
    with pytest.raises(Contended, match=ANA):
        world.deliver(message)
    world.trap = None
    assert world.deliver(message) == "applied"


def test_two_concurrent_first_events_are_both_recorded() -> None:
    world = World()
    hit = once_at(world, "before:save", lambda: world.leave(ANA))
    assert world.join(ANA, event_id="join") == "stale", "on a tie, leave wins"
    assert hit
    assert {"intent.applied", "intent.stale"} <= set(actions_of(world))


def test_an_event_during_another_workers_lease_is_recorded_and_left_to_it() -> None:
    world = World()
    world.join(ANA)
    hold_lease(world)
    calls = calls_of(world, lambda: world.leave(ANA))
    assert calls == {"find": 1, "save": 1}
    record = world.record(ANA)
    assert record.events.in_force is not None
    assert record.events.in_force.verb is Verb.LEAVE
    assert record.lease is not None
    world.run_for(world.policy.lease + minutes(10))
    assert world.record(ANA).status.phase is Phase.SUSPENDED, (
        "and when that worker died, to the tick"
    )


def test_a_rejected_message_is_parked_with_enough_to_understand_it() -> None:
    world = World()
    data = b'{"email":"ana@evil.example","team":"' + "\u00e4".encode() * 5000 + b'"}'
    world.deliver(a_message(data))
    [refused] = world.store.parked(10).items
    assert (refused.topic, refused.code) == ("onboarding", "wrong-shape")
    assert refused.reason == "team: has more than 200 characters; send at most 200"
    assert (refused.size, len(refused.sample)) == (len(data), 2000)
    assert refused.at == world.clock.now()
    assert data.decode().startswith(refused.sample)


def test_the_sample_is_printable_whatever_was_sent() -> None:
    world = World()
    world.deliver(a_message(b'\x1b[2J\x00 \xff "\xe2\x80\xae"'))
    [refused] = world.store.parked(10).items
    assert refused.sample.replace("\n", "").isprintable(), "it is shown in terminals"


def test_the_sample_keeps_line_breaks() -> None:
    world = World()
    world.deliver(a_message(b'{\n\t"email": 7\n}'))
    [refused] = world.store.parked(10).items
    assert refused.sample == '{\n\\u0009"email": 7\n}'


def test_the_same_id_on_two_topics_is_two_events() -> None:
    world = World()
    world.deliver(a_message(b"x", topic="onboarding", id="1"))
    world.deliver(a_message(b"x", topic="offboarding", id="1"))
    assert {p.topic for p in world.store.parked(10).items} == {"onboarding", "offboarding"}


def test_invariant_4_a_mapped_group_gets_no_environment() -> None:
    world = World()
    assert world.join("analysts@example.com") == "not-a-person"
    assert world.environment("analysts@example.com") is None
    assert not world.cloud.things


def test_an_event_from_the_future_is_rejected() -> None:
    world = World()
    soon = START + minutes(4)
    assert world.join(ANA, occurred_at=soon) == "applied", "clocks differ a little"
    assert world.leave(ANA, occurred_at=START + minutes(6)) == "from-the-future"


# Sources, and what is blank


def test_an_id_is_compared_within_its_source() -> None:
    world = World()
    assert world.join(ANA, event_id="7", source="hr") == "applied"
    world.pass_time(minutes(1))
    assert world.join(ANA, event_id="7", source="directory") == "applied"
    assert world.join(ANA, event_id="7", source="hr") == "duplicate"
    intent = world.record(ANA).events.in_force
    assert intent is not None
    assert intent.source == "pubsub:onboarding/directory"


def test_a_blank_cost_centre_or_team_is_left_out_of_record_and_labels() -> None:
    world = World()
    world.join(ANA, cost_center="  ", team="\u00a0", profile=" ", event_id="")
    person = world.record(ANA).person
    assert (person.cost_center, person.team, world.record(ANA).terms.profile) == (
        None,
        None,
        "full",
    )


# Retry


@pytest.mark.parametrize("asleep", [False, True], ids=["runs", "stopped by its owner"])
def test_a_retry_of_a_ready_environment_changes_nothing(asleep: bool) -> None:
    world = ready_world()
    if asleep:
        [notebook] = world.cloud.alive(Kind.WORKBENCH)
        notebook.state = State.STOPPED
    news, before = len(world.topics.news), world.record(ANA)
    calls = calls_of(world, lambda: world.command("retry", ANA))
    world.run_for(minutes(10))
    assert {name.rpartition(".")[2] for name in calls} == {"find", "save", "observe"}
    assert len(world.topics.news) == news
    assert not [a for a in actions_of(world) if a.startswith("step.")]
    after = world.record(ANA)
    assert after.status.phase is before.status.phase
    steps = [[(r.id, r.name, r.serial, r.step) for r in e.resources] for e in (before, after)]
    assert steps[0] == steps[1]


def test_two_people_never_share_a_record() -> None:
    """The hash of their keys prevents it; if it happened, the second would get another key."""
    world = ready_world()
    stored = world.store.load(KEY)
    assert stored is not None
    other = replace(
        stored.environment,
        person=replace(stored.environment.person, email="x@example.com"),
        addresses=with_current((), "x@example.com", START),
    )
    world.store.save(other, stored.version, ())
    assert world.join(ANA) == "applied"
    assert world.record("x@example.com") == other
    assert world.record(ANA).key == person_key(ANA, 2)


# Several records of one person (whose event it is: test_identity.py)

SMITH = "ana.smith@example.com"


def renamed(world: World) -> Message:
    """The change of her address, of a minute ago, that was not delivered before newer events."""
    a_minute_ago = world.clock.now() - minutes(1)
    return world.message(
        Verb.JOIN, a_minute_ago, email=SMITH, previous_email=ANA, profile="lean", event_id="RENAMED"
    )


def test_a_newer_event_that_arrived_first_is_merged_in_one_commit() -> None:
    world = ready_world()
    world.pass_time(minutes(5))
    world.join(SMITH, profile="lean")
    world.run_for(minutes(5))
    second = world.record(SMITH).key
    late = replace(renamed(world), published_at=START + minutes(7))
    calls = calls_of(world, lambda: world.deliver(late))
    assert (calls["find"], calls["merge"]) == (3, 1)
    record = world.record(SMITH)
    assert (record.key, record.merged) == (KEY, (second,))
    assert world.record(ANA) == record
    actions = [e.action for e in world.store.history(KEY, 9)]
    assert {"record.merged", "intent.applied"} <= set(actions)
    assert world.store.history(second, 1)[0].text == f"merged into {KEY}, the same person"
    world.run_for(minutes(60))
    assert world.record(SMITH).status.phase is Phase.READY
    [notebook] = world.cloud.alive(Kind.WORKBENCH)
    assert notebook.email == SMITH


def test_a_late_event_that_merges_two_records_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """It is not newer than what is in force, but it has had an effect."""
    world = ready_world()
    world.pass_time(minutes(5))
    world.join(SMITH, profile="lean")
    second = world.record(SMITH).key
    caplog.set_level("INFO")
    assert world.deliver(renamed(world)) == "applied"
    of_event = {e.action: e.text for e in world.store.history(KEY, 20) if e.event_id == "RENAMED"}
    assert of_event.keys() == {"record.merged", "intent.applied"}
    assert of_event["intent.applied"] == (
        "join as lean of 2026-03-01T09:09:00+00:00 is not newer than what is in force; it merged "
        f"the record {second} into {KEY}, the same person"
    )
    assert of_event["intent.applied"] in caplog.messages
    [there] = [e for e in world.store.history(second, 20) if e.event_id == "RENAMED"]
    assert there.text == f"merged into {KEY}, the same person"


def test_a_late_event_that_merges_several_records_names_each() -> None:
    stale = Decision(Outcome.STALE, a_record(), Entry(at=START, action="intent.stale", text="join"))
    decision = with_merging(stale, ["ben-1", "cleo-1"])
    assert decision.entry.text == (
        f"join; it merged the records ben-1, cleo-1 into {KEY}, the same person"
    )
    assert with_merging(stale, []) == stale


def test_a_scheduled_event_that_merges_two_records_stays_scheduled() -> None:
    entry = Entry(at=START, action="intent.scheduled", text="join")
    decision = with_merging(Decision(Outcome.SCHEDULED, a_record(), entry), ["ben-1"])
    assert (decision.outcome, decision.entry.action) == (Outcome.SCHEDULED, "intent.scheduled")


@pytest.mark.parametrize("point", ["before:merge", "after:merge", "before:find"])
def test_a_failed_merge_is_done_at_the_next_delivery(point: str) -> None:
    world = ready_world()
    world.pass_time(minutes(5))
    world.join(SMITH, profile="lean")
    late = replace(renamed(world), published_at=START + minutes(7))
    hit = once_at(world, point, is_down)
    with pytest.raises(StateDown):
        world.deliver(late)
    assert hit
    assert world.deliver(late) in ("applied", "stale")
    assert world.record(SMITH).key == world.record(ANA).key == KEY
    assert [e.key for e in world.store.page(10).items if not e.merged_into] == [KEY]


def test_the_final_search_covers_every_key_and_address_of_a_leaver() -> None:
    world = ready_world()
    world.pass_time(minutes(5))
    world.join(SMITH, profile="lean")
    world.run_for(minutes(5))
    second = world.record(SMITH).key
    world.deliver(replace(renamed(world), published_at=START + minutes(7)))
    world.run_for(minutes(60))
    owners = {(KEY, ANA), (KEY, SMITH), (second, SMITH)}
    for number, (key, email) in enumerate(sorted(owners)):
        name = f"projects/demo/locations/us-central1/sessionTemplates/forgotten-{number}"
        forgotten = Thing(kind=Kind.SESSION_TEMPLATE, name=name, key=key, email=email)
        world.cloud.add(forgotten)
    world.leave(SMITH, immediate=True)
    world.run_for(minutes(120))
    assert world.record(SMITH).status.phase is Phase.REMOVED
    assert kinds_of(world) <= {Kind.SNAPSHOT}


def test_a_search_for_many_former_addresses_fits_into_one_query() -> None:
    """Firestore allows thirty alternatives; the newest former addresses are searched for."""
    world = World()
    searched: list[Sequence[str]] = []
    find = world.store.find

    def noted(emails: Sequence[str], person_id: str | None = None) -> tuple[Stored, ...]:
        searched.append(emails)
        return find(emails, person_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.store, "find", noted)
        for number in range(40):
            former = f"former{number}@example.com"
            assert world.join(ANA, previous_email=former) == "applied"
            world.pass_time(minutes(1))
    assert max(map(len, searched)) <= 25
    assert {f"former{n}@example.com" for n in range(20, 39)} < set(searched[-1])
