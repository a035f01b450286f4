"""The creation of a notebook: its turn, its zone, the data to restore."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.policy import Policy
from shared.domain.reconciliation.context import Plan, Turn
from shared.domain.reconciliation.desired_state import DesiredState
from shared.domain.reconciliation.due import queues
from shared.domain.reconciliation.needs import resources_to_observe
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import LostCall, Resource
from shared.domain.status import Health, Phase
from tests.support.builders import KEY, NOW, a_notebook, a_problem, a_record, after
from tests.support.grouped_fields import a_resource, replace
from tests.support.reconciling import Seen, as_it_is, entries_of, reconciled

POLICY = Policy()
ZONES = ("z-a", "z-b", "z-c")
STOCK_OUT = a_problem(Disposition.STOCK_OUT, "ZONE_RESOURCE_POOL_EXHAUSTED")
KEPT = a_resource(
    kind=Kind.SNAPSHOT,
    slot="20260101-000000",
    name="projects/demo/global/snapshots/s1",
    state=State.READY,
    source="projects/demo/locations/z-a/instances/nb",
)


def place(zone: str) -> str:
    return f"projects/demo/locations/{zone}/instances/nb"


NOTEBOOK = Manifest(
    kind=Kind.WORKBENCH,
    slot="main",
    places=tuple(place(zone) for zone in ZONES),
    body={},
    digest="d1",
    scarce="n2",
)
TEMPLATE = Manifest(kind=Kind.SESSION_TEMPLATE, slot="spark", places=("t",), body={}, digest="d2")


def joined(*resources: Resource, **changes: Any) -> Environment:
    return a_record(*resources, **{"phase": Phase.PROVISIONING} | changes)


def planned(
    record: Environment,
    *,
    minute: float = 0,
    seen: Seen | None = None,
    manifests: tuple[Manifest, ...] | None = (NOTEBOOK,),
    **known: Any,
) -> Plan:
    return reconciled(record, manifests, seen, now=after(minute), **known)


def notebook_of(plan: Plan) -> Resource:
    notebook = plan.record.notebook
    assert notebook is not None
    return notebook


# In turn


def test_without_a_turn_the_notebook_waits_and_everything_else_is_created() -> None:
    plan = planned(joined(), manifests=(TEMPLATE, NOTEBOOK), turn=Turn.LATER)
    assert [a.resource.kind for a in plan.actions] == [Kind.SESSION_TEMPLATE]
    assert notebook_of(plan).creation.queued_at == NOW
    assert (plan.record.status.phase, plan.record.status.health) == (
        Phase.PROVISIONING,
        Health.WAITING,
    )
    assert plan.record.status.problem == "", "nothing is wrong"
    assert entries_of(plan) == ["resource.queued"]
    assert plan.record.status.due_at == NOW, "the queue is read by that"


def test_waiting_keeps_the_place_and_is_reported_once() -> None:
    first = planned(joined(), turn=Turn.LATER)
    later = planned(first.record, minute=30, turn=Turn.LATER)
    assert queues(later.record)
    assert (notebook_of(later).creation.queued_at, later.record.status.due_at) == (NOW, NOW)
    assert later.entries == ()
    assert resources_to_observe(first.record, DesiredState((NOTEBOOK,), after(30))) == []


def test_an_event_during_the_wait_keeps_the_place() -> None:
    queued = a_notebook(queued_at=after(-30), observe_at=NOW)
    seen = {"workbench/main": Observation(state=State.ABSENT)}
    plan = planned(joined(queued), seen=seen, turn=Turn.LATER)
    assert notebook_of(plan).creation.queued_at == after(-30)


@pytest.mark.parametrize("turn", [Turn.CERTAIN, Turn.PROVISIONAL])
def test_with_a_turn_the_notebook_is_created(turn: Turn) -> None:
    plan = planned(joined(a_notebook(queued_at=after(-30))), turn=turn)
    assert [a.step for a in plan.actions] == [Step.CREATE]
    assert notebook_of(plan).creation.queued_at is None
    assert plan.record.status.health is Health.OK
    assert plan.provisional == ({"workbench/main"} if turn is Turn.PROVISIONAL else frozenset())


@pytest.mark.parametrize(
    "record",
    [
        joined(a_notebook(queued_at=NOW), verb=Verb.LEAVE, left_at=NOW),
        joined(a_notebook(queued_at=NOW)),
    ],
    ids=["they left", "the profile has no notebook any more"],
)
def test_a_record_that_needs_no_notebook_any_more_leaves_the_queue(record: Environment) -> None:
    """Or nobody could come in by the side door, ever again: somebody would always be waiting."""
    plan = planned(record, manifests=())
    assert notebook_of(plan).creation.queued_at is None
    assert not queues(plan.record)
    assert plan.record.status.due_at is None


def test_a_record_without_its_profile_does_not_block_the_queue() -> None:
    record = joined(a_notebook(queued_at=NOW))
    plan = planned(record, manifests=None)
    assert notebook_of(plan).creation.queued_at is None


LATER = after(10)
LOST_CREATE = (LostCall(step=Step.CREATE, until=LATER),)


@pytest.mark.parametrize(
    ("notebook", "because"),
    [
        (a_notebook(State.READY), "it is there"),
        (a_notebook(State.STOPPED), "it is there, at rest"),
        (a_notebook(State.STARTING, observe_at=LATER), "an operation runs on it"),
        (a_notebook(State.CREATING, observe_at=LATER), "it is being created"),
        (a_notebook(step=Step.CREATE, since=NOW, observe_at=LATER), "it has been asked for"),
        (a_notebook(unconfirmed=LOST_CREATE, observe_at=LATER), "it may have been asked for"),
        (a_notebook(retry_at=LATER, observe_at=LATER), "it waits out a back-off"),
        (a_notebook(State.BROKEN, retry_at=LATER), "it has to be deleted first"),
        (a_notebook(State.FOREIGN), "something of somebody else's is in its place"),
    ],
)
@pytest.mark.parametrize("turn", [Turn.CERTAIN, Turn.LATER])
def test_a_notebook_that_does_not_need_a_turn_leaves_the_queue(
    notebook: Resource, because: str, turn: Turn
) -> None:
    """Nobody waits behind it, however it got into that state."""
    record = joined(replace(notebook, queued_at=after(-30), digest="d1", link="https://x"))
    plan = planned(record, seen=as_it_is, turn=turn)
    assert notebook_of(plan).creation.queued_at is None, because
    assert not queues(plan.record)


@pytest.mark.parametrize(
    ("zone", "tried", "again"), [("z-a", (), True), ("z-a", ("z-a",), False), ("z-x", (), False)]
)
def test_a_lost_create_is_repeated_in_its_own_zone_or_awaited(
    zone: str, tried: tuple[str, ...], again: bool
) -> None:
    """Not where there was no machine, nor where the profile has no zone any more."""
    asked = a_notebook(
        name=place(zone), tried=tuple(place(z) for z in tried), unconfirmed=LOST_CREATE
    )
    plan = planned(joined(asked))
    assert [a.resource.name for a in plan.actions] == ([place(zone)] if again else [])
    if not again:
        assert notebook_of(plan).observe_at == LATER


def test_the_digest_is_saved_before_the_call() -> None:
    wanted = replace(NOTEBOOK, body={"labels": {"team": "risk"}, "gceSetup": {}})
    plan = planned(joined(a_notebook(written=("labels.old",))), manifests=(wanted,))
    assert [a.step for a in plan.actions] == [Step.CREATE]
    written = notebook_of(plan).settings.written
    assert written[0] == "labels.old"
    assert len(written) == 2
    assert "team" in written[1]


def test_a_step_without_settings_saves_no_digest() -> None:
    wanted = replace(NOTEBOOK, body={"labels": {"team": "risk"}, "gceSetup": {}})
    stopped = a_notebook(State.STOPPED, observe_at=NOW)
    seen = {"workbench/main": Observation(state=State.STOPPED)}
    plan = planned(joined(stopped), seen=seen, manifests=(wanted,))
    assert [a.step for a in plan.actions] == [Step.START]
    assert notebook_of(plan).settings.written == ()


def test_waiting_for_the_data_of_another_notebook_leaves_the_queue() -> None:
    record = joined(a_notebook(queued_at=after(-30), generation=2), past(State.STOPPING))
    plan = planned(record, seen=as_it_is, turn=Turn.LATER)
    assert notebook_of(plan).creation.queued_at is None
    assert not queues(plan.record)


@pytest.mark.parametrize("kind", [Kind.SESSION_TEMPLATE, Kind.SNAPSHOT])
def test_only_notebooks_queue(kind: Kind) -> None:
    manifest = Manifest(kind=kind, slot="x", places=(KEPT.name,), body={}, digest="d")
    asked = a_resource(kind=kind, slot="x", name=KEPT.name, source=KEPT.retention.source)
    record = joined(asked, a_notebook(State.STOPPED, saved_in="x"))
    plan = planned(record, manifests=(manifest,), turn=Turn.LATER)
    assert [a.step for a in plan.actions] == [Step.CREATE]
    assert not queues(plan.record)


def test_a_start_needs_no_turn() -> None:
    """Its machine type may be scarce; but its owner has been here before."""
    stopped = a_notebook(State.STOPPED, observe_at=NOW)
    seen = {"workbench/main": Observation(state=State.STOPPED)}
    plan = planned(joined(stopped), seen=seen, turn=Turn.LATER)
    assert [a.step for a in plan.actions] == [Step.START]


# Where there is room


def after_stock_out(record: Environment, minute: float) -> Plan:
    """The plan upon an operation that ended in a stock-out."""
    [creating] = [r for r in record.resources if r.kind is Kind.WORKBENCH]
    running = replace(creating, operation="op", state=State.CREATING, observe_at=after(minute))
    seen = {"workbench/main": Observation(state=State.ABSENT, problem=STOCK_OUT)}
    return planned(record.with_resource(running), minute=minute, seen=seen)


def test_after_a_stock_out_the_next_zone_is_tried_at_once() -> None:
    plan, tried = planned(joined()), []
    for minute in range(1, 4):
        tried.append(notebook_of(plan).name)
        assert [a.step for a in plan.actions] == [Step.CREATE]
        plan = after_stock_out(plan.record, minute)
        if minute < 3:
            assert plan.record.status.phase is Phase.PROVISIONING
            assert plan.record.status.health is Health.OK, "no failure yet"
            assert plan.record.status.problem == ""
    assert tried == [place(zone) for zone in ZONES]
    assert plan.actions == ()
    assert plan.record.status.phase is Phase.PROVISIONING
    assert plan.record.status.health is Health.WAITING, "now every zone has none left"
    assert notebook_of(plan).backoff.retry_at == after(3) + POLICY.backoff(
        1, f"{KEY}/workbench/main"
    )


def test_each_stock_out_is_in_the_history() -> None:
    plan = after_stock_out(planned(joined()).record, 1)
    assert entries_of(plan) == ["step.failed"]


@pytest.mark.parametrize(
    ("shortages", "zone"),
    [((), "z-a"), (("z-a/n2",), "z-b"), (("z-a/n2", "z-b/n2"), "z-c"), (("z-a/c3",), "z-a")],
)
def test_a_zone_that_others_found_empty_is_not_tried(shortages: Collection[str], zone: str) -> None:
    plan = planned(joined(), shortages=shortages)
    assert notebook_of(plan).name == place(zone)


def all_empty() -> frozenset[str]:
    return frozenset(f"{zone}/n2" for zone in ZONES)


def test_when_all_zones_are_known_to_be_empty_nothing_is_called() -> None:
    plan = planned(joined(), shortages=all_empty())
    assert plan.actions == ()
    assert (plan.record.status.phase, plan.record.status.health) == (
        Phase.PROVISIONING,
        Health.WAITING,
    )
    assert "no zone of the profile has n2 available" in plan.record.status.problem
    due_at = plan.record.status.due_at
    assert due_at is not None
    assert NOW < due_at <= NOW + POLICY.backoff_first


def test_a_record_without_a_zone_does_not_block_the_queue() -> None:
    """Else, in their turn again and again, they would use up everybody's."""
    queued = joined(a_notebook(queued_at=after(-30)))
    plan = planned(queued, shortages=all_empty(), turn=Turn.LATER)
    assert not queues(plan.record)
    assert notebook_of(plan).creation.queued_at is None
    due_at = plan.record.status.due_at
    assert due_at is not None
    assert due_at > NOW


