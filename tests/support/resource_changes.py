"""What becomes of a resource of a record: by an observation, a failure, or a step that starts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.domain.faults import Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.failures import fail
from shared.domain.reconciliation.step_claims import start_step
from shared.domain.reconciliation.transitions import apply_observation
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource
from tests.support.builders import KEY, NOW, a_notebook
from tests.support.grouped_fields import replace

POLICY = Policy()


def saw(resource: Resource, state: State | None, now: datetime = NOW, **more: Any) -> Resource:
    """``resource`` after it was observed in that state."""
    return apply_observation(
        resource, Observation(state=state, **more), key=KEY, now=now, policy=POLICY
    )


def failed(resource: Resource, problem: Problem, now: datetime = NOW) -> Resource:
    """``resource`` after its step failed."""
    return fail(resource, problem, key=KEY, now=now, policy=POLICY)


def begun(step: Step = Step.CREATE, **changes: Any) -> Resource:
    """``step`` was started at ``NOW``; ``changes`` has the answer of the cloud."""
    notebook = start_step(a_notebook(), step, NOW)
    return replace(notebook, **changes)
