"""What came of the steps a worker took, put back onto the record it took them for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from shared.domain.decision import Action
from shared.domain.environment import Entry, Environment
from shared.domain.failures import fail
from shared.domain.faults import Problem
from shared.domain.looks import absorbed
from shared.domain.memory import put_back, see
from shared.domain.policy import Policy
from shared.domain.resources import Observation, Resource, State, Step, Want


class TurnedAway(msgspec.Struct, frozen=True):
    """A notebook was not created: the limit is reached, or others have waited longer."""


class Result(msgspec.Struct, frozen=True):
    """What came of an action: an answer, a problem, or None if it was not taken after all."""

    action: Action
    answer: Observation | Problem | TurnedAway | None

    @property
    def was_let_in(self) -> bool:
        """Whether a notebook was asked for, in its turn."""
        asked = self.action.step is Step.CREATE and self.action.resource.kind.holds_data
        return asked and isinstance(self.answer, Observation | Problem)


def absorb(
    environment: Environment, results: Sequence[Result], now: datetime, policy: Policy
) -> tuple[Environment, tuple[Entry, ...]]:
    """The record with the results of our steps in it, and what the history should say of them."""
    entries: list[Entry] = []
    for result in results:
        action = result.action
        before = environment.resource(action.resource.id)
        assert before is not None, "a resource never leaves its record"
        match result.answer:
            case None:
                continue
            case TurnedAway():
                after = put_back(before, now)
            case Problem() as problem:
                after = fail(before, problem, key=environment.key, now=now, policy=policy)
            case Observation() as seen:
                after = see(
                    before, seen, key=environment.key, now=now, policy=policy, answered=True
                )
                if action.want is not None and seen.problem is None:
                    existed = before.kind.holds_data and not seen.operation
                    digest = _written(environment, action, action.want, before, after, existed)
                    after = replace(after, settings=replace(after.settings, digest=digest))
        environment, more = absorbed(environment, before, after, now)
        entries += more
    return environment, tuple(entries)


def _written(
    environment: Environment,
    action: Action,
    want: Want,
    before: Resource,
    after: Resource,
    existed: bool,
) -> str:
    """The digest of what is there after a step.

    '' if it has to be compared: an earlier try may have made it otherwise, a notebook may have
    ``existed`` before it was to be created, or an event came while the call was out, so that
    something else may be wanted now.
    """
    if action.step not in (Step.CREATE, Step.UPDATE):
        return after.settings.digest
    if after.state is State.ABSENT or environment.intent != action.intent:
        return ""
    repeated = before.backoff.failures > 0 or bool(before.unconfirmed)
    if action.step is Step.CREATE and before.kind.holds_data and (repeated or existed):
        return ""
    return want.digest
