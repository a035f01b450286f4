"""Converge: look, decide, save what we are about to do, do it, save what came of it.

The order is the point. Every write is a compare-and-swap, the claim is saved before the first call
to the cloud and its ``due_at`` is the end of the lease: wherever a worker dies, the next tick
finds the record, looks at what is really there, and goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from shared.domain.decision import (
    Action,
    Decision,
    decide,
    prepared,
)
from shared.domain.durations import late_access
from shared.domain.environment import Entry, Environment, Intent, Lease, Phase
from shared.domain.faults import CloudFault, Fate, Problem
from shared.domain.goals import Plan
from shared.domain.keeping import snapshot_wants
from shared.domain.memory import request_id
from shared.domain.places import lack
from shared.domain.policy import Policy
from shared.domain.questions import must_ask, must_look
from shared.domain.queueing import in_queue, is_at_work, queues
from shared.domain.resources import Kind, Observation, Resource, Step, Want
from shared.domain.ruling import in_force, promotions
from shared.ports import (
    Claimed,
    Clock,
    Conflict,
    Driver,
    EnvironmentStore,
    Search,
    Stored,
    Tokens,
)
from shared.services.admission import Admission, Turn
from shared.services.announce import Announcer
from shared.services.converged import Converged
from shared.services.planning import Planner
from shared.services.results import Result, TurnedAway, absorb
from shared.services.shortages import Shortages

log = logging.getLogger(__name__)

_ROUNDS = 8  # create, then a leave that crossed it, then …: more in one run is the tick's


class Commons(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody's converging shares: the queue, what zones lack, the news, the last look."""

    admission: Admission
    shortages: Shortages
    announcer: Announcer
    search: Search


