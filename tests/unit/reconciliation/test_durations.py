"""How long people waited for what an event asks for.

How long until the event was stored is in ``services/test_time_to_store.py``.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.commands.intent import Intent, Verb
from shared.domain.faults import CloudFault, Disposition
from shared.domain.policy import Policy
from shared.domain.reconciliation.access import has_no_access
from shared.domain.reconciliation.desired_state import Goal
from shared.domain.reconciliation.durations import (
    fulfilled,
    late_access,
    unmet_since,
)
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import LostCall, Resource
from shared.domain.status import Health, Phase
from tests.support.builders import (
    ANA,
    KEY,
    NOW,
    a_notebook,
    a_record,
    after,
    an_intent,
    minutes,
    once_at,
    ready_world,
)
from tests.support.grouped_fields import replace
from tests.support.simulation.world import GRACE, START, World

# In these tests an operation takes 90 s, and the tick after two minutes sees that it has ended.
SESSION = "projects/demo/locations/us-central1/sessions/s"


def measured(world: World, email_key: str = KEY) -> list[tuple[str, float]]:
    """What the history says was measured: action and seconds, oldest first."""
    entries = reversed(world.store.history(email_key, 1000))
    return [(e.action, e.seconds) for e in entries if e.seconds is not None]


def refuse() -> None:
    raise CloudFault(Disposition.TEMPORARY, "X", "not now")


# From a join that takes effect to ready


def test_a_join_is_measured_to_ready() -> None:
    assert measured(ready_world()) == [("phase.changed", 120.0)]


def test_a_repeated_join_does_not_restart_the_measurement() -> None:
    world = World()
    world.join(ANA, event_id="same")
    world.run_for(minutes(1))
    world.join(ANA, event_id="same")
    world.join(ANA, event_id="another")
    world.run_for(minutes(5))
    assert measured(world) == [("phase.changed", 120.0)]


def test_a_scheduled_join_is_measured_from_its_time_not_from_the_tick_that_noticed() -> None:
    world = World()
    world.join(ANA, effective_at=START + timedelta(minutes=30))
    world.pass_time(minutes(33))
    world.run_for(minutes(5))
    assert measured(world) == [("phase.changed", 6 * 60.0)], (
        "four minutes late, two for the creation"
    )


def test_a_late_join_is_measured_from_its_arrival() -> None:
    world = World()
    world.join(ANA, effective_at=START - timedelta(days=3), occurred_at=START - timedelta(days=9))
    world.run_for(minutes(5))
    assert measured(world) == [("phase.changed", 120.0)]


def test_a_return_is_measured_from_the_return() -> None:
    world = ready_world()
    world.leave(ANA)
    world.run_for(timedelta(days=2))
    world.join(ANA)
    world.run_for(minutes(5))
    assert measured(world)[2:] == [("phase.changed", 120.0)]


def test_time_lost_to_a_failure_is_part_of_the_measurement() -> None:
    world = World()
    hit = once_at(world, "before:workbench.create", refuse)
    world.join(ANA)
    world.run_for(minutes(9))
    assert hit
    assert measured(world) == [("phase.changed", 180.0)], "one minute to the second try"


def test_ready_again_without_an_event_measures_nothing() -> None:
    world = ready_world()
    world.command("hold", ANA)
    world.run_for(minutes(5))
    phases = [e.text for e in world.store.history(KEY, 99) if e.action == "phase.changed"]
    assert phases[0] == "now ready", "they were provisioning while the protection was set"
    assert len(phases) > 2
    assert measured(world) == [("phase.changed", 120.0)]


def test_a_join_that_changes_nothing_is_not_measured() -> None:
    world = ready_world()
    world.join(ANA)
    assert world.record(ANA).status.unmet_since is None
    assert measured(world) == [("phase.changed", 120.0)]


# From a leave that takes effect to the end of access


def test_a_leave_is_measured_once_to_the_end_of_access(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = ready_world()
    world.leave(ANA)
    world.run_for(GRACE + timedelta(days=1))
    assert world.record(ANA).status.phase is Phase.REMOVED
    assert measured(world)[1:] == [("access.ended", 120.0)]
    assert not [line for line in caplog.records if is_late(line)]


def test_a_repeated_leave_neither_restarts_the_measurement_nor_is_measured() -> None:
    world = ready_world()
    world.leave(ANA)
    world.run_for(minutes(1))
    world.leave(ANA, event_id="again")
    world.run_for(minutes(9))
    world.leave(ANA, event_id="for-cause", immediate=True)
    world.run_for(minutes(30))
    assert world.record(ANA).status.phase is Phase.REMOVED
    assert measured(world)[1:] == [("access.ended", 120.0)]


def test_an_immediate_leave_is_measured_to_before_the_snapshot() -> None:
    world = ready_world()
    world.leave(ANA, immediate=True)
    world.run_for(minutes(30))
    assert measured(world)[1:] == [("access.ended", 120.0)]
    actions = [e.action for e in reversed(world.store.history(KEY, 99))]
    assert actions.index("access.ended") < actions.index("resource.deleting")


def test_a_return_during_a_leave_is_measured_to_ready_only() -> None:
    world = ready_world()
    world.leave(ANA)
    world.run_for(minutes(1))
    world.join(ANA)
    world.run_for(minutes(9))
    assert world.record(ANA).status.phase is Phase.READY
    assert [action for action, _ in measured(world)] == ["phase.changed", "phase.changed"]


def is_late(line: logging.LogRecord) -> bool:
    return getattr(line, "action", "") == "access.late"


def test_while_a_stop_fails_access_has_not_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = ready_world()

    def no_deletion(point: str) -> None:
        if point == "before:session-template.delete" and world.clock.now() < START + minutes(45):
            refuse()

    world.trap = no_deletion
    world.leave(ANA)
    world.run_for(minutes(30))
    record = world.record(ANA)
    assert (record.status.phase, record.status.health) == (Phase.SUSPENDING, Health.RETRYING)
    assert measured(world) == [("phase.changed", 120.0)], "stopped, but the template is there"
    late = [getattr(line, "seconds", 0) for line in caplog.records if is_late(line)]
    assert len(late) > 1
    assert late == sorted(late)
    assert 300 < late[0] <= 600, "at the first try after five minutes"
    world.run_for(minutes(90))
    [(_, _), (action, seconds)] = measured(world)
    assert action == "access.ended"
    assert seconds > 40 * 60


def test_the_end_of_access_names_what_a_hold_keeps() -> None:
    world = ready_world()
    world.cloud.start_use(Kind.CLUSTER, "projects/demo/regions/us-central1/clusters/c", KEY, ANA)
    world.command("hold", ANA)
    world.leave(ANA)
    world.run_for(minutes(10))
    [entry] = [e for e in world.store.history(KEY, 1000) if e.action == "access.ended"]
    assert entry.text.endswith(
        "except what a hold keeps: session-template/spark, cluster-template/small, cluster/started"
    )


def test_without_recorded_resources_access_ends_with_the_final_search() -> None:
    world = ready_world()
    world.store._environments.clear()
    world.leave(ANA)
    assert world.record(ANA).status.phase is not Phase.REMOVED
    assert measured(world) == [("phase.changed", 120.0)], "the search found a running notebook"
    world.run_for(minutes(10))
    assert measured(world)[1:] == [("access.ended", 120.0)]


def test_when_the_search_finds_nothing_either_access_ended_at_once() -> None:
    world = World()
    world.leave(ANA)
    assert measured(world) == [("access.ended", 0.0)]


def test_what_a_leaver_started_before_the_notebook_stopped_is_ended_first() -> None:
    world = ready_world()

    world.leave(ANA)
    world.cloud.start_use(Kind.SESSION, SESSION, KEY, ANA)
    world.run_for(minutes(2))
    assert measured(world)[1:] == []
    world.run_for(minutes(10))
    assert not world.cloud.alive(Kind.SESSION)
    [(action, seconds)] = measured(world)[1:]
    assert (action, seconds > 120) == ("access.ended", True)


def test_a_change_of_address_is_measured_like_a_join_until_the_data_is_restored() -> None:
    world = ready_world()
    world.join("ana.b@example.com", previous_email=ANA)
    world.run_for(timedelta(hours=2))
    [_, (action, seconds)] = measured(world)
    assert (world.record(ANA).status.phase, action) == (Phase.READY, "phase.changed")
    assert seconds > 300, "stopped, copied, recreated and restored"


def test_a_clock_that_is_behind_makes_no_time_negative() -> None:
    record = a_record(a_notebook(State.READY), unmet_since=after(1))
    assert fulfilled(record, {}, NOW, unsearched=False) == (replace(record, unmet_since=None), 0.0)


# What access is


def template(state: State) -> Resource:
    return Resource(kind=Kind.SESSION_TEMPLATE, slot="s", name="t", state=state)


MAY_START = LostCall(step=Step.START, until=after(3))


@pytest.mark.parametrize(
    ("resource", "goal", "over"),
    [
        pytest.param(a_notebook(State.STOPPED), Goal.STOPPED, True, id="stopped"),
        pytest.param(a_notebook(State.READY), Goal.STOPPED, False, id="runs"),
        pytest.param(a_notebook(State.STOPPING), Goal.STOPPED, False, id="stopping"),
        pytest.param(a_notebook(State.BROKEN), Goal.STOPPED, True, id="broken runs nothing"),
        pytest.param(a_notebook(State.ABSENT), Goal.ABSENT, True, id="gone"),
        pytest.param(a_notebook(State.FOREIGN), Goal.STOPPED, True, id="not theirs"),
        pytest.param(a_notebook(State.DELETING), Goal.ABSENT, False, id="not gone yet"),
        pytest.param(
            a_notebook(State.STOPPED, step=Step.DELETE, observe_at=NOW),
            Goal.ABSENT,
            True,
            id="stopped, and being deleted",
        ),
        pytest.param(
            a_notebook(State.STOPPED, step=Step.START, observe_at=NOW),
            Goal.STOPPED,
            False,
            id="a start is under way",
        ),
        pytest.param(
            a_notebook(State.STOPPED, observe_at=NOW),
            Goal.STOPPED,
            False,
            id="to be looked at first",
        ),
        pytest.param(
            a_notebook(State.STOPPED, unconfirmed=(MAY_START,)), Goal.STOPPED, False, id="may start"
        ),
        pytest.param(template(State.READY), Goal.ABSENT, False, id="a template"),
        pytest.param(template(State.READY), Goal.UNMANAGED, True, id="kept by a hold"),
        pytest.param(template(State.ABSENT), Goal.ABSENT, True, id="no template"),
        pytest.param(template(State.BROKEN), Goal.ABSENT, False, id="a template is never at rest"),
        pytest.param(
            Resource(kind=Kind.SNAPSHOT, slot="s", name="s", state=State.CREATING),
            Goal.PRESENT,
            True,
            id="a snapshot is no access",
        ),
        pytest.param(
            Resource(kind=Kind.DISK, slot="d", name="d", state=State.READY, observe_at=NOW),
            Goal.ABSENT,
            True,
            id="a disk is no access",
        ),
    ],
)
def test_access_has_ended(resource: Resource, goal: Goal, over: bool) -> None:
    leaver = a_record(resource, a_notebook(State.STOPPED, slot="2"), verb=Verb.LEAVE)
    assert has_no_access(leaver, {resource.id: goal, "workbench/2": Goal.STOPPED}) is over


def test_without_a_known_join_access_has_not_ended_before_the_search() -> None:
    stranger = a_record(verb=Verb.LEAVE, unmet_since=NOW, joined=None)
    assert fulfilled(stranger, {}, NOW, unsearched=True) == (stranger, None)
    known = replace(stranger, joined=an_intent())
    assert fulfilled(known, {}, NOW, unsearched=True) == (replace(known, unmet_since=None), 0.0)


@pytest.mark.parametrize(
    ("before", "intent", "expected"),
    [
        pytest.param(an_intent(), an_intent(id="e2"), after(-9), id="a join while one waits"),
        pytest.param(an_intent(), an_intent(Verb.LEAVE), NOW, id="a leave while a join waits"),
        pytest.param(an_intent(Verb.LEAVE), an_intent(), NOW, id="a join while a leave waits"),
        pytest.param(
            an_intent(Verb.LEAVE), an_intent(Verb.LEAVE, "e2"), after(-9), id="a second leave"
        ),
    ],
)
def test_the_time_since_when_somebody_waits(before: Intent, intent: Intent, expected: Any) -> None:
    record = a_record(intent=before, unmet_since=after(-9))
    assert unmet_since(record, intent, NOW) == expected


@pytest.mark.parametrize(
    ("before", "intent", "expected"),
    [
        pytest.param(None, an_intent(), NOW, id="the first join"),
        pytest.param(an_intent(), an_intent(id="e2"), NOW, id="a join after ready"),
        pytest.param(
            an_intent(Verb.LEAVE), an_intent(Verb.LEAVE, "e2"), None, id="access has ended already"
        ),
    ],
)
def test_somebody_who_waits_for_nothing_has_no_such_time(
    before: Intent | None, intent: Intent, expected: Any
) -> None:
    assert unmet_since(a_record(intent=before), intent, NOW) == expected


@pytest.mark.parametrize(("second", "late"), [(0, None), (1, 301.0)])
def test_access_is_late_after_more_than_five_minutes(second: int, late: float | None) -> None:
    record = a_record(a_notebook(State.READY), verb=Verb.LEAVE, unmet_since=NOW)
    moment = NOW + Policy().access_late + timedelta(seconds=second)
    assert late_access(record, moment, Policy()) == late
