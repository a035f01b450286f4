"""Two records that turn out to be of one person become one: what is kept, and under which key."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from shared.domain.commands.holds import Hold, Release
from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.announcements import Announcement, News
from shared.domain.environment import Environment, Events, Lease
from shared.domain.names import person_key
from shared.domain.people.addresses import Address, with_current
from shared.domain.people.merging import emptied, entries_of, merge, merged
from shared.domain.people.person import Person
from shared.domain.reconciliation.desired_state import Goal, goals_of
from shared.domain.reconciliation.replacement import is_source, may_go
from shared.domain.reconciliation.retention import is_saved
from shared.domain.reconciliation.step_claims import request_id
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import LostCall, Resource
from shared.domain.status import Health, Phase
from tests.support.builders import ANA, KEY, NOW, a_notebook, a_record, after, an_intent

SMITH = "ana.smith@example.com"
SECOND = person_key(SMITH)
BEFORE = an_intent(Verb.JOIN, "before", occurred_at=after(-60), profile="full")
NEWER = an_intent(
    Verb.JOIN,
    "newer",
    occurred_at=after(-10),
    person=Person(email=SMITH, team="risk"),
    profile="lean",
    grace_seconds=7,
    keep_seconds=9,
)
HOLD = Hold(id="CASE-7", at=NOW, reason="a lawsuit", given_at=NOW)


def first(*resources: Resource, **changes: Any) -> Environment:
    """The record of the person, under their first address."""
    values: dict[str, Any] = {"intent": BEFORE, "addresses": with_current((), ANA, after(-60))}
    return a_record(*resources, **values | changes)


def second(*resources: Resource, **changes: Any) -> Environment:
    """The record that a newer event under another address created."""
    values: dict[str, Any] = {
        "key": SECOND,
        "person": NEWER.person,
        "intent": NEWER,
        "addresses": with_current((), SMITH, after(-10)),
        "profile": "lean",
    }
    return a_record(*resources, **values | changes)


def one(*resources: Resource, **changes: Any) -> Environment:
    """The person's record after the second one, with these resources, was merged into it."""
    return merged(first(), second(*resources, **changes), NOW)


def snapshot(**changes: Any) -> Resource:
    kept = Resource(kind=Kind.SNAPSHOT, slot="s1", name="snapshots/s1", state=State.READY)
    return replace(kept, **changes)


# What is known of the person


def test_the_merged_record_has_all_addresses_and_the_newest_event() -> None:
    record = one()
    assert record.key == KEY
    assert (record.person, record.events.joined, record.events.in_force) == (
        NEWER.person,
        NEWER,
        NEWER,
    )
    assert (record.terms.profile, record.terms.grace_seconds, record.terms.keep_seconds) == (
        "lean",
        7,
        9,
    )
    assert record.addresses == (
        Address(email=ANA, named=(after(-60),), until=after(-10)),
        Address(email=SMITH, named=(after(-10),)),
    )
    assert record.status.due_at == NOW


def test_newer_facts_of_the_older_record_are_kept() -> None:
    left = an_intent(Verb.LEAVE, "left", occurred_at=after(-1), person=Person(email=SMITH))
    record = merged(first(joined=NEWER, intent=NEWER, person=NEWER.person), second(), NOW)
    assert record.events.in_force == NEWER
    gone = one(intent=left, leaves=(left,), joined=NEWER)
    assert (gone.events.in_force, gone.leaving, gone.departure.left_at) == (left, True, NOW)
    assert [leaving.event_id for leaving in gone.departure.records] == ["left"]


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"), [("7", None, "7"), (None, "7", "7"), (None, None, None)]
)
def test_the_person_id_is_kept_whichever_of_them_had_it(
    mine: str | None, theirs: str | None, expected: str | None
) -> None:
    record = merged(
        first(person=Person(email=ANA, person_id=mine)),
        second(
            person=replace(NEWER.person, person_id=theirs),
            joined=replace(NEWER, person=replace(NEWER.person, person_id=theirs)),
        ),
        NOW,
    )
    assert record.person.person_id == expected


def later(verb: Verb, id: str, email: str, minute: float) -> Intent:
    person = Person(email=email)
    when = {"occurred_at": after(minute), "effective_at": after(days=minute)}
    return an_intent(verb, id, person=person, **when)


