"""The JSON bodies of `fleet`: an environment in the form that operators and scripts read.

The field names are an API: scripts of operators depend on them. Values are not escaped; code that
renders them as HTML must do that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment
from shared.domain.people.addresses import Address
from shared.domain.projections.entry import Entry, Unchanged
from shared.domain.reconciliation.replacement import usable_link
from shared.domain.resources.resource import Resource


def summary(environment: Environment) -> dict[str, Any]:
    """One environment in the list."""
    return {
        "email": environment.person.email,
        "person_id": environment.person.person_id,
        "key": environment.key,
        "merged_into": environment.merged_into or None,
        "phase": environment.status.phase,
        "health": environment.status.health,
        "desired": _desired(environment),
        "profile": environment.terms.profile,
        "team": environment.person.team,
        "cost_center": environment.person.cost_center,
        "problem": environment.status.problem,
        "problem_codes": environment.status.problem_codes,
        "held": environment.held is not None,
        "notebook": _link(environment),
        "running": environment.is_running,
        "consent": _consent(environment),
        "waiting_since": _waiting_since(environment),
        "leaves_at": environment.leaves_at,
        "removal_at": environment.removal_at if environment.leaving else None,
        "updated_at": environment.updated_at,
    }


def detail(environment: Environment, history: Sequence[Entry]) -> dict[str, Any]:
    """One environment in full: desired and observed state, and ``history``, the newest first."""
    return summary(environment) | {
        "person": environment.person,
        "addresses": [_address(address) for address in environment.addresses],
        "event": _event(environment.events.in_force) if environment.events.in_force else None,
        "pending": [_scheduled(intent) for intent in environment.scheduled],
        "left_at": environment.departure.left_at,
        "holds": _holds(environment),
        "leaving": environment.departure.records[-1] if environment.departure.records else None,
        "next_look_at": environment.status.due_at,
        "resources": [_resource(environment, r) for r in environment.resources],
        "history": list(history),
    }


def leaving_records(environment: Environment) -> dict[str, Any]:
    """The leaving records of one person, the newest first."""
    return {
        "email": environment.person.email,
        "person_id": environment.person.person_id,
        "key": environment.key,
        "merged_into": environment.merged_into or None,
        "phase": environment.status.phase,
        "health": environment.status.health,
        "holds": _holds(environment),
        "leavings": environment.departure.records[::-1],
    }


def _address(address: Address) -> dict[str, Any]:
    return {
        "email": address.email,
        "since": address.since,
        "seen": address.seen,
        "until": address.until,
        "left_at": address.left_at,
    }


def without_effect(unchanged: Unchanged) -> dict[str, Any]:
    """One event that changed nothing, in the list."""
    entry, event = unchanged.entry, unchanged.entry.event
    assert event is not None, "the list has entries about events only"
    return {
        "at": entry.at,
        "outcome": entry.action.removeprefix("intent."),
        "verb": event.verb,
        "email": event.email,
        "key": unchanged.key,
        "event_id": entry.event_id,
        "source": event.source,
        "occurred_at": event.occurred_at,
        "effective_at": event.effective_at,
        "text": entry.text,
    }


def _holds(environment: Environment) -> list[dict[str, Any]]:
    """The holds in force, the oldest first. While there is one, nothing is deleted."""
    return [
        {"id": hold.id, "reason": hold.reason, "by": hold.by, "at": hold.at}
        for hold in environment.holds.in_force
    ]


def _desired(environment: Environment) -> str:
    if environment.events.in_force is None:
        return "none"
    return "present" if environment.events.in_force.verb is Verb.JOIN else "absent"


def _event(intent: Intent) -> dict[str, Any]:
    return {
        "verb": intent.verb,
        "event_id": intent.event_id,
        "source": intent.source,
        "occurred_at": intent.occurred_at,
        "effective_at": intent.effective_at,
        "immediate": intent.immediate,
        "reason": intent.reason,
    }


def _scheduled(intent: Intent) -> dict[str, Any]:
    return _event(intent) | {
        "email": intent.person.email,
        "previous_email": intent.previous_email or None,
        "profile": intent.profile or None,
    }


def _link(environment: Environment) -> str:
    """The URL of the notebook; '' unless its owner may work in it now."""
    notebook = environment.notebook
    return (usable_link(environment, notebook) or "") if notebook is not None else ""


def _consent(environment: Environment) -> str:
    """Whether the owner has opened the notebook, in words; '' if it has never been ready."""
    notebook = environment.notebook
    if notebook is None or not notebook.usage.was_ready:
        return ""
    texts = {True: "opened", False: "waiting for consent", None: "created"}
    return texts[notebook.access.consented]


def _waiting_since(environment: Environment) -> datetime | None:
    """Since when the creation of the notebook has been queued; None if it is not."""
    return next((r.creation.queued_at for r in environment.resources if r.creation.queued_at), None)


def _resource(environment: Environment, resource: Resource) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "slot": resource.slot,
        "name": resource.name,
        "desired": resource.goal,
        "observed": resource.state,
        "under_way": resource.step,
        "operation": resource.operation,
        "since": resource.since,
        "failures": resource.backoff.failures,
        "problem": resource.backoff.problem,
        "next_try_at": resource.backoff.retry_at,
        "waiting_since": resource.creation.queued_at,
        "drift": resource.settings.drift,
        "items": resource.workload.items,
        "snapshot": resource.data.saved_in,
        "restore_from": resource.data.restore_from,
        "source": resource.retention.source,
        "expires_at": resource.retention.expires_at,
        "protected": resource.data.protected,
        "consented": resource.access.consented,
        "ready_since": resource.usage.ready_since,
        "link": usable_link(environment, resource),
    }
