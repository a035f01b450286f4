"""Converge one record: observe, reconcile, save the claim, take the steps, save the results.

Every write is a compare-and-swap. The claim is saved before the first step, and its ``due_at`` is
the end of the lease. So wherever a worker dies, a tick finds the record and converge continues
from what it observes. Must not know Google's clients.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from shared.domain.commands.intent import Intent
from shared.domain.environment import Environment, Lease
from shared.domain.policy import Policy
from shared.domain.projections.entry import Entry
from shared.domain.reconciliation.context import Plan, Profile, Result
from shared.domain.reconciliation.durations import late_access
from shared.domain.reconciliation.reconcile import reconcile, with_results
from shared.domain.status import Health
from shared.ports import Claimed, Clock, Conflict, EnvironmentStore, Stored, Tokens
from shared.services.actions import ActionTaker
from shared.services.admission import Admission
from shared.services.announce import Announcer
from shared.services.context import ContextReader
from shared.services.converged import Converged

log = logging.getLogger(__name__)

_ROUNDS = 8  # in one run; each event that arrives meanwhile takes some, the tick does the rest
_TRIES = 20  # to save the results after the last round, while more events arrive


class Converge(msgspec.Struct, frozen=True, kw_only=True):
    """Moves environments towards their desired state, one step of each resource at a time."""

    store: EnvironmentStore
    reader: ContextReader
    actions: ActionTaker
    admission: Admission
    announcer: Announcer
    clock: Clock
    tokens: Tokens
    policy: Policy

    def run(self, key: str, *, admitted: bool = False) -> Converged:
        """Converge the record of ``key`` as far as is possible now.

        ``admitted``: it is this person's turn to have a notebook created.
        """
        stored = self.store.load(key)
        if stored is None:
            return Converged.UNKNOWN
        if self.is_held(stored.environment):
            return Converged.BUSY
        try:
            self.advance(stored.environment, stored.version, (), admitted=admitted)
        except Conflict:
            return Converged.BUSY
        return Converged.DONE

    def is_held(self, record: Environment) -> bool:
        """Whether another worker has a lease on the record (not a legal hold)."""
        lease = record.lease
        return lease is not None and self.clock.now() < lease.until

    def advance(
        self,
        record: Environment,
        version: str | None,
        entries: Sequence[Entry],
        *,
        admitted: bool = False,
    ) -> datetime:
        """Converge ``record``, which is not saved yet and follows the stored ``version``.

        ``entries`` are saved with the first save. Returns the time of that save. Raises
        ``Conflict`` only from that save; then nothing was saved and no step was taken.

        Each round saves once: the results of the last steps together with the claim of the next
        ones. If a new intent was saved first, the results are applied to the newer record, which
        is reconciled again. After the last round the results are saved without a lease, and the
        next tick continues.
        """
        token = self.tokens()
        planner = _Planner(self.reader, admitted=admitted)
        results: tuple[Result, ...] = ()
        saved_at: datetime | None = None
        for _ in range(_ROUNDS):
            plan = planner.plan(record, results)
            claimed = _claimed(plan, token, self.clock.now(), self.policy)
            try:
                saved = self._saved(claimed, version, (*entries, *plan.entries), plan)
            except Conflict:
                if not results:
                    raise
                stored = self._still_ours(claimed.key, token)
                if stored is None:
                    break
                record, version = stored.environment, stored.version
                continue
            version, saved_at = saved.version, saved_at or self.clock.now()
            _log_entries(claimed, plan.entries)
            if not plan.actions:
                self._log_late_access(claimed)
                self.announcer.hand_on(claimed, version, plan.record.status.due_at)
                break
            record, entries = claimed, ()
            results = self.actions.take(claimed, plan.actions, self._turned_away(plan, saved))
            planner.note(results)
        else:
            self._leave_to_the_tick(record, version, results, token)
        assert saved_at is not None, "the first save succeeds, or its Conflict is raised"
        return saved_at

    def _leave_to_the_tick(
        self, record: Environment, version: str | None, results: Sequence[Result], token: str
    ) -> None:
        """Save the last results and end the lease, so that the next tick continues.

        If that doesn't succeed, the lease ends by itself, and a tick continues then.
        """
        log.warning(
            "rounds used up; the next tick continues",
            extra={"action": "converge.rounds", "person": record.key},
        )
        for _ in range(_TRIES):
            context = replace(self.reader.empty(), results=tuple(results))
            plan = with_results(record, context)
            try:
                self.store.save(replace(plan.record, lease=None), version, plan.entries)
            except Conflict:
                stored = self._still_ours(record.key, token)
                if stored is None:
                    return
                record, version = stored.environment, stored.version
            else:
                _log_entries(plan.record, plan.entries)
                return

    def _saved(
        self, record: Environment, version: str | None, entries: Sequence[Entry], plan: Plan
    ) -> Claimed:
        """Save the record; as a counted claim if a turn depends on how many are being created."""
        if plan.provisional:
            return self.store.claim(record, version, entries)
        return Claimed(self.store.save(record, version, entries))

    def _turned_away(self, plan: Plan, saved: Claimed) -> frozenset[str]:
        """The ids of the notebooks whose turn was not confirmed after the claim was saved."""
        if plan.provisional and not self.admission.confirm(saved):
            return plan.provisional
        return frozenset()

    def _log_late_access(self, record: Environment) -> None:
        """Log at every run that a leaver still has access, for the alert, whatever the reason."""
        seconds = late_access(record, self.clock.now(), self.policy)
        if seconds is not None:
            log.warning(
                f"a leaver still has access: {record.status.problem or 'it is being ended'}",
                extra={"action": "access.late", "person": record.key, "seconds": seconds},
            )

    def _still_ours(self, key: str, token: str) -> Stored | None:
        """The stored record if the lease is still ours; else None."""
        stored = self.store.load(key)
        if stored is None or stored.environment.lease is None:
            return None
        return stored if stored.environment.lease.token == token else None


class _Planner:
    """Reconciles the record of one person during one run, and reads what that needs.

    The manifests from the profile are made once, and again only after a new intent.
    """

    def __init__(self, reader: ContextReader, *, admitted: bool) -> None:
        self._reader = reader
        self._admitted = admitted
        self._profile: Profile | None = None
        self._intent: Intent | None = None

    def plan(self, record: Environment, results: tuple[Result, ...]) -> Plan:
        """The next plan, after the ``results`` of the last steps."""
        context = self._reader.empty()
        profile = self._profile_for(record, context.now)
        context = replace(context, results=results, profile=profile)
        while not isinstance(answer := reconcile(record, context), Plan):
            context = self._reader.answered(answer, context, admitted=self._admitted)
        return answer

    def _profile_for(self, record: Environment, now: datetime) -> Profile | None:
        """The profile's manifests; None for a leaver, or if a scheduled event is due."""
        if record.events.in_force is None or record.leaving or record.next_due(now):
            return None
        if record.events.in_force is not self._intent:
            self._profile, self._intent = self._reader.profile_of(record), record.events.in_force
        return self._profile

    def note(self, results: tuple[Result, ...]) -> None:
        """Note if the person was admitted: they try the next zone without a new turn."""
        self._admitted = self._admitted or any(result.was_let_in for result in results)


