"""A notebook that can't be changed in place gets a successor: when, in which stages."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.commands.holds import Hold
from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.manifests.workbench import successor_id
from shared.domain.reconciliation.context import Plan
from shared.domain.reconciliation.desired_state import Goal
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.replacement import (
    awaits_data,
    handed_over,
    is_replacing,
    may_go,
    must_be_replaced,
    next_generation,
    with_successors,
)
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import LostCall, Resource
from shared.domain.status import Phase
from tests.support.builders import ANA, KEY, NOW, a_notebook, a_record, after
from tests.support.grouped_fields import a_resource, replace
from tests.support.reconciling import as_it_is, reconciled

OLD = "ana.old@example.com"
HOLD = Hold(at=NOW, reason="a lawsuit")
PLACE = "projects/demo/locations/z-a/instances/nb"
COPY = "projects/demo/global/snapshots/s1"
MANIFEST = Manifest(kind=Kind.WORKBENCH, slot="main", places=(PLACE,), body={}, digest="d1")
FIRST, SECOND = "workbench/main~1", "workbench/main"


def notebook(state: State, **changes: Any) -> Resource:
    """The notebook of Ana's former address, in which she has worked."""
    values: dict[str, Any] = {"name": PLACE, "owner": OLD, "was_ready": True, "digest": "d1"}
    return a_notebook(state, **values | changes)


def snapshot(state: State = State.READY, **changes: Any) -> Resource:
    """The snapshot of it."""
    made = a_resource(kind=Kind.SNAPSHOT, slot="s1", name=COPY, source=PLACE, state=state)
    return replace(made, ready_since=NOW, expires_at=after(days=30), **changes)


def superseded(state: State = State.STOPPED, **changes: Any) -> Resource:
    return notebook(state, superseded=True, saved_in="s1", **changes)


def successor(state: State, **changes: Any) -> Resource:
    values: dict[str, Any] = {"name": f"{PLACE}-abcdef", "generation": 2, "owner": ANA}
    return notebook(state, **values | changes)


# When


@pytest.mark.parametrize("recreate", [False, True])
@pytest.mark.parametrize("owner", ["", ANA, OLD])
@pytest.mark.parametrize("there", [State.READY, State.ABSENT, State.FOREIGN, State.BROKEN])
@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("past", [False, True], ids=["current", "superseded"])
def test_reasons_to_replace_a_notebook(
    past: bool, verb: Verb, there: State, owner: str, recreate: bool
) -> None:
    """With `recreate`; or if it was created for another address, exists and is ours."""
    one = notebook(there, owner=owner, recreate=recreate, superseded=past)
    expected = not past and verb is Verb.JOIN and there is not State.ABSENT
    expected = expected and (recreate or (owner == OLD and there is not State.FOREIGN))
    assert must_be_replaced(a_record(one, verb=verb), one) is expected


def test_a_successor_whose_name_somebody_elses_has_gets_another_name() -> None:
    foreign = successor(State.FOREIGN)
    assert must_be_replaced(a_record(superseded(), foreign), foreign)
    assert not must_be_replaced(a_record(foreign), foreign)


def test_a_new_source_does_not_cancel_the_look_after_a_lost_create() -> None:
    """The superseded notebook was snapshotted again, because its owner left."""
    lost = LostCall(step=Step.CREATE, until=after(3))
    waiting = successor(State.ABSENT, unconfirmed=(lost,), observe_at=after(3))
    draft = Draft(a_record(superseded(), snapshot(), waiting), NOW)
    with_successors(draft, ())
    notebook = draft.record.notebook
    assert notebook is not None
    assert (notebook.data.restore_from, notebook.observe_at) == (COPY, after(3))


def test_a_notebook_that_may_still_be_created_for_the_former_address_is_replaced() -> None:
    lost = (LostCall(step=Step.CREATE, until=after(1)),)
    one = notebook(State.ABSENT, unconfirmed=lost)
    assert must_be_replaced(a_record(one), one)


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.WORKBENCH])
def test_only_notebooks_are_replaced(kind: Kind) -> None:
    one = notebook(State.READY, kind=kind, recreate=True)
    assert not must_be_replaced(a_record(one), one)