class Converge:
    """Moves environments towards what they should be, one step of each resource at a time."""

    def __init__(
        self,
        *,
        store: EnvironmentStore,
        drivers: Mapping[Kind, Driver],
        planner: Planner,
        commons: Commons,
        clock: Clock,
        tokens: Tokens,
        policy: Policy,
    ) -> None:
        self._store = store
        self._drivers = drivers
        self._planner = planner
        self._commons = commons
        self._clock = clock
        self._tokens = tokens
        self._policy = policy

    def run(self, key: str, *, admitted: bool = False) -> Converged:
        """Converge the record of ``key`` as far as it goes now.

        ``admitted``: it is this person's turn to have a notebook made.
        """
        stored = self._store.load(key)
        if stored is None:
            return Converged.UNKNOWN
        if self.is_held(stored.environment):
            return Converged.BUSY
        try:
            self.advance(stored.environment, stored.version, (), admitted=admitted)
        except Conflict:
            return Converged.BUSY
        return Converged.DONE

    def is_held(self, environment: Environment) -> bool:
        """Whether another worker has the right to act on the record just now."""
        lease = environment.lease
        return lease is not None and self._clock.now() < lease.until

    def advance(
        self,
        environment: Environment,
        version: str | None,
        entries: Sequence[Entry],
        *,
        admitted: bool = False,
    ) -> datetime:
        """Converge ``environment``, not saved yet in this form, on top of ``version``.

        ``entries`` go into the history with the first save; returns when that was done. Raises
        ``Conflict`` only from that first save, when nothing was saved and nothing was done.

        Each round saves once: what came of the last steps together with the next ones about to be
        taken. If a round's save is beaten by a new intent, the results are put onto the newer
        record and decided upon again. When the rounds are used up the lease runs out, and the tick
        looks.
        """
        token = self._tokens()
        planned = _Remembered(self._planner.wants_of)
        results: tuple[Result, ...] = ()
        saved_at: datetime | None = None
        for _ in range(_ROUNDS):
            decision = self._decide(environment, results, planned, admitted=admitted)
            claimed = _claim(decision, token, self._clock.now(), self._policy)
            try:
                saved = self._saved(claimed, version, (*entries, *decision.entries), decision)
            except Conflict:
                if not results:
                    raise
                stored = self._still_ours(claimed.key, token)
                if stored is None:
                    break
                environment, version = stored.environment, stored.version
                continue
            version, saved_at = saved.version, saved_at or self._clock.now()
            _log_told(claimed, decision.entries)
            if not decision.actions:
                self._log_late_access(claimed)
                self._commons.announcer.hand_on(claimed, version, decision.environment.due_at)
                break
            environment, entries = claimed, ()
            results = self._carried_out(claimed, decision, saved)
            # An admitted person goes on in the next zone without a new turn: their place is kept.
            admitted = admitted or any(result.was_let_in for result in results)
        else:
            log.warning(
                "rounds used up; the tick goes on when the lease ends",
                extra={"action": "converge.rounds", "person": environment.key},
            )
        assert saved_at is not None, "the first save succeeds, or its Conflict is raised"
        return saved_at

    def _decide(
        self,
        environment: Environment,
        results: Sequence[Result],
        wants_of: _Remembered,
        *,
        admitted: bool,
        scanned: bool = False,
        looked_again: bool = False,
    ) -> Decision:
        """Apply the results to the record, look at what must be looked at, decide.

        ``scanned``: everything was looked for just now; once in a run is enough. ``looked_again``:
        so was what a leaver may have started before the notebook stopped.
        """
        now = self._clock.now()
        environment, entries = absorb(environment, results, now, self._policy)
        promoted = in_force(environment, now)
        entries = (*entries, *promotions(environment, now))
        plan = self._planner.plan(promoted, wants_of(promoted))
        ready = prepared(promoted, plan, now)
        wants = {want.id: want for want in plan.wants or ()} | snapshot_wants(ready)
        seen = {
            id: self._look(ready, resource, wants.get(id), now)
            for id in must_look(ready, plan, now)
            if (resource := ready.resource(id)) is not None
        }
        consents, vanished = self._consents(ready, now)
        plan = replace(plan, consents=consents, vanished=vanished)
        decision = decide(ready, plan, seen, now, self._policy)
        if not looked_again and _owes_a_look(decision, plan, seen, now):
            # Look now, not at the next tick: until then nobody knows that access has ended.
            told = (*entries, *decision.entries)
            environment = decision.environment
            decision = self._decide(
                environment, (), wants_of, admitted=admitted, scanned=scanned, looked_again=True
            )
            return replace(decision, entries=(*told, *decision.entries))
        if decision.waits_for_turn:
            decision = self._in_turn(decision, ready, plan, seen, now, admitted=admitted)
        if decision.wants_scan and not scanned:
            decision = self._concluded(decision, ready, plan, seen, now)
            if decision.environment.due_at is not None and decision.environment.due_at <= now:
                # What was found may be running: stop it now, not at the next tick.
                told = (*entries, *decision.entries)
                environment = decision.environment
                decision = self._decide(environment, (), wants_of, admitted=admitted, scanned=True)
                return replace(decision, entries=(*told, *decision.entries))
        return replace(decision, entries=(*entries, *decision.entries))

    def _in_turn(
        self,
        decision: Decision,
        environment: Environment,
        plan: Plan,
        seen: Mapping[str, Observation],
        now: datetime,
        *,
        admitted: bool,
    ) -> Decision:
        """The decision if this person may have a notebook made now; else as it was."""
        if admitted or is_at_work(environment):
            turn = Turn.CERTAIN  # the tick says so, or they have a place already
        elif queues(environment):
            turn = Turn.LATER  # they have their place in the queue
        else:
            turn = self._commons.admission.take()
        if turn is Turn.LATER:
            return decision
        waiting = in_queue(decision.environment)
        decision = decide(environment, replace(plan, admitted=True), seen, now, self._policy)
        return replace(decision, provisional=waiting if turn is Turn.PROVISIONAL else frozenset())

    def _concluded(
        self,
        decision: Decision,
        environment: Environment,
        plan: Plan,
        seen: Mapping[str, Observation],
        now: datetime,
    ) -> Decision:
        """The decision about a leaver after a look everywhere; as it was if that failed."""
        try:
            scan = self._commons.search.everything_of(environment.key, environment.person.email)
        except CloudFault as fault:
            problem = f"the final look for leftovers failed: {fault.message}"
            log.warning(problem, extra={"action": "scan.failed", "person": environment.key})
            again = now + self._policy.scan_again
            undecided = replace(decision.environment, problem=problem, due_at=again)
            return replace(decision, environment=undecided)
        return decide(environment, replace(plan, scan=scan), seen, now, self._policy)

    def _look(
        self, environment: Environment, resource: Resource, want: Want | None, now: datetime
    ) -> Observation:
        driver = self._drivers[resource.kind]
        try:
            seen = driver.observe(resource, environment.key, environment.person.email, want)
        except CloudFault as fault:
            return Observation(state=None, problem=fault.problem())
        self._note_shortage(resource, want, seen.problem, now)
        return seen

    def _consents(
        self, environment: Environment, now: datetime
    ) -> tuple[dict[str, bool | None], frozenset[str]]:
        """Whether owners have consented, and whose notebook isn't there to be asked about.

        An unknown answer delays nothing.
        """
        answers: dict[str, bool | None] = {}
        vanished = set()
        for id in must_ask(environment, now):
            resource = environment.resource(id)
            assert resource is not None
            try:
                answers[id] = self._drivers[resource.kind].consented(resource)
            except CloudFault as fault:
                answers[id] = None
                if fault.code == "NOT_FOUND":
                    vanished.add(id)
                log.info(fault.message, extra={"action": "consent.unknown", "about": resource.name})
        return answers, frozenset(vanished)

    def _note_shortage(
        self, resource: Resource, want: Want | None, problem: Problem | None, now: datetime
    ) -> None:
        """Tell the others which zone has no such machine left."""
        if want is None or problem is None or problem.fate is not Fate.STOCK_OUT:
            return
        what = lack(resource.name, want)
        if what:
            self._commons.shortages.report(what, now + self._policy.shortage)

    def _saved(
        self,
        environment: Environment,
        version: str | None,
        entries: Sequence[Entry],
        decision: Decision,
    ) -> Claimed:
        """Save the record; a newcomer's claim is counted with it."""
        if decision.provisional:
            return self._store.claim(environment, version, entries)
        return Claimed(self._store.save(environment, version, entries))

    def _carried_out(
        self, environment: Environment, decision: Decision, claimed: Claimed
    ) -> tuple[Result, ...]:
        """Carry out the actions, after the claim was saved; return their results."""
        turned_away = decision.provisional
        if turned_away and self._commons.admission.confirm(claimed):
            turned_away = frozenset()
        return tuple(
            Result(action, TurnedAway())
            if action.resource.id in turned_away
            else self._act(environment, action)
            for action in decision.actions
        )

    def _act(self, environment: Environment, action: Action) -> Result:
        """Take one step, unless our lease could end while the call is still out."""
        lease = environment.lease
        assert lease is not None, "only a claimed record is acted upon"
        if self._clock.now() + self._policy.call_deadline > lease.until:
            return Result(action, None)
        try:
            return Result(action, self._take(environment, action))
        except CloudFault as fault:
            problem = fault.problem()
            self._note_shortage(action.resource, action.want, problem, self._clock.now())
            return Result(action, problem)

    def _take(self, environment: Environment, action: Action) -> Observation:
        resource, want = action.resource, action.want
        driver = self._drivers[resource.kind]
        key, email = environment.key, environment.person.email
        request = request_id(key, resource, action.step)
        match action.step:
            case Step.CREATE:
                assert want is not None
                return driver.create(resource, want, key, email, request)
            case Step.UPDATE:
                assert want is not None
                return driver.update(resource, want, key, email, request)
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

    def _log_late_access(self, environment: Environment) -> None:
        """Report at every run a leaver who still has access, whatever it is that fails."""
        seconds = late_access(environment, self._clock.now(), self._policy)
        if seconds is not None:
            log.warning(
                f"a leaver still has access: {environment.problem or 'it is being ended'}",
                extra={"action": "access.late", "person": environment.key, "seconds": seconds},
            )

    def _still_ours(self, key: str, token: str) -> Stored | None:
        """The record as it is now, if we still may act on it; else others look for themselves."""
        stored = self._store.load(key)
        if stored is None or stored.environment.lease is None:
            return None
        return stored if stored.environment.lease.token == token else None


