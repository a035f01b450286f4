"""Takes the steps of a plan, with one call of a driver for each, after the claim was saved.

Must not know why a step is taken, nor what its result changes in the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from shared.domain.environment import Environment
from shared.domain.faults import CloudFault, Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.context import Action, Result, TurnedAway
from shared.domain.reconciliation.step_claims import request_id
from shared.domain.resources.kinds import Kind, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from shared.ports import Clock, Driver

NoteShortage = Callable[[Resource, Manifest | None, Problem | None], None]


class ActionTaker:
    """Takes steps on resources. ``note_shortage`` is called with every problem."""

    def __init__(
        self,
        *,
        drivers: Mapping[Kind, Driver],
        note_shortage: NoteShortage,
        clock: Clock,
        policy: Policy,
    ) -> None:
        self._drivers = drivers
        self._note_shortage = note_shortage
        self._clock = clock
        self._policy = policy

    def take(
        self, record: Environment, actions: tuple[Action, ...], turned_away: frozenset[str]
    ) -> tuple[Result, ...]:
        """The results of ``actions``; actions on the resources ``turned_away`` are not taken."""
        return tuple(
            Result(action, TurnedAway())
            if action.resource.id in turned_away
            else self._result(record, action)
            for action in actions
        )

    def _result(self, record: Environment, action: Action) -> Result:
        """Take one step, unless the lease could end before the call's deadline."""
        assert record.lease is not None, "only the steps of a claimed record are taken"
        if self._clock.now() + self._policy.call_deadline > record.lease.until:
            return Result(action, None)
        try:
            return Result(action, self._answer(record, action))
        except CloudFault as fault:
            problem = fault.problem()
            self._note_shortage(action.resource, action.manifest, problem)
            return Result(action, problem)

    def _answer(self, record: Environment, action: Action) -> Observation:
        resource, manifest = action.resource, action.manifest
        driver = self._drivers[resource.kind]
        key, email = record.owner_of(resource)
        request = request_id(record.key, resource, action.step)
        match action.step:
            case Step.CREATE:
                assert manifest is not None
                return driver.create(resource, manifest, key, email, request)
            case Step.UPDATE:
                assert manifest is not None
                return driver.update(resource, manifest, key, email, request)
            case Step.START:
                return driver.start(resource, request)
            case Step.STOP:
                return driver.stop(resource, request)
            case Step.RESTORE:
                return driver.restore(resource, request)
            case Step.PROTECT | Step.UNPROTECT:
                return driver.protect(resource, action.step is Step.PROTECT, request)
            case Step.LABEL:
                return driver.label(resource, key, email, request)
            case Step.DELETE:
                return driver.delete(resource, request)
        assert_never(action.step)
