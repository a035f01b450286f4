"""What there is to know besides the record when deciding about a person: read when it is needed."""

from __future__ import annotations

import logging

from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.faults import CloudFault
from shared.domain.goals import Plan
from shared.domain.names import fingerprint
from shared.domain.resources import Resource, State, Want
from shared.domain.wants import Site, wants
from shared.domain.wants.uses import uses_of
from shared.ports import EnvironmentStore, ProfileSource, Search
from shared.services.shortages import Shortages

log = logging.getLogger(__name__)


class Planner:
    """Makes the ``Plan`` of a person. Most people's takes no remote call at all."""

    def __init__(
        self,
        *,
        store: EnvironmentStore,
        profiles: ProfileSource,
        search: Search,
        shortages: Shortages,
        site: Site,
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._search = search
        self._shortages = shortages
        self._site = site

    def wants_of(self, environment: Environment) -> tuple[Want, ...] | None:
        """What the profile asks for; a leaver's is not looked up, so that leaving never fails."""
        if environment.intent is None or environment.leaving:
            return ()
        profile = self._profiles.current().profile(environment.profile)
        if profile is None:
            return None
        return wants(profile, environment.person, environment.key, self._site)

    def plan(self, environment: Environment, wanted: tuple[Want, ...] | None) -> Plan:
        """The plan of ``environment``, whose profile asks for ``wanted``."""
        leaving = environment.leaving
        return Plan(
            wants=wanted,
            uses=uses_of(environment, self._site) if leaving else (),
            older=self._older(environment) if leaving else None,
            shortages=self._shortages.current() if _makes_a_notebook(environment, wanted) else (),
            admitted=False,
        )

    def _older(self, environment: Environment) -> tuple[Resource, ...] | None:
        """A leaver's notebooks of the older kinds, looked for once; None if that failed."""
        if environment.sought_at is not None:
            return None
        try:
            return tuple(
                _owned(resource, environment, key, email)
                for key, email in environment.owners
                for resource in self._search.older_notebooks_of(key, email)
            )
        except CloudFault as fault:
            # The final look for leftovers finds them, at the latest.
            log.warning(fault.message, extra={"action": "older.failed", "person": environment.key})
            return None


def _owned(resource: Resource, environment: Environment, key: str, email: str) -> Resource:
    """``resource``, found by that key and address, as one of this record."""
    if key == environment.key:
        return replace(resource, owner=email)
    slot = f"found-{fingerprint(resource.name, length=8)}"
    return replace(resource, slot=slot, owner=email, key=key)


def _makes_a_notebook(environment: Environment, wanted: tuple[Want, ...] | None) -> bool:
    """Whether a notebook may have to be made: only then does it matter what zones lack."""
    for want in wanted or ():
        if want.kind.holds_data:
            known = environment.resource(want.id)
            if known is None or known.state is State.ABSENT or known.observe_at is not None:
                return True
    return False
