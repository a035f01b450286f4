"""A departure: what is looked for, what is written down, and when it is really over."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.addresses import named
from shared.domain.environment import Environment, Intent, Phase, Verb
from shared.domain.evidence import Leaving, Scan, Thing
from shared.domain.goals import Plan
from shared.domain.leavers import (
    conclusion,
    may_give_access,
    with_another_look,
    with_evidence,
    with_uses,
)
from shared.domain.policy import Policy
from shared.domain.resources import Kind, Leftover, LostCall, Resource, State, Step
from tests.support.builders import ANA, NOW, a_notebook, a_record, after, an_intent
from tests.support.resource_builders import replace

POLICY = Policy()
NOTEBOOK = Thing(about="workbench/main", name="zone-a/nb", state="ready")
LEAVING = Leaving(
    event_id="e", source="test", occurred_at=NOW, left_at=NOW, removal_at=NOW, had=(NOTEBOOK,)
)
SESSIONS = Resource(kind=Kind.SESSION, slot="started", name="p/sessions")
SESSION_LOOK = replace(SESSIONS, observe_at=NOW)


def leaver(*resources: Resource, leaving: Leaving = LEAVING, **changes: Any) -> Environment:
    gone: dict[str, Any] = {"phase": Phase.REMOVED, "leavings": (leaving,)}
    return a_record(*resources, verb=Verb.LEAVE, **gone | changes)


def found(kind: Kind = Kind.WORKBENCH, name: str = "zone-b/nb", **changes: Any) -> Leftover:
    return Leftover(kind=kind, name=name, **{"ours": True} | changes)


def concluded(record: Environment, *scan: Leftover) -> Environment:
    """The record after a look everywhere found exactly that."""
    after_scan, wants_scan = conclusion(record, Plan(scan=scan), NOW, POLICY)
    assert not wants_scan
    return after_scan


# The last look


def test_when_all_that_is_known_is_gone_a_look_everywhere_is_asked_for() -> None:
    record, wants_scan = conclusion(leaver(a_notebook()), Plan(), NOW, POLICY)
    assert wants_scan
    assert record.phase is Phase.REMOVING, "not removed before somebody has looked"
    assert record.due_at == after(1), "should the look fail"
    assert record.leavings == (LEAVING,)


@pytest.mark.parametrize(("due", "expected"), [(0.5, 0.5), (9, 1), (None, 1)])
def test_a_look_that_failed_is_repeated_in_a_minute_at_the_latest(
    due: float | None, expected: float
) -> None:
    due_at = None if due is None else after(due)
    record, _ = conclusion(leaver(a_notebook(), due_at=due_at), Plan(), NOW, POLICY)
    assert record.due_at == after(expected)


def test_a_look_that_finds_nothing_ends_it() -> None:
    record = concluded(leaver(a_notebook()))
    assert record.phase is Phase.REMOVED
    [leaving] = record.leavings
    assert leaving.completed_at == NOW
    assert leaving.scan == Scan(at=NOW)


def test_what_the_look_found_and_may_stay_is_written_down() -> None:
    record = concluded(
        leaver(a_notebook()),
        found(Kind.SNAPSHOT, "snapshots/s1", detail="until 2026-08-02"),
        found(Kind.CLUSTER, "p/clusters/c1", ours=False, detail="it is somebody else's"),
        found(Kind.SESSION_TEMPLATE, "p/sessionTemplates/t", ours=False),
    )
    assert record.phase is Phase.REMOVED
    assert record.leavings[0].scan == Scan(
        at=NOW,
        leftovers=(
            "cluster: p/clusters/c1 (it is somebody else's)",
            "session-template: p/sessionTemplates/t",
        ),
        kept=("snapshot: snapshots/s1 (until 2026-08-02)",),
    )


def test_of_whom_nothing_is_known_everything_is_looked_for_all_the_same() -> None:
    """Their record may have been lost, so everything is searched."""
    record, wants_scan = conclusion(leaver(leaving=replace(LEAVING, had=())), Plan(), NOW, POLICY)
    assert (wants_scan, record.phase) == (True, Phase.REMOVING)


@pytest.mark.parametrize("joined", [None, an_intent()])
def test_whose_record_was_lost_keeps_what_is_found_for_a_long_time(joined: Intent | None) -> None:
    record = concluded(leaver(joined=joined, grace_seconds=5, keep_seconds=6), found())
    kept = (record.grace_seconds, record.keep_seconds)
    assert kept == ((30 * 86400, 90 * 86400) if joined is None else (5, 6))


def test_the_grace_period_of_a_notebook_nobody_knew_of_counts_from_the_newest_leave() -> None:
    """The first departure had ended long before the repeated leave."""
    long_ago = {"left_at": after(days=-99), "joined": an_intent(), "grace_seconds": 60}
    again = an_intent(Verb.LEAVE, occurred_at=after(-0.5))
    record = concluded(leaver(**long_ago, intent=again), found())
    assert record.left_at == after(-0.5)
    assert record.leavings[-1].removal_at == after(0.5)
    first = an_intent(Verb.LEAVE, occurred_at=after(days=-99))
    assert concluded(leaver(**long_ago, intent=first), found()).left_at == after(days=-99)
    other = concluded(leaver(**long_ago, intent=again), found(Kind.CLUSTER_TEMPLATE))
    assert other.left_at == after(days=-99)


@pytest.mark.parametrize(
    "record",
    [
        leaver(a_notebook(State.STOPPED), phase=Phase.SUSPENDED),
        leaver(a_notebook(), leaving=replace(LEAVING, completed_at=NOW)),
        leaver(a_notebook(), leaving=replace(LEAVING, returned_at=NOW)),
        leaver(a_notebook(), leavings=()),
        a_record(a_notebook(State.READY)),
    ],
    ids=["something is left", "it is over", "they came back", "from before records", "present"],
)
def test_otherwise_there_is_nothing_to_conclude(record: Environment) -> None:
    for plan in (Plan(), Plan(scan=(found(),))):
        assert conclusion(record, plan, NOW, POLICY) == (record, False)


@pytest.mark.parametrize(
    "kind", [k for k in Kind if not k.is_use and k is not Kind.SNAPSHOT], ids=str
)
def test_what_the_record_did_not_know_of_is_removed_too(kind: Kind) -> None:
    record = concluded(leaver(a_notebook()), found(kind, "elsewhere/x"))
    assert record.phase is Phase.REMOVING
    missed = record.resources[-1]
    assert (missed.kind, missed.name, missed.observe_at) == (kind, "elsewhere/x", NOW)
    assert missed.state is State.STOPPED, "not absent, or nobody would look at it"
    assert record.leavings[-1].completed_at is None, "it isn't over"
    assert record.due_at is not None
    assert record.due_at <= NOW


def test_two_that_were_missed_are_two() -> None:
    record = concluded(leaver(a_notebook()), found(name="zone-b/nb"), found(name="zone-c/nb"))
    assert [r.name for r in record.resources] == ["zone-a/nb", "zone-b/nb", "zone-c/nb"]
    assert len({r.id for r in record.resources}) == 3


def test_found_again_it_is_the_same_one() -> None:
    record = concluded(leaver(a_notebook()), found())
    again = concluded(replace(record, phase=Phase.REMOVED), found())
    assert again.resources == record.resources


def test_what_was_believed_gone_and_is_there_after_all_is_looked_at_again() -> None:
    record = concluded(leaver(a_notebook()), found(name="zone-a/nb"))
    assert record.resources == (a_notebook(observe_at=NOW),)


@pytest.mark.parametrize("kind", [Kind.SESSION, Kind.CLUSTER])
def test_what_they_started_since_is_looked_for_among_all_they_started(kind: Kind) -> None:
    uses = Resource(kind=kind, slot="started", name="p/uses", serial=3)
    record = concluded(leaver(uses), found(kind, "p/uses/1"))
    assert record.resources == (replace(uses, observe_at=NOW),)
    assert record.phase is Phase.REMOVING


@pytest.mark.parametrize("known", [(), (a_notebook(),)], ids=["empty", "other resources"])
def test_sessions_of_somebody_whose_record_knows_of_none_are_looked_for_all_the_same(
    known: tuple[Resource, ...],
) -> None:
    """Their record was lost, and with it that they had a template."""
    record = concluded(leaver(*known), found(Kind.SESSION, "p/sessions/1"))
    assert record.resources == (*known, SESSION_LOOK)


OLD, SECOND = "a.old@example.com", "ana-old-aaaaaaaaaaaa"


def test_what_was_found_under_another_key_and_address_is_seen_to_under_these() -> None:
    of_old = found(Kind.SESSION_TEMPLATE, "p/t", owner=OLD, key=SECOND)
    [template] = concluded(leaver(), of_old).resources
    assert (template.owner, template.key) == (OLD, SECOND)


def test_what_they_started_under_each_key_and_address_is_looked_for_apart() -> None:
    """Whoever looks by another address finds none of it, and it would never end."""
    addresses = named(named((), OLD, after(-9)), ANA, after(-5))
    record = leaver(SESSIONS, addresses=addresses, merged=(SECOND,))
    others = [found(Kind.SESSION, "p/sessions/1", owner=OLD, key=key) for key in ("", SECOND)]
    again = concluded(record, *others, found(Kind.SESSION, "p/sessions/2", owner=ANA))
    owners = [(r.key, r.owner, r.observe_at) for r in again.resources]
    assert owners == [("", "", NOW), ("", OLD, NOW), (SECOND, OLD, NOW)]
    assert len({r.id for r in again.resources}) == 3
    repeated = concluded(replace(again, phase=Phase.REMOVED), *others)
    assert repeated.resources == again.resources


# What is looked for


def test_what_a_leaver_may_have_started_is_looked_at() -> None:
    older = Resource(kind=Kind.DATAPROC_HUB, slot="hub", name="p/hub", state=State.READY)
    record = with_uses(leaver(), Plan(uses=(SESSIONS,), older=(older,)), NOW)
    assert record.resources == (SESSION_LOOK, replace(older, observe_at=NOW))
    assert record.sought_at == NOW


def test_what_is_known_already_is_not_forgotten_for_it() -> None:
    ended = replace(SESSIONS, step=Step.DELETE, serial=3)
    record = with_uses(leaver(ended), Plan(uses=(SESSIONS,)), NOW)
    assert record.resources == (ended,)


def test_as_long_as_nobody_has_looked_for_older_kinds_it_is_not_said_so() -> None:
    assert with_uses(leaver(), Plan(older=None), NOW).sought_at is None
    assert with_uses(leaver(), Plan(older=()), NOW).sought_at == NOW


@pytest.mark.parametrize(
    ("verb", "resource", "again"),
    [
        (Verb.LEAVE, SESSIONS, True),
        (Verb.LEAVE, replace(SESSIONS, kind=Kind.CLUSTER), True),
        (Verb.LEAVE, replace(SESSIONS, step=Step.DELETE), False),
        (Verb.LEAVE, a_notebook(), False),
        (Verb.JOIN, SESSIONS, False),
    ],
)
def test_while_the_notebook_ran_it_could_start_more(
    verb: Verb, resource: Resource, again: bool
) -> None:
    record = with_another_look(a_record(resource, verb=verb), NOW)
    assert record.resources == (replace(resource, observe_at=NOW) if again else resource,)


# What is written down


def test_what_is_done_to_a_leavers_things_is_written_down() -> None:
    before, running = a_notebook(State.READY), a_notebook(State.READY, step=Step.STOP)
    record = with_evidence(leaver(before), before, running, NOW)
    assert record.resources == (running,)
    assert [d.step for d in record.leavings[0].deeds] == [Step.STOP]


def test_what_is_kept_may_go_later_and_that_is_written_down_too() -> None:
    snapshot = Resource(kind=Kind.SNAPSHOT, slot="s", name="s", state=State.READY)
    going = replace(snapshot, step=Step.DELETE)
    over = replace(LEAVING, completed_at=NOW)
    record = with_evidence(leaver(snapshot, leaving=over), snapshot, going, after(9))
    [leaving] = record.leavings
    assert [(d.step, d.begun_at) for d in leaving.deeds] == [(Step.DELETE, after(9))]
    assert leaving.completed_at == NOW


@pytest.mark.parametrize(
    "leavings",
    [(), (replace(LEAVING, returned_at=NOW),), (replace(LEAVING, completed_at=NOW),)],
    ids=["never left", "came back", "all over"],
)
def test_what_is_done_at_other_times_is_no_part_of_a_departure(
    leavings: tuple[Leaving, ...],
) -> None:
    before, running = a_notebook(State.READY), a_notebook(State.READY, step=Step.STOP)
    record = with_evidence(a_record(before, leavings=leavings), before, running, NOW)
    assert (record.resources, record.leavings) == ((running,), leavings)


def test_a_disk_that_may_hold_the_only_copy_of_kept_work_stays_and_is_named() -> None:
    disk = found(Kind.DISK, "disks/nb-data-workspace")
    keeps = concluded(leaver(a_notebook(), joined=an_intent(), keep_seconds=86400), disk)
    assert keeps.leavings[0].scan == Scan(at=NOW, leftovers=("disk: disks/nb-data-workspace",))
    keeps_none = concluded(leaver(a_notebook(), joined=an_intent(), keep_seconds=0), disk)
    assert [r.kind for r in keeps_none.resources] == [Kind.WORKBENCH, Kind.DISK]


@pytest.mark.parametrize(
    ("resource", "may", "because"),
    [
        (a_notebook(State.READY), True, "it runs"),
        (a_notebook(State.STARTING, was_ready=True), True, "it will run"),
        (a_notebook(State.STOPPED, was_ready=True), False, "it is at rest"),
        (a_notebook(State.BROKEN, was_ready=True), False, "it can't be used"),
        (a_notebook(State.STOPPED), True, "nobody has looked at it yet"),
        (a_notebook(State.ABSENT), False, "it is gone"),
        (a_notebook(State.FOREIGN), False, "it is somebody else's"),
        (
            a_notebook(
                State.STOPPED,
                was_ready=True,
                unconfirmed=(LostCall(step=Step.START, until=after(1)),),
            ),
            True,
            "a start may still be carried out",
        ),
        (SESSIONS, False, "there are none"),
        (SESSION_LOOK, True, "nobody has looked yet"),
        (replace(SESSIONS, state=State.READY), True, "some run"),
        (replace(SESSIONS, kind=Kind.SESSION_TEMPLATE, state=State.READY), True, "a template"),
        (replace(SESSIONS, kind=Kind.SESSION_TEMPLATE, observe_at=NOW), False, "none any more"),
        (replace(SESSIONS, kind=Kind.SNAPSHOT, state=State.READY), False, "nobody can open it"),
        (replace(SESSIONS, kind=Kind.DISK, state=State.READY), False, "nor that"),
    ],
)
def test_what_may_give_a_leaver_access(resource: Resource, may: bool, because: str) -> None:
    assert may_give_access(resource) is may, because