def test_the_newest_scheduled_join_and_leave_of_each_address_stay() -> None:
    mine = (later(Verb.LEAVE, "a", ANA, 2), later(Verb.JOIN, "b", ANA, 3))
    theirs = (
        later(Verb.LEAVE, "c", ANA, 1),
        later(Verb.LEAVE, "d", SMITH, 4),
        later(Verb.JOIN, "e", SMITH, 5),
        later(Verb.LEAVE, "f", ANA, -20),
    )
    record = merged(first(pending=mine), second(pending=theirs), NOW)
    assert [i.event_id for i in record.events.pending] == ["a", "d", "e"]


def test_events_that_either_record_has_seen_are_duplicates() -> None:
    record = merged(first(recent=("join test a",)), second(recent=("join test b",)), NOW)
    assert set(record.events.recent) == {"join test a", "join test b"}
    many = tuple(f"e{n}" for n in range(64))
    assert merged(first(recent=many), second(recent=many), NOW).events.recent == many


def test_holds_and_releases_of_both_count() -> None:
    other = replace(HOLD, id="AUDIT-7")
    record = merged(first(holds=(HOLD,)), second(holds=(HOLD, other)), NOW)
    assert {hold.id for hold in record.holds.in_force} == {"CASE-7", "AUDIT-7"}
    released = Release(hold="CASE-8", given_at=NOW)
    assert released in merged(first(), second(releases=(released,)), NOW).holds.releases


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ({"intent": NEWER}, ("a", "b")),
        ({"intent": an_intent(Verb.LEAVE, "left", occurred_at=after(-30))}, ("a", "b")),
        ({"intent": BEFORE}, ()),
    ],
    ids=["nothing new", "a return", "another event"],
)
def test_losses_of_both_are_shown_until_the_next_event(
    newest: dict[str, Any], expected: tuple[str, ...]
) -> None:
    record = merged(first(losses=("a",), **newest), second(losses=("b",)), NOW)
    assert record.status.losses == expected


def test_earlier_merges_are_kept() -> None:
    record = merged(first(merged=("x",)), second(merged=("y",)), NOW)
    assert record.merged == ("x", SECOND, "y")
    assert record.keys == (KEY, "x", SECOND, "y")
    assert (SECOND, ANA) in record.owners


# What there is in the cloud


def test_resources_of_the_other_record_keep_their_key_and_owner() -> None:
    template = Resource(kind=Kind.SESSION_TEMPLATE, slot="spark", name="t2", state=State.READY)
    record = merged(
        first(a_notebook(State.READY)), second(a_notebook(State.READY, name="nb2"), template), NOW
    )
    assert [r.id for r in record.resources] == [
        "workbench/main",
        "workbench/main~2",
        "session-template/spark~3",
    ]
    for taken in record.resources[1:]:
        assert (taken.key, taken.owner, taken.superseded) == (SECOND, SMITH, True)
        assert taken.observe_at == NOW
        assert record.owner_of(taken) == (SECOND, SMITH)
    assert record.owner_of(record.resources[0]) == (KEY, SMITH)


def test_resources_of_both_records_never_share_a_request_id() -> None:
    record = merged(first(a_notebook(State.READY)), second(a_notebook(State.READY)), NOW)
    asked = {request_id(KEY, r, Step.STOP) for r in record.resources}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("state", "more", "taken"),
    [
        (State.READY, {}, True),
        (State.BROKEN, {}, True),
        (State.ABSENT, {}, False),
        (State.ABSENT, {"step": Step.CREATE}, True),
        (State.ABSENT, {"unconfirmed": (LostCall(step=Step.CREATE, until=after(1)),)}, True),
    ],
)
def test_existing_and_unconfirmed_resources_are_taken_over(
    state: State, more: dict[str, Any], taken: bool
) -> None:
    assert bool(one(a_notebook(state, **more)).resources) is taken


def test_workloads_are_listed_again() -> None:
    sessions = Resource(kind=Kind.SESSION, slot="started", name="s", state=State.READY)
    assert one(sessions).resources == ()


def test_a_notebook_keeps_its_snapshot_beside_another_of_the_same_name() -> None:
    """Names of snapshots are of a second, so that both records may have one of it."""
    mine = (a_notebook(State.STOPPED, saved_in="s1"), snapshot())
    theirs = (a_notebook(State.STOPPED, saved_in="s1"), snapshot(name="snapshots/of-the-other"))
    record = merged(first(*mine), second(*theirs), NOW)
    assert len({r.id for r in record.resources}) == 4
    notebook = record.resource("workbench/main~2")
    assert notebook is not None
    assert is_saved(record, notebook)
    kept = record.resource(f"snapshot/{notebook.data.saved_in}")
    assert kept is not None
    assert (kept.name, kept.superseded, kept.key) == ("snapshots/of-the-other", False, SECOND)