def test_after_the_wait_the_notebook_queues_again_and_tries_the_first_zone() -> None:
    waiting = planned(joined(), shortages=all_empty()).record
    minute = (POLICY.backoff_first / timedelta(minutes=1)) + 1
    seen = {"workbench/main": Observation(state=State.ABSENT)}
    again = planned(waiting, minute=minute, seen=seen)
    assert notebook_of(again).name == place("z-a")
    assert [a.step for a in again.actions] == [Step.CREATE]


# From the data there was


def test_a_return_creates_a_notebook_from_the_last_snapshot() -> None:
    plan = planned(joined(a_notebook(State.ABSENT), KEPT))
    [action] = plan.actions
    assert (action.step, action.resource.data.restore_from) == (Step.CREATE, KEPT.name)


@pytest.mark.parametrize(("needed", "asked"), [(0, "100"), (50, "100"), (300, "300")])
@pytest.mark.parametrize("replaces", [False, True], ids=["a return", "a replacement"])
def test_its_disk_is_large_enough_for_the_snapshot(replaces: bool, needed: int, asked: str) -> None:
    """The profile may ask for a smaller one than the person had."""
    kept = replace(KEPT, size_gb=needed)
    smaller = replace(NOTEBOOK, body={"gceSetup": {"dataDisks": [{"diskSizeGb": "100"}]}})
    more = [past(State.STOPPED, saved_in=kept.slot)] if replaces else []
    plan = planned(joined(a_notebook(State.ABSENT), kept, *more), manifests=(smaller,))
    [action] = plan.actions
    assert action.manifest is not None
    assert action.manifest.body == {"gceSetup": {"dataDisks": [{"diskSizeGb": asked}]}}
    assert action.manifest.digest == smaller.digest, "it is what the profile asks for"