# Stages


def planned(record: Environment, manifests: tuple[Manifest, ...] | None = (MANIFEST,)) -> Plan:
    """The plan after observations that show no change."""
    looked = tuple(replace(r, observe_at=NOW) for r in record.resources)
    return reconciled(replace(record, resources=looked), manifests, as_it_is)


STAGES = [
    ("it is stopped", [notebook(State.READY)], {SECOND: Step.STOP}, [SECOND]),
    (
        "a snapshot of its data is begun",
        [notebook(State.STOPPED)],
        {"snapshot/20260504-120000": Step.CREATE},
        [SECOND, "snapshot/20260504-120000"],
    ),
    (
        "the snapshot is awaited",
        [notebook(State.STOPPED, saved_in="s1"), snapshot(State.CREATING)],
        {},
        [SECOND, "snapshot/s1"],
    ),
    (
        "it is superseded, and its successor is made",
        [notebook(State.STOPPED, saved_in="s1"), snapshot()],
        {SECOND: Step.CREATE},
        ["snapshot/s1", SECOND, FIRST],
    ),
    (
        "what is broken is replaced likewise",
        [notebook(State.BROKEN, saved_in="s1"), snapshot()],
        {SECOND: Step.CREATE},
        ["snapshot/s1", SECOND, FIRST],
    ),
    (
        "the data is restored into the successor",
        [superseded(), snapshot(), successor(State.READY)],
        {SECOND: Step.RESTORE},
        [FIRST, "snapshot/s1", SECOND],
    ),
    (
        "a successor that was stopped is started for that",
        [superseded(), snapshot(), successor(State.STOPPED)],
        {SECOND: Step.START},
        [FIRST, "snapshot/s1", SECOND],
    ),
    (
        "the superseded one stays until the data was restored",
        [superseded(), snapshot(), successor(State.RESTORING, restore_from=COPY)],
        {},
        [FIRST, "snapshot/s1", SECOND],
    ),
    (
        "then it is deleted",
        [superseded(handed_over=True), snapshot(), successor(State.READY)],
        {FIRST: Step.DELETE},
        [FIRST, "snapshot/s1", SECOND],
    ),
    (
        "which is forgotten",
        [superseded(State.ABSENT, handed_over=True), snapshot(), successor(State.READY)],
        {},
        ["snapshot/s1", SECOND],
    ),
    (
        "if somebody starts it again it is stopped, and its data copied once more",
        [superseded(State.READY), snapshot(), successor(State.READY)],
        {FIRST: Step.STOP},
        [FIRST, "snapshot/s1", SECOND],
    ),
    (
        "without its snapshot it is not deleted, but another one is taken",
        [superseded(), successor(State.READY)],
        {"snapshot/20260504-120000": Step.CREATE},
        [FIRST, SECOND, "snapshot/20260504-120000"],
    ),
    (
        "one whose data was not restored yet is deleted and recreated",
        [notebook(State.STOPPED, restore_from=COPY)],
        {SECOND: Step.DELETE},
        [SECOND],
    ),
    (
        "what was left of a failed creation likewise",
        [notebook(State.BROKEN, failed=True, was_ready=False)],
        {SECOND: Step.DELETE},
        [SECOND],
    ),
    (
        "in the place of what isn't ours another name is used",
        [notebook(State.FOREIGN, recreate=True)],
        {SECOND: Step.CREATE},
        [SECOND],
    ),
]


@pytest.mark.parametrize(
    ("resources", "steps", "ids"), [s[1:] for s in STAGES], ids=[s[0] for s in STAGES]
)
def test_each_stage_can_be_seen_in_the_record(
    resources: list[Resource], steps: dict[str, Step], ids: list[str]
) -> None:
    plan = planned(a_record(*resources))
    assert {a.resource.id: a.step for a in plan.actions} == steps
    assert sorted(r.id for r in plan.record.resources) == sorted(ids)


