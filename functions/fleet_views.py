"""What `fleet` shows of a record: shaped for people and scripts, not for storage.

Values go out as JSON strings only; code that renders them as HTML must escape them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.domain.environment import Entry, Environment, Intent, Verb
from shared.domain.resources import Resource, State


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
        "held": environment.held is not None,
        "notebook": _link(environment),
        "consent": _consent(environment),
        "waiting_since": _waiting_since(environment),
        "updated_at": environment.updated_at,
    }


def detail(environment: Environment, history: Sequence[Entry]) -> dict[str, Any]:
    """One person in full: what is desired, what was observed, and the history."""
    return summary(environment) | {
        "person": environment.person,
        "event": _event(environment.intent),
        "pending": [_event(intent) for intent in environment.pending],
        "left_at": environment.left_at,
        "removal_at": environment.removal_at if environment.leaving else None,
        "holds": holds(environment),
        "leaving": environment.leavings[-1] if environment.leavings else None,
        "next_look_at": environment.due_at,
        "resources": [_resource(r) for r in environment.resources],
        "history": list(history),
    }


def holds(environment: Environment) -> list[dict[str, Any]]:
    """Every hold in force, the first one first; nothing is deleted before the last is released."""
    return [
        {"id": hold.id, "reason": hold.reason, "by": hold.by, "at": hold.at}
        for hold in environment.holds
    ]


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


def never_opened(environment: Environment, since: datetime) -> bool:
    """Whether the person has had a notebook since then, and has not consented to its use."""
    notebook = environment.notebook
    return (
        notebook is not None
        and notebook.state is State.READY
        and notebook.consented is False
        and notebook.ready_since is not None
        and notebook.ready_since <= since
    )


def _link(environment: Environment) -> str:
    """Where the notebook opens: while it runs, and once the data that belongs in it is there."""
    notebook = environment.notebook
    if notebook is None or notebook.restore_from:
        return ""
    return notebook.link if notebook.state in (State.READY, State.UPDATING) else ""


def _consent(environment: Environment) -> str:
    """What the owner has done with the notebook so far, in words; '' if there is none."""
    notebook = environment.notebook
    if notebook is None or not notebook.was_ready:
        return ""
    words = {True: "in use", False: "waiting for consent", None: "created"}
    return words[notebook.consented]


def _waiting_since(environment: Environment) -> datetime | None:
    """Since when the creation of a notebook has been waiting for its turn."""
    return next((r.queued_at for r in environment.resources if r.queued_at), None)


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "slot": resource.slot,
        "name": resource.name,
        "desired": resource.goal,
        "observed": resource.state,
        "under_way": resource.under_way,
        "operation": resource.operation,
        "since": resource.since,
        "failures": resource.attempts,
        "problem": resource.problem,
        "next_try_at": resource.retry_at,
        "waiting_since": resource.queued_at,
        "drift": resource.drift,
        "items": resource.items,
        "snapshot": resource.snapshot,
        "restore_from": resource.restore_from,
        "source": resource.source,
        "expires_at": resource.expires_at,
        "protected": resource.protected,
        "consented": resource.consented,
        "ready_since": resource.ready_since,
        "link": resource.link,
    }