def _claimed(plan: Plan, token: str, now: datetime, policy: Policy) -> Environment:
    """The record to save: with our lease if there are steps to take, else without a lease."""
    record = plan.record
    if not plan.actions:
        if record.outbox.waiting:
            # If this worker dies before it publishes them, a tick does it.
            soon = now + policy.announce_again
            status = replace(record.status, due_at=min(record.status.due_at or soon, soon))
            record = replace(record, status=status)
        return replace(record, lease=None)
    until = now + policy.lease
    status = replace(record.status, due_at=until)
    return replace(record, lease=Lease(token=token, until=until), status=status)


def _is_bad_news(entry: Entry, record: Environment) -> bool:
    stuck = record.status.health is Health.QUARANTINED
    always = entry.action in ("step.failed", "access.incident")
    return always or (entry.action == "health.changed" and stuck)


def _log_entries(record: Environment, entries: Sequence[Entry]) -> None:
    for entry in entries:
        measured = {} if entry.seconds is None else {"seconds": entry.seconds}
        log.log(
            logging.WARNING if _is_bad_news(entry, record) else logging.INFO,
            entry.text,
            extra={
                "action": entry.action,
                "person": record.key,
                "about": entry.about,
                "phase": record.status.phase,
                "health": record.status.health,
                **measured,
            },
        )
