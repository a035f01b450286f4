"""The announcements of a plan: one for each relevant change, and none twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Verb
from shared.domain.contracts.announcements import News
from shared.domain.environment import Environment
from shared.domain.faults import Disposition, Problem
from shared.domain.reconciliation.context import Turn
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from shared.domain.status import Health, Phase
from tests.support.builders import NOW, a_problem, a_record, after
from tests.support.grouped_fields import a_resource, replace
from tests.support.reconciling import entries_of, reconciled

GRACE = timedelta(days=14)
HOLD = Hold(at=NOW, reason="a lawsuit")
LINK = "https://nb.example.com"
NAME = "projects/demo/locations/us-central1-a/instances/nb"
MANIFEST = Manifest(kind=Kind.WORKBENCH, slot="main", places=(NAME,), body={}, digest="d1")


def thing(state: State, **more: Any) -> Resource:
    made = a_resource(kind=Kind.WORKBENCH, slot="main", name=NAME, state=state, digest="d1")
    return replace(made, **{"link": LINK} | more)


def environment(verb: Verb, *resources: Resource, **changes: Any) -> Environment:
    return a_record(*resources, verb=verb, **{"phase": Phase.PROVISIONING} | changes)


def failing(disposition: Disposition, failures: int = 1, **more: Any) -> Resource:
    """A notebook that waits after a failure of that fate."""
    problem = a_problem(disposition)
    return thing(
        State.BROKEN,
        failures=failures,
        problem=problem,
        retry_at=after(5),
        observe_at=after(5),
        **more,
    )


@pytest.mark.parametrize(
    ("record", "manifests", "news", "effective_at"),
    [
        (environment(Verb.JOIN, thing(State.READY)), (MANIFEST,), [News.READY], None),
        (environment(Verb.JOIN, thing(State.READY), phase=Phase.READY), (MANIFEST,), [], None),
        (environment(Verb.LEAVE, thing(State.STOPPED)), (), [News.SUSPENDED], NOW + GRACE),
        (
            environment(Verb.LEAVE, thing(State.STOPPED, protected=True), held=HOLD),
            (),
            [News.SUSPENDED],
            None,
        ),
        (
            environment(Verb.JOIN, thing(State.READY), phase=Phase.READY),
            None,
            [News.FAILED],
            None,
        ),
    ],
    ids=["ready", "still ready", "suspended", "suspended under a hold", "failing"],
)
def test_a_change_of_phase_is_announced_once(
    record: Environment,
    manifests: tuple[Manifest, ...] | None,
    news: list[News],
    effective_at: datetime | None,
) -> None:
    first = reconciled(record, manifests).record
    assert [item.news for item in first.outbox.waiting] == news
    assert [item.effective_at for item in first.outbox.waiting] == [effective_at] * len(news)
    assert reconciled(first, manifests, now=after(1)).record.outbox.waiting == first.outbox.waiting


@pytest.mark.parametrize(
    ("notebook", "health", "news"),
    [
        (failing(Disposition.TEMPORARY), Health.RETRYING, News.FAILED),
        (failing(Disposition.STOCK_OUT), Health.WAITING, News.FAILED),
        (failing(Disposition.TEMPORARY, failures=99), Health.QUARANTINED, News.QUARANTINED),
    ],
    ids=["tried again", "waits for capacity", "quarantined"],
)
def test_a_change_of_health_is_announced_once_with_its_reason(
    notebook: Resource, health: Health, news: News
) -> None:
    plan = reconciled(environment(Verb.JOIN, notebook), (MANIFEST,))
    assert (plan.record.status.phase, plan.record.status.health) == (Phase.PROVISIONING, health)
    assert entries_of(plan) == ["health.changed"]
    [item] = plan.record.outbox.waiting
    assert (item.news, item.reason) == (news, plan.record.status.problem)
    again = reconciled(plan.record, (MANIFEST,), now=after(1))
    assert (again.entries, again.record.outbox.waiting) == ((), plan.record.outbox.waiting)


def test_queueing_is_not_announced_as_a_failure() -> None:
    plan = reconciled(environment(Verb.JOIN), (MANIFEST,), turn=Turn.LATER)
    assert plan.record.status.health is Health.WAITING
    assert plan.record.outbox.waiting == ()


def test_ready_is_announced_again_when_a_failure_is_over() -> None:
    """Whatever was announced meanwhile."""
    failed = failing(Disposition.TEMPORARY, was_ready=True)
    before = reconciled(environment(Verb.JOIN, failed), (MANIFEST,)).record
    seen = {"workbench/main": Observation(state=State.READY, link=LINK)}
    plan = reconciled(before, (MANIFEST,), seen, now=after(5))
    assert (plan.record.status.phase, plan.record.status.health) == (Phase.READY, Health.OK)
    assert [item.news for item in plan.record.outbox.waiting] == [News.FAILED, News.READY]
    assert entries_of(plan) == ["resource.ready", "phase.changed", "health.changed"]


def test_restored_data_is_announced_with_its_snapshot() -> None:
    restoring = thing(
        State.RESTORING,
        step=Step.RESTORE,
        operation="op",
        restore_from="snapshots/s1",
        observe_at=NOW,
    )
    record = environment(Verb.JOIN, restoring)
    going_on = {"workbench/main": Observation(state=State.READY, link=LINK, operation="op")}
    assert reconciled(record, (MANIFEST,), going_on).record.status.phase is Phase.PROVISIONING
    seen = {"workbench/main": Observation(state=State.READY, link=LINK, finished=True)}
    plan = reconciled(record, (MANIFEST,), seen)
    news = [(item.news, item.reason) for item in plan.record.outbox.waiting]
    assert news == [(News.RESTORED, "snapshots/s1"), (News.READY, "")]
    assert "notebook.restored" in entries_of(plan)


def test_a_failed_restore_is_not_announced_as_done() -> None:
    restoring = thing(
        State.RESTORING, step=Step.RESTORE, restore_from="snapshots/s1", observe_at=NOW
    )
    gone = Problem(code="NOT_FOUND", message="no such snapshot", disposition=Disposition.PERMANENT)
    seen = {"workbench/main": Observation(state=State.READY, link=LINK, problem=gone)}
    plan = reconciled(environment(Verb.JOIN, restoring), (MANIFEST,), seen)
    assert "notebook.restored" not in entries_of(plan)
    assert News.RESTORED not in [item.news for item in plan.record.outbox.waiting]
    assert plan.record.resources[0].data.restore_from == "", "better than none at all"
    assert "no such snapshot" in plan.record.status.problem


def test_ready_is_announced_with_the_link_that_opens_it() -> None:
    link = "https://nb.notebooks.example.com"
    creating = thing(State.CREATING, step=Step.CREATE, operation="op", observe_at=NOW)
    seen = {"workbench/main": Observation(state=State.READY, link=link, finished=True)}
    plan = reconciled(environment(Verb.JOIN, creating), (MANIFEST,), seen)
    [item] = plan.record.outbox.waiting
    assert (item.news, item.notebook) == (News.READY, link)
