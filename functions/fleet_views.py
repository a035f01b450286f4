"""What `fleet` shows of a record: shaped for people and scripts, not for storage.

Values go out as JSON strings only; whoever renders them as HTML escapes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.domain.decision import Goal, goals_of, removal_at
from shared.domain.environment import Entry, Environment, Intent, Verb
from shared.domain.resources import Kind, Resource


def summary(environment: Environment) -> dict[str, Any]:
    """One person, in a line of a table."""
    return {
        "email": environment.person.email,
        "key": environment.key,
        "phase": environment.phase,
        "desired": _desired(environment),
        "profile": environment.profile,
        "team": environment.person.team,
        "cost_center": environment.person.cost_center,
        "problem": environment.problem,
        "notebook": _notebook(environment),
        "updated_at": environment.updated_at,
    }


def detail(environment: Environment, history: Sequence[Entry], now: datetime) -> dict[str, Any]:
    """One person, whole: what is wanted, what is there, and how it came to be so."""
    intent = environment.intent
    leaving = intent is not None and intent.verb is Verb.LEAVE
    goals = goals_of(environment, None, now)
    return summary(environment) | {
        "person": environment.person,
        "event": _event(intent),
        "pending": [_event(intent) for intent in environment.pending],
        "left_at": environment.left_at,
        "removal_at": removal_at(environment) if leaving else None,
        "next_look_at": environment.due_at,
        "resources": [_resource(r, goals[r.id]) for r in environment.resources],
        "history": list(history),
    }


def _desired(environment: Environment) -> str:
    if environment.intent is None:
        return "none"
    return "present" if environment.intent.verb is Verb.JOIN else "absent"


def _event(intent: Intent | None) -> dict[str, Any] | None:
    if intent is None:
        return None
    return {
        "verb": intent.verb,
        "event_id": intent.event_id,
        "source": intent.source,
        "occurred_at": intent.occurred_at,
        "effective_at": intent.effective_at,
        "immediate": intent.immediate,
        "reason": intent.reason,
    }


def _notebook(environment: Environment) -> str:
    links = (r.link for r in environment.resources if r.kind is Kind.WORKBENCH)
    return next(links, "")


def _resource(resource: Resource, goal: Goal) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "slot": resource.slot,
        "name": resource.name,
        "desired": goal,
        "observed": resource.state,
        "under_way": resource.under_way,
        "operation": resource.operation,
        "since": resource.since,
        "failures": resource.attempts,
        "problem": resource.problem,
        "next_try_at": resource.retry_at,
        "link": resource.link,
    }
