"""Answers the ``Needs`` of ``reconcile``: the only part of the services that observes resources.

Must not decide anything. A call that fails is an answer as well: no method raises ``CloudFault``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.manifests import Site, manifests_of
from shared.domain.names import found_slot
from shared.domain.policy import Policy
from shared.domain.reconciliation.context import (
    Consent,
    Context,
    Needs,
    ObservationRequest,
    Profile,
    Turn,
)
from shared.domain.reconciliation.due import is_at_work, queues
from shared.domain.reconciliation.placement import capacity_key
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation, Orphan
from shared.domain.resources.resource import Resource
from shared.ports import Clock, Driver, EnvironmentStore, ProfileSource, Search
from shared.services.admission import Admission
from shared.services.shortages import Shortages

log = logging.getLogger(__name__)


class ContextReader(msgspec.Struct, frozen=True, kw_only=True):
    """Finds the answers for one person: profiles, observations, consents, search, shortages, turn.

    The store is used only to find out whether a key that the final search found has a record.
    """

    store: EnvironmentStore
    profiles: ProfileSource
    drivers: Mapping[Kind, Driver]
    search: Search
    shortages: Shortages
    admission: Admission
    clock: Clock
    site: Site
    policy: Policy

    def empty(self) -> Context:
        """A context in which nothing has been asked yet."""
        return Context(now=self.clock.now(), policy=self.policy, site=self.site)

    def answered(self, needs: Needs, context: Context, *, admitted: bool) -> Context:
        """``context`` with the answers to ``needs``.

        ``admitted``: the tick says that it is this person's turn to have a notebook created.
        """
        record = needs.record
        if needs.profile:
            context = replace(context, profile=self.profile_of(record))
        if needs.looks:
            found = {look.resource.id: self._observe(record, look) for look in needs.looks}
            context = context.with_observations(found)
        if needs.consents:
            answers = {resource.id: self._consent(resource) for resource in needs.consents}
            context = replace(context, consents={**context.consents, **answers})
        if needs.older:
            context = replace(context, older=self._older(record))
        if needs.inventory:
            context = replace(context, inventory=self._inventory(record))
        if needs.shortages:
            context = replace(context, shortages=self.shortages.current())
        if needs.turn:
            context = replace(context, turn=self._turn(record, admitted=admitted))
        return context

    def profile_of(self, record: Environment) -> Profile:
        """The manifests from the person's profile; None if there is no such profile any more."""
        profile = self.profiles.current().profile(record.terms.profile)
        if profile is None:
            return Profile(None)
        return Profile(manifests_of(profile, record.person, record.key, self.site))

    def note_shortage(
        self, resource: Resource, manifest: Manifest | None, problem: Problem | None
    ) -> None:
        """Report the shortage to all processes, if ``problem`` is a stock-out."""
        if manifest is None or problem is None or problem.disposition is not Disposition.STOCK_OUT:
            return
        what = capacity_key(resource.name, manifest)
        if what:
            self.shortages.report(what, self.clock.now() + self.policy.shortage)

    def _turn(self, record: Environment, *, admitted: bool) -> Turn:
        if admitted or is_at_work(record, self.clock.now()):
            return Turn.CERTAIN  # admitted by the tick, or their creation counts already
        if queues(record):
            return Turn.LATER  # only the tick admits people from the queue
        return self.admission.take()

    def _observe(self, record: Environment, request: ObservationRequest) -> Observation:
        resource, manifest = request.resource, request.manifest
        try:
            driver = self.drivers[resource.kind]
            observation = driver.observe(resource, *record.owner_of(resource), manifest)
        except CloudFault as fault:
            return Observation(state=None, problem=fault.problem())
        self.note_shortage(resource, manifest, observation.problem)
        return observation

    def _consent(self, notebook: Resource) -> Consent:
        """Whether the owner has consented. A failed call is logged and delays nothing."""
        try:
            return Consent(self.drivers[notebook.kind].consented(notebook))
        except CloudFault as fault:
            log.info(fault.message, extra={"action": "consent.unknown", "about": notebook.name})
            return Consent(None, vanished=fault.code == "NOT_FOUND")

    def _older(self, record: Environment) -> tuple[Resource, ...] | Problem:
        """A leaver's notebooks of the older kinds; if that fails, the final search finds them."""
        try:
            return tuple(
                _owned(resource, record, key, email)
                for key, email in record.owners
                for resource in self.search.older_notebooks_of(key, email)
            )
        except CloudFault as fault:
            log.warning(fault.message, extra={"action": "older.failed", "person": record.key})
            return fault.problem()

    def _inventory(self, record: Environment) -> tuple[Orphan, ...] | Problem:
        """All resources of the person, under each of their keys and addresses."""
        found: dict[tuple[Kind, str], Orphan] = {}
        try:
            for key, email in record.owners:
                own = "" if key == record.key else key
                for each in self.search.everything_of(key, email):
                    known = found.get((each.kind, each.name))
                    if known is None or _certainty(each) > _certainty(known):
                        found[each.kind, each.name] = replace(each, key=own, owner=email)
        except CloudFault as fault:
            problem = f"the final search failed: {fault.message}"
            log.warning(problem, extra={"action": "scan.failed", "person": record.key})
            return fault.problem()
        others = {each.labelled_for for each in found.values() if each.labelled_for}
        theirs = {key for key in others if self._is_theirs(key, record, found.values())}
        return tuple(_of_lost_record(o) if o.labelled_for in theirs else o for o in found.values())

    def _is_theirs(self, key: str, record: Environment, found: Iterable[Orphan]) -> bool:
        """Whether ``key``, in the labels of a resource that has their address, is this person's.

        It is if its record was merged into theirs. If there is no record, it was lost. Then the key
        is theirs if any resource with it was created while they had the address; otherwise it is of
        whoever has the address since.
        """
        stored = self.store.load(key)
        if stored is not None:
            return stored.environment.merged_into == record.key
        return any(_dates_from_their_time(o, record) for o in found if o.labelled_for == key)


def _certainty(found: Orphan) -> tuple[bool, bool, bool]:
    return found.ours, found.named, bool(found.labelled_for)


def _dates_from_their_time(found: Orphan, record: Environment) -> bool:
    """Whether ``found`` was created while its owner's address was that of the person."""
    until = record.had_until(found.owner)
    return until is None or (found.created_at is not None and found.created_at < until)


def _of_lost_record(found: Orphan) -> Orphan:
    """``found`` as the person's: it belongs to their address alone, and to no other record."""
    return replace(found, ours=True, key=found.labelled_for)


def _owned(resource: Resource, record: Environment, key: str, email: str) -> Resource:
    """``resource``, found by ``key`` and ``email``, as a resource of ``record``."""
    if key == record.key:
        return replace(resource, owner=email)
    return replace(resource, slot=found_slot(resource.name), owner=email, key=key)