def test_a_notebook_is_not_ready_before_its_data_is_back() -> None:
    made = a_notebook(State.READY, restore_from=KEPT.name, digest="d1", observe_at=NOW)
    seen = {"workbench/main": Observation(state=State.READY)}
    plan = planned(joined(made), seen=seen)
    assert [a.step for a in plan.actions] == [Step.RESTORE]
    assert plan.record.status.phase is Phase.PROVISIONING


def past(state: State, **changes: Any) -> Resource:
    """A notebook with work in it that has a successor."""
    return a_notebook(state, name=place("z-a"), superseded=True, was_ready=True, **changes)


def test_a_successor_waits_for_the_data_but_templates_are_there_at_once() -> None:
    waits = (a_notebook(generation=2), past(State.STOPPING))
    plan = planned(joined(*waits), seen=as_it_is, manifests=(TEMPLATE, NOTEBOOK))
    assert [a.resource.kind for a in plan.actions] == [Kind.SESSION_TEMPLATE]
    assert not queues(plan.record), "not for a lack of capacity"
    alone = planned(joined(*waits), seen=as_it_is).record
    assert (alone.status.phase, alone.status.due_at) == (Phase.PROVISIONING, NOW + POLICY.poll)


def test_when_the_data_is_saved_the_successor_is_created_from_it() -> None:
    """And not from a newer snapshot, should there be one of other data."""
    newer = replace(KEPT, slot="20260301-000000", name="projects/demo/global/snapshots/s2")
    both = (a_notebook(generation=2), past(State.STOPPED, saved_in=KEPT.slot))
    [action] = planned(joined(*both, KEPT, newer)).actions
    assert (action.step, action.resource.data.restore_from) == (Step.CREATE, KEPT.name)


def test_without_its_profile_no_successor_is_created() -> None:
    """Whether there is to be a notebook isn't known; so the data isn't given up for lost."""
    both = (a_notebook(generation=2), past(State.STOPPED, saved_in=KEPT.slot), KEPT)
    plan = planned(joined(*both), manifests=None)
    assert plan.actions == ()
    assert len(plan.record.resources) == 3


def test_a_superseded_notebook_is_stopped_before_its_snapshot() -> None:
    stopped = a_notebook(
        State.STOPPED, name=place("z-a"), owner="a.old@example.com", observe_at=NOW
    )
    seen = {"workbench/main": Observation(state=State.STOPPED)}
    [action] = planned(joined(stopped), seen=seen).actions
    assert (action.resource.kind, action.step) == (Kind.SNAPSHOT, Step.CREATE)
    assert action.resource.retention.source == place("z-a")
