"""What a decision tells others: one announcement for each change they act on, and none twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from shared.domain.decision import Decision, decide, prepared

from shared.domain.announcements import News
from shared.domain.environment import Environment, Phase, Verb
from shared.domain.faults import Fate, Problem
from shared.domain.goals import Plan
from shared.domain.holds import Hold
from shared.domain.policy import Policy
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from tests.support.builders import NOW, a_record
from tests.support.resource_builders import a_resource

GRACE = timedelta(days=14)
HOLD = Hold(at=NOW, reason="a lawsuit")
LINK = "https://nb.example.com"
NAME = "projects/demo/locations/us-central1-a/instances/nb"


def want() -> Want:
    return Want(kind=Kind.WORKBENCH, slot="main", places=(NAME,), body={}, digest="d1")


def thing(state: State, **more: Any) -> Resource:
    made = a_resource(kind=Kind.WORKBENCH, slot="main", name=NAME, state=state, digest="d1")
    return replace(made, **{"link": LINK} | more)


def environment(verb: Verb, *resources: Resource, **changes: Any) -> Environment:
    ordinary: dict[str, Any] = {"phase": Phase.PROVISIONING}
    return a_record(*resources, verb=verb, **ordinary | changes)


def plan(*wants: Want) -> Plan:
    return Plan(wants=wants)


def decided(
    record: Environment, plan: Plan, seen: Mapping[str, Observation] | None = None
) -> Decision:
    return decide(prepared(record, plan, NOW), plan, seen or {}, NOW, Policy())


def actions_of(decision: Decision) -> list[str]:
    return [entry.action for entry in decision.entries]


@pytest.mark.parametrize(
    ("record", "plan", "news", "effective_at"),
    [
        (environment(Verb.JOIN, thing(State.READY)), plan(want()), [News.READY], None),
        (environment(Verb.JOIN, thing(State.READY), phase=Phase.READY), plan(want()), [], None),
        (environment(Verb.LEAVE, thing(State.STOPPED)), plan(), [News.SUSPENDED], NOW + GRACE),
        (
            environment(Verb.LEAVE, thing(State.STOPPED, protected=True), held=HOLD),
            plan(),
            [News.SUSPENDED],
            None,
        ),
        (
            environment(Verb.JOIN, thing(State.READY), phase=Phase.READY),
            Plan(wants=None),
            [News.FAILED],
            None,
        ),
    ],
    ids=["ready", "still ready", "suspended", "suspended under a hold", "failing"],
)
def test_a_change_of_phase_is_announced_once(
    record: Environment, plan: Plan, news: list[News], effective_at: datetime | None
) -> None:
    outbox = decided(record, plan).environment.outbox
    assert [item.news for item in outbox] == news
    assert [item.effective_at for item in outbox] == [effective_at] * len(news)


def test_data_that_came_back_is_announced_with_its_snapshot() -> None:
    restoring = thing(
        State.RESTORING,
        step=Step.RESTORE,
        operation="op",
        restore_from="snapshots/s1",
        observe_at=NOW,
    )
    record = environment(Verb.JOIN, restoring)
    assert decided(record, plan(want())).environment.phase is Phase.PROVISIONING
    seen = {"workbench/main": Observation(state=State.READY, link=LINK, finished=True)}
    decision = decided(record, plan(want()), seen)
    news = [(item.news, item.reason) for item in decision.environment.outbox]
    assert news == [(News.RESTORED, "snapshots/s1"), (News.READY, "")]
    assert "notebook.restored" in actions_of(decision)


def test_a_restore_that_failed_is_not_said_to_be_done() -> None:
    restoring = thing(
        State.RESTORING, step=Step.RESTORE, restore_from="snapshots/s1", observe_at=NOW
    )
    gone = Problem(code="NOT_FOUND", message="no such snapshot", fate=Fate.PERMANENT)
    seen = {"workbench/main": Observation(state=State.READY, link=LINK, problem=gone)}
    decision = decided(environment(Verb.JOIN, restoring), plan(want()), seen)
    assert "notebook.restored" not in actions_of(decision)
    assert News.RESTORED not in [item.news for item in decision.environment.outbox]
    assert decision.environment.resources[0].restore_from == "", "better than none at all"
    assert "no such snapshot" in decision.environment.problem


def test_ready_is_announced_with_the_link_that_opens_it() -> None:
    link = "https://nb.notebooks.example.com"
    creating = thing(State.CREATING, step=Step.CREATE, operation="op", observe_at=NOW)
    seen = {"workbench/main": Observation(state=State.READY, link=link, finished=True)}
    decision = decided(environment(Verb.JOIN, creating), plan(want()), seen)
    [item] = decision.environment.outbox
    assert (item.news, item.notebook) == (News.READY, link)
