"""Where each resource should get to, as a table: by what is in force, a hold, and the clock."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.reconciliation.desired_state import Goal, Manifests, goals_of, removal_due
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource
from tests.support.builders import ANA, NOW, a_record, after, an_intent
from tests.support.grouped_fields import a_resource

UP, DOWN, GONE, STAY = Goal.PRESENT, Goal.STOPPED, Goal.ABSENT, Goal.UNMANAGED
HOLD = Hold(at=NOW, reason="a lawsuit")
OLDER = (Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB)
TEMPLATES = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)
GRACE_DAYS = 14


def thing(kind: Kind, **changes: Any) -> Resource:
    return a_resource(kind=kind, slot="main", name=f"a/{kind}", state=State.READY, **changes)


def manifests(*kinds: Kind) -> Manifests:
    return tuple(Manifest(kind=k, slot="main", places=("p",), body={}, digest="d") for k in kinds)


def goal_of(record: Environment, kind: Kind, manifests: Manifests, day: float = 0) -> Goal:
    """The goal of the only resource of ``kind`` in ``record``, that many days after ``NOW``."""
    found = record.with_resource(thing(kind)) if record.resource(f"{kind}/main") is None else record
    return goals_of(found, manifests, after(days=day))[f"{kind}/main"]


@pytest.mark.parametrize("held", [None, HOLD], ids=["free", "held"])
@pytest.mark.parametrize("kind", [Kind.WORKBENCH, *OLDER, *TEMPLATES])
def test_what_the_profile_asks_for_is_present(kind: Kind, held: Hold | None) -> None:
    assert goal_of(a_record(held=held), kind, manifests(kind)) is UP


@pytest.mark.parametrize("kind", [Kind.WORKBENCH, *OLDER, *TEMPLATES])
def test_without_a_profile_nothing_is_deleted(kind: Kind) -> None:
    assert goal_of(a_record(), kind, None) is UP


@pytest.mark.parametrize(
    ("kind", "free", "held"),
    [
        *((kind, DOWN, DOWN) for kind in (Kind.WORKBENCH, *OLDER)),
        *((kind, GONE, STAY) for kind in TEMPLATES),
    ],
)
def test_what_left_the_profile_is_absent_but_a_notebook_is_only_stopped(
    kind: Kind, free: Goal, held: Goal
) -> None:
    assert goal_of(a_record(), kind, manifests()) is free
    assert goal_of(a_record(held=HOLD), kind, manifests()) is held


@pytest.mark.parametrize("kind", [Kind.SESSION, Kind.CLUSTER])
@pytest.mark.parametrize("held", [None, HOLD], ids=["free", "held"])
def test_workloads_of_people_who_are_here_are_unmanaged(kind: Kind, held: Hold | None) -> None:
    assert goal_of(a_record(held=held), kind, manifests()) is STAY


@pytest.mark.parametrize(
    ("kind", "before", "afterwards", "held"),
    [
        *((kind, DOWN, GONE, DOWN) for kind in (Kind.WORKBENCH, *OLDER)),
        *((kind, GONE, GONE, STAY) for kind in TEMPLATES),
        (Kind.CLUSTER, GONE, GONE, STAY),
        (Kind.SESSION, GONE, GONE, GONE),
    ],
)
def test_leaving_has_two_speeds_and_a_hold_deletes_nothing(
    kind: Kind, before: Goal, afterwards: Goal, held: Goal
) -> None:
    """To end a session deletes nothing; a cluster has disks."""
    for day, goal in ((0, before), (GRACE_DAYS - 0.01, before), (GRACE_DAYS, afterwards)):
        assert goal_of(a_record(verb=Verb.LEAVE), kind, manifests(), day) is goal
        assert goal_of(a_record(verb=Verb.LEAVE, held=HOLD), kind, manifests(), day) is held


def test_an_immediate_leave_has_no_grace_period() -> None:
    record = a_record(intent=an_intent(Verb.LEAVE, immediate=True), left_at=NOW)
    assert goal_of(record, Kind.WORKBENCH, manifests()) is GONE
    assert removal_due(record, NOW)


@pytest.mark.parametrize("kind", [Kind.WORKBENCH, *TEMPLATES])
def test_without_an_intent_in_force_everything_is_absent(kind: Kind) -> None:
    goal = goal_of(a_record(intent=None), kind, manifests(kind))
    assert goal is (DOWN if kind is Kind.WORKBENCH else GONE)


def test_somebody_who_is_here_is_never_due_for_removal() -> None:
    assert not removal_due(a_record(), after(days=9999))


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize(
    ("expires_in", "held", "goal"),
    [
        (None, None, UP),
        (1, None, UP),
        (0, None, GONE),
        (-1, None, GONE),
        (-1, HOLD, STAY),
        (1, HOLD, UP),
    ],
)
def test_a_snapshot_is_present_until_it_expires_whether_its_owner_is_here_or_not(
    verb: Verb, expires_in: float | None, held: Hold | None, goal: Goal
) -> None:
    expires = None if expires_in is None else after(expires_in)
    record = a_record(thing(Kind.SNAPSHOT, expires_at=expires), verb=verb, held=held)
    assert goal_of(record, Kind.SNAPSHOT, manifests()) is goal


# Replaced (the stages are in test_replacement.py)


@pytest.mark.parametrize(
    ("changes", "free", "held"),
    [
        ({"owner": "ana.old@example.com"}, DOWN, DOWN),
        ({"recreate": True}, DOWN, DOWN),
        ({"recreate": True, "restore_from": "s"}, GONE, DOWN),
        ({"recreate": True, "failed": True}, GONE, DOWN),
        ({"owner": ANA}, UP, UP),
        ({"superseded": True}, DOWN, DOWN),
        ({"superseded": True, "restore_from": "s"}, GONE, DOWN),
    ],
)
def test_a_superseded_notebook_is_kept_until_its_data_is_in_its_successor(
    changes: dict[str, Any], free: Goal, held: Goal
) -> None:
    for hold, goal in ((None, free), (HOLD, held)):
        record = a_record(thing(Kind.WORKBENCH, **changes), held=hold)
        assert list(goals_of(record, manifests(Kind.WORKBENCH), NOW).values()) == [goal]
    left = a_record(thing(Kind.WORKBENCH, **changes), verb=Verb.LEAVE, left_at=after(days=-15))
    assert list(goals_of(left, manifests(), NOW).values()) == [GONE], (
        "as every notebook of a leaver"
    )


@pytest.mark.parametrize("held", [None, HOLD], ids=["free", "held"])
def test_a_template_of_a_merged_record_is_absent(held: Hold | None) -> None:
    """The person's own takes its place."""
    record = a_record(thing(Kind.SESSION_TEMPLATE, superseded=True, generation=2), held=held)
    goals = goals_of(record, manifests(Kind.SESSION_TEMPLATE), NOW)
    assert list(goals.values()) == [STAY if held else GONE]