@pytest.mark.parametrize(
    ("mine", "theirs_worked", "source", "absent", "because"),
    [
        ([a_notebook(State.READY, was_ready=True)], True, False, True, "both have been used"),
        ([a_notebook(State.CREATING, was_ready=True)], True, False, False, "first it has to run"),
        ([a_notebook(State.READY, was_ready=True)], False, False, True, "the other was not used"),
        ([a_notebook(State.ABSENT), snapshot()], True, False, False, "there is older data"),
        ([a_notebook(State.ABSENT)], True, True, False, "only the other was used"),
        ([], True, True, False, "only the other was ever created"),
        ([a_notebook(State.ABSENT)], False, False, False, "none was used: it need not wait"),
    ],
)
def test_the_notebook_of_the_older_record_stays_in_use(
    mine: list[Resource], theirs_worked: bool, source: bool, absent: bool, because: str
) -> None:
    """The data of the other notebook is restored only if there is no other."""
    theirs = a_notebook(State.STOPPED, was_ready=theirs_worked)
    record = merged(first(*mine), second(theirs), NOW)
    [taken] = [r for r in record.resources if r.superseded]
    assert is_source(taken) is source, because
    goal = goals_of(record, (), NOW)[taken.id]
    assert (goal is Goal.ABSENT) is may_go(record, taken) is absent, because


# The emptied record


def test_the_emptied_record_is_never_due() -> None:
    lease = Lease(token="t", until=after(1))
    other = second(
        a_notebook(State.READY), holds=(HOLD,), lease=lease, pending=(NEWER,), unmet_since=NOW
    )
    rest = emptied(other, KEY, after(1))
    assert (rest.key, rest.merged_into, rest.status.phase) == (SECOND, KEY, Phase.REMOVED)
    assert (rest.status.due_at, rest.updated_at) == (None, after(1))
    assert rest.known_addresses == ()
    assert rest.events == Events(recent=other.events.recent)
    assert (rest.status.unmet_since, rest.lease) == (None, None)
    assert (rest.holds.in_force, rest.resources) == ((), ())
    assert rest.person.person_id is None, "it is not found any more"


def test_the_emptied_record_is_not_listed_among_those_that_need_help() -> None:
    troubled = second(
        health=Health.QUARANTINED, problem="workbench/main: no quota", problem_codes=("QUOTA",)
    )
    rest = emptied(troubled, KEY, after(1))
    assert (rest.status.health, rest.status.problem) == (Health.OK, "")
    assert rest.status.problem_codes == ()


def test_the_outbox_of_the_emptied_record_is_still_published() -> None:
    news = Announcement(number=1, news=News.READY, at=NOW, email=SMITH)
    rest = emptied(second(outbox=(news,)), KEY, after(1))
    assert (rest.outbox.waiting, rest.status.due_at) == ((news,), after(1))


@pytest.mark.parametrize("in_second", [False, True])
def test_a_scheduled_leave_that_the_newer_join_cancels_is_in_the_history(in_second: bool) -> None:
    """Whichever record has it, and also if that of the newer join is the one that stays."""
    older = an_intent(
        Verb.LEAVE, "end", occurred_at=after(-30), effective_at=after(days=9),
        person=Person(email=ANA),
    )  # fmt: skip
    kept = replace(older, event_id="kept", occurred_at=after(-5), person=Person(email=SMITH))
    if in_second:
        in_force = {"intent": NEWER, "joined": NEWER, "person": NEWER.person}
        before = {"intent": BEFORE, "joined": BEFORE, "person": BEFORE.person}
        both = first(**in_force, pending=(kept,)), second(**before, pending=(older,))
    else:
        both = first(pending=(older,)), second(pending=(kept,))
    one = merge(*both, NOW, event_id="newer")
    assert [(e.action, e.event_id) for e in one.entries] == [
        ("intent.cancelled", "end"),
        ("record.merged", "newer"),
    ]
    assert one.record.scheduled == (kept,)


def test_both_histories_say_so() -> None:
    into, out = entries_of(first(), second(), NOW)
    assert {into.action, out.action} == {"record.merged"}
    assert into.text == (
        f"the record {SECOND} of {SMITH} is of the same person; it is merged into this one"
    )
    assert out.text == f"merged into {KEY}, the same person"
