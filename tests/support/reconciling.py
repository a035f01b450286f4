"""Reconciles a record with the answers that a test gives: no store, no cloud, no profiles.

A test says what matters to it; the rest has a plain answer (nothing more is found, no zone lacks
anything, it is the person's turn). What an observation or an owner says is never made up: a test
fails if it is asked for and not given, or given and not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.faults import Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.context import (
    Consent,
    Context,
    Needs,
    Plan,
    Profile,
    Result,
    Turn,
)
from shared.domain.reconciliation.reconcile import reconcile
from shared.domain.resources.kinds import Kind, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation, Orphan
from shared.domain.resources.resource import Resource
from tests.support.builders import NOW
from tests.support.simulation.process import SITE

__all__ = ["Seen", "as_it_is", "context_at", "entries_of", "reconciled", "steps_of"]

Seen = Mapping[str, Observation] | Callable[[Resource], Observation]


def as_it_is(resource: Resource) -> Observation:
    """What is seen of ``resource`` if nothing has changed since."""
    return Observation(state=resource.state, link=resource.access.link)


def context_at(now: datetime = NOW, results: tuple[Result, ...] = ()) -> Context:
    """A context in which nothing has been asked yet."""
    return Context(now=now, policy=Policy(), site=SITE, results=results)


def reconciled(
    record: Environment,
    manifests: tuple[Manifest, ...] | None = (),
    seen: Seen | None = None,
    *,
    now: datetime = NOW,
    results: tuple[Result, ...] = (),
    consents: Mapping[str, Consent] | None = None,
    older: tuple[Resource, ...] | Problem | None = (),
    inventory: tuple[Orphan, ...] | Problem | None = (),
    shortages: Collection[str] | None = (),
    turn: Turn | None = Turn.CERTAIN,
) -> Plan:
    """The plan for ``record``, whose profile asks for ``manifests`` (None: there is no profile).

    ``seen``: what observations say, by resource id, each of which has to be asked for; or the
    answer for any resource. ``older``, ``inventory``, ``shortages``, ``turn``: None if the test
    fails should that be asked.
    """
    given = _Given(manifests, seen or {}, consents or {}, older, inventory, shortages, turn)
    context = context_at(now, results)
    while isinstance(answer := reconcile(record, context), Needs):
        context = given.answered(answer, context)
    given.assert_all_asked(context)
    return answer


class _Given:
    """The answers that a test gives."""

    def __init__(
        self,
        manifests: tuple[Manifest, ...] | None,
        seen: Seen,
        consents: Mapping[str, Consent],
        older: tuple[Resource, ...] | Problem | None,
        inventory: tuple[Orphan, ...] | Problem | None,
        shortages: Collection[str] | None,
        turn: Turn | None,
    ) -> None:
        self.manifests = manifests
        self.seen = seen
        self.consents = consents
        self.plain = {
            "older": older,
            "inventory": inventory,
            "shortages": shortages,
            "turn": turn,
        }

    def answered(self, needs: Needs, context: Context) -> Context:
        """``context`` with the answers to ``needs``, none of which was asked for before."""
        assert needs.any, "nothing is asked, and nothing is decided"
        if needs.profile:
            assert context.profile is None, "the profile is asked for twice"
            context = replace(context, profile=Profile(self.manifests))
        asked = {look.resource.id: self._observation(look.resource) for look in needs.looks}
        known = context.observed if context.inventory is None else context.found
        assert asked.keys().isdisjoint(known), f"observed twice: {sorted(asked)}"
        context = context.with_observations(asked)
        consents = {notebook.id: self._consent(notebook.id) for notebook in needs.consents}
        assert consents.keys().isdisjoint(context.consents), f"asked twice: {sorted(consents)}"
        for name, answer in self.plain.items():
            if getattr(needs, name):
                assert answer is not None, f"the {name} is asked for, which was not expected"
                assert getattr(context, name) is None, f"the {name} is asked for twice"
                context = replace(context, **{name: answer})
        return replace(context, consents={**context.consents, **consents})

    def _observation(self, resource: Resource) -> Observation:
        if callable(self.seen):
            return self.seen(resource)
        assert resource.id in self.seen, f"{resource.id} is observed, and the test says nothing"
        return self.seen[resource.id]

    def _consent(self, id: str) -> Consent:
        assert id in self.consents, f"the owner of {id} is asked, and the test says nothing"
        return self.consents[id]

    def assert_all_asked(self, context: Context) -> None:
        """Fail if an answer was prepared that was never asked for."""
        if not callable(self.seen):
            observed = context.observed.keys() | context.found.keys()
            assert self.seen.keys() == observed, "observed is something else"
        assert self.consents.keys() == context.consents.keys(), "somebody else was asked"


def steps_of(plan: Plan) -> dict[Kind, Step]:
    """The step to take on each kind of resource."""
    assert len({action.resource.kind for action in plan.actions}) == len(plan.actions)
    return {action.resource.kind: action.step for action in plan.actions}


def entries_of(plan: Plan) -> list[str]:
    """The actions in the history entries of ``plan``."""
    return [entry.action for entry in plan.entries]
