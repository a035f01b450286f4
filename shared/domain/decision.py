"""What to do next for one person. Pure; the same inputs give the same answer.

``decide`` compares what should be there with what was last seen and answers with the next step of
each resource, the phase people see, and when to look again. It takes no step itself and never
waits: its caller (``services/converge.py``) saves the answer, acts, and calls it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from shared.domain.announcements import News
from shared.domain.durations import fulfilled
from shared.domain.environment import Entry, Environment, Health, Intent, Phase
from shared.domain.failures import out_of_places, within_the_hour
from shared.domain.goals import Goal, Plan, goals_of
from shared.domain.keeping import (
    size_to_restore,
    snapshot_wants,
    to_restore,
    with_snapshots,
)
from shared.domain.leavers import conclusion, may_give_access, with_evidence, with_uses
from shared.domain.looks import told, with_consents, with_looks
from shared.domain.memory import begin, given_up
from shared.domain.outlook import is_there, with_outlook
from shared.domain.places import nowhere, place_for
from shared.domain.policy import Policy
from shared.domain.replacement import awaits_data, of_generation, with_successors
from shared.domain.resources import Backoff, Kind, Observation, Resource, Step, Want
from shared.domain.steps import next_step
from shared.domain.telling import announced
from shared.domain.wants.workbench import with_disk_for
from shared.domain.wants.written import written_by

_NEWS = {
    Phase.READY: News.READY,
    Phase.SUSPENDED: News.SUSPENDED,
    Phase.REMOVED: News.REMOVED,
}
_HEALTH_TEXT = {
    Health.OK: "nothing fails any more",
    Health.WAITING: "waiting for capacity",
    Health.RETRYING: "failing, and tried again",
    Health.QUARANTINED: "quarantined, an admin is needed",
}
_BAD_NEWS = {Health.RETRYING: News.FAILED, Health.QUARANTINED: News.QUARANTINED}


class Action(msgspec.Struct, frozen=True):
    """One step to take now, on one resource; ``want`` is given for create and update.

    ``intent``: what was in force when the step was decided.
    """

    resource: Resource
    step: Step
    want: Want | None
    intent: Intent | None = None


class Decision(msgspec.Struct, frozen=True):
    """The record to save before acting, the steps to take, and what the history should say.

    ``waits_for_turn``: a notebook is not made only because it isn't this person's turn.
    ``provisional``: the ids of the notebooks whose turn has to be confirmed once the record is
    saved, before they are asked of the cloud.
    ``wants_scan``: all known resources of a leaver are gone; the final search comes next.
    """

    environment: Environment
    actions: tuple[Action, ...]
    entries: tuple[Entry, ...]
    waits_for_turn: bool = False
    wants_scan: bool = False
    provisional: frozenset[str] = frozenset()


def prepared(environment: Environment, plan: Plan, now: datetime) -> Environment:
    """The record with every resource that is to be observed or created."""
    if environment.leaving:
        return with_uses(environment, plan, now)
    if environment.intent is not None:
        for want in plan.wants or ():
            if environment.resource(want.id) is None:
                environment = _with_wanted(environment, want)
    for resource in environment.resources:
        if resource.kind.is_use and resource.in_flight is None:
            environment = environment.without(resource.id)  # theirs to run again
    return environment


def _with_wanted(environment: Environment, want: Want) -> Environment:
    """The record with a resource for ``want``: the one of that name that a search found when the
    person left, or a new one."""
    alike = (r for r in environment.resources if r.kind is want.kind and r.name in want.places)
    found = next(alike, None)
    if found is None:
        new = Resource(kind=want.kind, slot=want.slot, name=want.places[0])
        return environment.with_resource(new)
    wanted = replace(
        found, slot=want.slot, access=replace(found.access, start_owed=found.kind.holds_data)
    )
    return environment.without(found.id).with_resource(wanted)


def decide(
    environment: Environment,
    plan: Plan,
    observations: Mapping[str, Observation],
    now: datetime,
    policy: Policy,
) -> Decision:
    """What to do now for ``environment`` (``prepared``), given what was just seen of it.

    ``observations``: by resource id, those of ``must_look`` that were made just now.
    """
    before = environment
    environment, seen = with_looks(environment, plan, observations, now, policy)
    environment = _with_access_ended(environment, plan, now, policy)
    environment = with_consents(environment, plan, now, policy)
    environment, entries = with_successors(environment, plan.wants, now)
    environment = with_snapshots(environment, goals_of(environment, plan, now), now)
    environment, actions, more, waits = _with_steps(environment, plan, observations, now, policy)
    goals = goals_of(environment, plan, now)
    environment = with_outlook(environment, plan, goals, now, policy)
    environment, wants_scan = conclusion(environment, plan, now, policy)
    goals = goals_of(environment, plan, now)
    environment, seconds = fulfilled(environment, goals, now, wants_scan=wants_scan)
    entries = [*entries, *seen, *more]
    if environment.leaving and seconds is not None:
        text = "access has ended: nothing of theirs runs or can be started by them"
        entries.append(Entry(at=now, action="access.ended", text=text, seconds=seconds))
    if environment.phase is not before.phase:
        took = None if environment.leaving else seconds
        text = f"now {environment.phase}"
        entries.append(Entry(at=now, action="phase.changed", text=text, seconds=took))
    shown = environment.problem or before.problem  # else it only has to queue
    if environment.health is not before.health and shown:
        because = f": {environment.problem}" if environment.problem else ""
        text = f"{_HEALTH_TEXT[environment.health]}{because}"
        entries.append(Entry(at=now, action="health.changed", text=text))
    if (environment.phase, environment.health) != (before.phase, before.health):
        environment = _with_news(environment, before, now)
    environment = _with_goals(environment, goals)
    # Stop first, so that a leaver loses access before anything else is done.
    actions.sort(key=lambda action: action.step is not Step.STOP)
    return Decision(environment, tuple(actions), tuple(entries), waits, wants_scan)


def _with_access_ended(
    environment: Environment, plan: Plan, now: datetime, policy: Policy
) -> Environment:
    """The record in which nothing that gives access waits for long if access is to end.

    A change that hangs is given up, and what failed is tried again within the hour.
    """
    hurried = {}
    for resource in environment.resources:
        freed = resource
        if resource.kind.holds_data:
            freed = given_up(resource, key=environment.key, now=now, policy=policy)
        if may_give_access(freed):
            freed = within_the_hour(freed, now, policy)
        if freed is not resource:
            hurried[resource.id] = freed
    if not hurried:
        return environment
    goals = goals_of(environment, plan, now)
    for resource in environment.resources:
        if resource.id in hurried and goals[resource.id] in (Goal.DOWN, Goal.GONE):
            environment = with_evidence(environment, resource, hurried[resource.id], now)
    return environment


def _with_goals(environment: Environment, goals: Mapping[str, Goal]) -> Environment:
    """The record with the goal of each resource stored, to be shown."""
    resources = tuple(replace(r, goal=goals[r.id]) for r in environment.resources)
    return replace(environment, resources=resources)


def _with_steps(
    environment: Environment,
    plan: Plan,
    observations: Mapping[str, Observation],
    now: datetime,
    policy: Policy,
) -> tuple[Environment, list[Action], list[Entry], bool]:
    """The record with the next steps begun: with them, what to tell, and whether one must queue."""
    goals = goals_of(environment, plan, now)
    wants = {want.id: want for want in plan.wants or ()} | snapshot_wants(environment)
    actions: list[Action] = []
    entries: list[Entry] = []
    waits = False
    for before in environment.resources:
        want, goal = wants.get(before.id), goals[before.id]
        if want is not None:
            want = of_generation(want, before.generation)
        # Only a notebook that waits for nothing but its turn stays in the queue, so that nobody
        # waits behind one that exists, is being made, isn't wanted or waits for something else.
        resource = (
            replace(before, creation=replace(before.creation, queued_at=None))
            if before.creation.queued_at
            else before
        )
        step = next_step(
            environment,
            resource,
            goal,
            want,
            now,
            seen=_was_seen(observations, resource.id),
            snapshot_seen=_was_seen(observations, f"{Kind.SNAPSHOT}/{resource.data.saved_in}"),
        )
        if step is Step.CREATE and want is not None and resource.kind.holds_data:
            since = before.creation.queued_at or now
            resource, step = _made_ready(environment, resource, want, plan, now, policy, since)
            waits |= resource.creation.queued_at is not None
            entries += told(before, resource, now)
        if step is Step.CREATE and want is not None and resource.data.restore_from:
            want = with_disk_for(want, resource.size_gb)
        if step is not None:
            resource = _with_written(begin(resource, step, now), step, want)
            actions.append(Action(resource, step, want, environment.intent))
        elif is_there(environment, resource, goal):
            resource = replace(resource, backoff=Backoff(), observe_at=None)
        environment = with_evidence(environment, before, resource, now)
    return environment, actions, entries, waits


def _with_written(resource: Resource, step: Step, want: Want | None) -> Resource:
    """Add what is about to be written to what was written before: the call may fail half-way."""
    writes = step in (Step.CREATE, Step.UPDATE) and resource.kind is Kind.WORKBENCH
    if not writes or want is None:
        return resource
    both = dict.fromkeys((*resource.settings.written, *written_by(want.body)))
    return replace(resource, settings=replace(resource.settings, written=tuple(both)))


def _was_seen(observations: Mapping[str, Observation], id: str) -> bool:
    """Whether a look was made just now, and answered."""
    seen = observations.get(id)
    return seen is not None and seen.state is not None


def _made_ready(
    environment: Environment,
    resource: Resource,
    want: Want,
    plan: Plan,
    now: datetime,
    policy: Policy,
    queued_at: datetime,
) -> tuple[Resource, Step | None]:
    """Prepare the creation of a notebook: its zone and snapshot, or what it has to wait for.

    ``queued_at``: since when it waits for its turn, if that is all.
    """
    source = resource.data.restore_from or to_restore(environment)
    if awaits_data(environment, resource) and not resource.data.restore_from:
        return resource, None  # another snapshot of the one it replaces is being taken
    if resource.may_still(Step.CREATE):
        # A lost create may still be carried out in that zone, so no other zone is tried yet.
        if resource.name in want.places and resource.name not in resource.creation.tried:
            return resource, Step.CREATE
        return replace(resource, observe_at=resource.unconfirmed_until), None
    place = place_for(resource, want, plan.shortages)
    if not place:
        resource = replace(resource, backoff=replace(resource.backoff, problem=nowhere(want)))
        return out_of_places(resource, key=environment.key, now=now, policy=policy), None
    if not plan.admitted:
        return replace(
            resource, creation=replace(resource.creation, queued_at=queued_at), observe_at=None
        ), None
    size = size_to_restore(environment, resource, source)
    resource = replace(
        resource, name=place, data=replace(resource.data, restore_from=source), size_gb=size
    )
    return replace(resource, owner=environment.person.email, key=""), Step.CREATE


def _news_of(environment: Environment) -> News | None:
    """What there is to announce of the present phase and health, if anything."""
    if environment.health is Health.WAITING and environment.problem:
        return News.FAILED
    return _BAD_NEWS.get(environment.health, _NEWS.get(environment.phase))


def _with_news(environment: Environment, before: Environment, now: datetime) -> Environment:
    news = _news_of(environment)
    again = news is News.READY and environment.phase is not before.phase
    if news is None or (news is environment.news and not again):
        return environment  # a leaver's notebook was protected, say; that they left is no news
    removal = environment.removal_at if news is News.SUSPENDED else None
    if environment.held is not None:
        removal = None
    environment = replace(environment, news=news)
    return announced(environment, news, now, reason=environment.problem, effective_at=removal)