@pytest.mark.parametrize(
    ("resources", "phase"),
    [
        ([notebook(State.READY)], Phase.PROVISIONING),
        ([notebook(State.STOPPED, saved_in="s1"), snapshot()], Phase.PROVISIONING),
        ([superseded(), snapshot(), successor(State.READY)], Phase.PROVISIONING),
        ([superseded(handed_over=True), snapshot(), successor(State.READY)], Phase.READY),
    ],
)
def test_the_person_is_ready_once_the_successor_has_the_data(
    resources: list[Resource], phase: Phase
) -> None:
    plan = planned(a_record(*resources, phase=Phase.READY))
    assert plan.record.status.phase is phase
    assert is_replacing(plan.record) is (phase is not Phase.READY)


def test_the_successor_has_a_name_of_its_own_and_the_history_says_why() -> None:
    for recreate, why in (
        (False, "its owner's address changed"),
        (True, "an admin ordered recreate"),
    ):
        old = notebook(State.STOPPED, saved_in="s1", recreate=recreate)
        plan = planned(a_record(old, snapshot(size_gb=300)))
        [entry] = [e for e in plan.entries if e.action == "notebook.replaced"]
        own_id = successor_id(KEY, PLACE, 2, NOW)
        assert entry.text.startswith(f"{PLACE} is replaced by {own_id}: {why}")
        [action] = plan.actions
        own_place = PLACE.replace("/nb", f"/{own_id}")
        assert (action.resource.name, action.resource.owner) == (own_place, ANA)
        assert (action.resource.data.restore_from, action.resource.size_gb) == (COPY, 300)
        assert action.manifest is not None
        assert action.manifest.places == (own_place,)
        past = plan.record.resource(FIRST)
        assert past is not None
        assert (past.recreate, past.owner, past.data.saved_in) == (False, OLD, "s1")


@pytest.mark.parametrize(
    "busy",
    [
        {"step": Step.STOP, "operation": "op", "since": NOW},
        {"unconfirmed": (LostCall(step=Step.START, until=after(1)),)},
    ],
)
def test_nothing_is_superseded_while_a_call_may_still_change_it(busy: dict[str, Any]) -> None:
    record = a_record(notebook(State.STOPPED, saved_in="s1", **busy), snapshot())
    draft = Draft(record, NOW)
    with_successors(draft, (MANIFEST,))
    draft.settle()
    assert (draft.record, draft.entries) == (record, [])


def test_without_its_profile_everything_stays_as_it_is() -> None:
    """No successor could be created."""
    link = "https://nb.example.com"
    for old in (notebook(State.READY), notebook(State.STOPPED, saved_in="s1", link=link)):
        plan = planned(a_record(old, snapshot()), manifests=None)
        assert plan.actions == ()
        assert plan.record.resource(FIRST) is None


def test_a_notebook_that_left_the_profile_is_only_stopped() -> None:
    plan = planned(a_record(notebook(State.READY)), manifests=())
    assert [a.step for a in plan.actions] == [Step.STOP]
    kept = notebook(State.STOPPED, saved_in="s1")
    record = planned(a_record(kept, snapshot(), phase=Phase.PROVISIONING), manifests=()).record
    assert record.status.phase is Phase.READY, "nobody waits for a successor"


# Holds and leavers


def goals(*resources: Resource, **changes: Any) -> dict[str, Goal | None]:
    record = planned(a_record(*resources, **changes)).record
    return {r.id: r.goal for r in record.resources if r.kind is Kind.WORKBENCH}


def test_under_a_hold_nothing_is_deleted_but_the_successor_is_made() -> None:
    done = [superseded(handed_over=True), snapshot(), successor(State.READY)]
    assert goals(*done, held=HOLD) == {FIRST: Goal.STOPPED, SECOND: Goal.PRESENT}
    assert goals(*done) == {FIRST: Goal.ABSENT, SECOND: Goal.PRESENT}
    empty = notebook(State.STOPPED, restore_from=COPY, protected=True)
    assert goals(empty, held=HOLD) == {FIRST: Goal.STOPPED, SECOND: Goal.PRESENT}