class _Remembered:
    """What a person should have, worked out once a run: again only if a new intent gets between."""

    def __init__(self, work_out: Callable[[Environment], tuple[Want, ...] | None]) -> None:
        self._work_out = work_out
        self._intent: Intent | None = None
        self._wants: tuple[Want, ...] | None = ()

    def __call__(self, environment: Environment) -> tuple[Want, ...] | None:
        if environment.intent is not None and environment.intent is not self._intent:
            self._wants = self._work_out(environment)
            self._intent = environment.intent
        return self._wants


def _owes_a_look(
    decision: Decision, plan: Plan, seen: Mapping[str, Observation], now: datetime
) -> bool:
    """Whether what was just seen of a leaver asks for a look at more, and nothing else is to do."""
    if decision.actions or not decision.environment.leaving:
        return False
    return not seen.keys() >= set(must_look(decision.environment, plan, now))


def _claim(decision: Decision, token: str, now: datetime, policy: Policy) -> Environment:
    """The record to save: leased to us if there is something to do, free otherwise."""
    environment = decision.environment
    if not decision.actions:
        if environment.outbox:
            # Until they are handed on: a crash before that is found by the tick.
            soon = now + policy.announce_again
            environment = replace(environment, due_at=min(environment.due_at or soon, soon))
        return replace(environment, lease=None)
    until = now + policy.lease
    return replace(environment, lease=Lease(token=token, until=until), due_at=until)


def _is_bad_news(entry: Entry, environment: Environment) -> bool:
    stuck = environment.phase is Phase.QUARANTINED
    return entry.action == "step.failed" or (entry.action == "phase.changed" and stuck)


def _log_told(environment: Environment, entries: Sequence[Entry]) -> None:
    for entry in entries:
        measured = {} if entry.seconds is None else {"seconds": entry.seconds}
        log.log(
            logging.WARNING if _is_bad_news(entry, environment) else logging.INFO,
            entry.text,
            extra={
                "action": entry.action,
                "person": environment.key,
                "about": entry.about,
                "phase": environment.phase,
                **measured,
            },
        )