def test_the_superseded_notebook_of_a_leaver_is_kept_until_the_removal() -> None:
    """They may have worked in it; their profile may keep no snapshot."""
    done = [superseded(handed_over=True), snapshot(), successor(State.READY)]
    assert goals(*done)[FIRST] is Goal.ABSENT
    assert goals(*done, verb=Verb.LEAVE)[FIRST] is Goal.STOPPED
    over = {"verb": Verb.LEAVE, "left_at": after(days=-15)}
    assert goals(*done, **over)[FIRST] is Goal.ABSENT


def test_nothing_of_a_leaver_is_replaced_and_superseded_ones_are_removed_in_time() -> None:
    both = [superseded(), snapshot(), successor(State.STOPPED)]
    assert goals(*both, verb=Verb.LEAVE) == {FIRST: Goal.STOPPED, SECOND: Goal.STOPPED}
    over = {"verb": Verb.LEAVE, "left_at": after(days=-15)}
    assert goals(*both, **over) == {FIRST: Goal.ABSENT, SECOND: Goal.ABSENT}
    assert goals(*both, held=HOLD, **over) == {FIRST: Goal.STOPPED, SECOND: Goal.STOPPED}


# Parts


@pytest.mark.parametrize(
    ("past", "now", "may_be_deleted", "because"),
    [
        (superseded(handed_over=True), successor(State.READY), True, "it runs with the data"),
        (superseded(handed_over=True), successor(State.STOPPED), True, "it did run"),
        (superseded(), successor(State.READY), False, "the data is still here only"),
        (superseded(handed_over=True), successor(State.BROKEN), False, "it can't be used"),
        (
            superseded(handed_over=True),
            successor(State.READY, was_ready=False),
            False,
            "nobody has been able to use it yet",
        ),
        (
            superseded(handed_over=True),
            successor(State.READY, restore_from="another"),
            False,
            "other data is still to come",
        ),
        (
            superseded(handed_over=True),
            successor(State.READY, step=Step.UPDATE),
            False,
            "something is under way",
        ),
        (superseded(handed_over=True), None, False, "there is none"),
        (superseded(restore_from=COPY), None, True, "its data was not restored yet"),
        (superseded(failed=True), None, True, "nobody can have worked in it"),
    ],
)
def test_when_a_superseded_notebook_may_be_deleted(
    past: Resource, now: Resource | None, may_be_deleted: bool, because: str
) -> None:
    record = a_record(past, *([now] if now else []))
    assert may_go(record, past) is may_be_deleted, because


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (superseded(), True),
        (superseded(handed_over=True), False),
        (superseded(slot="other"), False),
        (notebook(State.STOPPED, slot="other"), False),
    ],
)
def test_a_successor_waits_for_the_data_of_its_own_slot(other: Resource, waits: bool) -> None:
    made = successor(State.READY)
    assert awaits_data(a_record(other, made), made) is waits
    assert not awaits_data(a_record(other), other), "a superseded one waits for nothing"


@pytest.mark.parametrize("restored", [COPY, "another", ""])
def test_only_a_restore_from_its_own_snapshot_passes_on_its_data(restored: str) -> None:
    record = handed_over(a_record(superseded(), snapshot(), successor(State.READY)), restored)
    past = record.resource(FIRST)
    assert past is not None
    assert past.data.handed_over is (restored == COPY)


def test_generations_are_counted() -> None:
    record = a_record(superseded(generation=4), successor(State.READY))
    assert next_generation(record, record.resources[1]) == 5
    assert next_generation(a_record(), notebook(State.READY)) == 2


def test_in_the_next_zone_a_successor_has_the_same_name() -> None:
    """Also if it is another one than that of the replacement: the record keeps it."""
    zones = tuple(PLACE.replace("z-a", zone) for zone in ("z-a", "z-b"))
    lacking = successor(State.ABSENT, tried=(f"{PLACE}-abcdef",))
    plan = planned(a_record(superseded(), snapshot(), lacking), (replace(MANIFEST, places=zones),))
    [action] = [a for a in plan.actions if a.step is Step.CREATE]
    assert action.resource.name == f"{zones[1]}-abcdef"
    assert action.manifest is not None
    assert action.manifest.places == tuple(f"{zone}-abcdef" for zone in zones)
