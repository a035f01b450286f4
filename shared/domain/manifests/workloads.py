"""Which workloads to search for when a person leaves: Spark sessions and clusters. Pure."""

from __future__ import annotations

from shared.domain.environment import Environment
from shared.domain.manifests.site import Site
from shared.domain.names import fingerprint
from shared.domain.resources.kinds import Kind
from shared.domain.resources.resource import Resource

SLOT = "started"


def slot_of(environment: Environment, key: str, email: str) -> str:
    """The slot for all workloads that were started under that key and address."""
    if (key, email) == environment.owners[0]:
        return SLOT
    return f"{SLOT}-{fingerprint(f'{key} {email}', length=6)}"


def workloads_of(environment: Environment, site: Site) -> tuple[Resource, ...]:
    """One resource for all sessions of the person, and one for all clusters.

    They are of kinds of which the person had templates, for each address that they had. For a key
    whose record was lost, but under which they have a notebook, both kinds are searched, because
    it is not known which templates there were. ``name`` is the parent collection in the site's
    region: templates name a subnet of that region, so they can't be used in another one.
    """
    kinds = {resource.kind for resource in environment.resources}
    found = []
    for key, email in (*environment.owners, *_owners_of_lost(environment)):
        slot = slot_of(environment, key, email)
        own = "" if key == environment.key else key
        lost = key not in environment.keys
        if lost or Kind.SESSION_TEMPLATE in kinds:
            name = sessions_of(site)
            found.append(Resource(kind=Kind.SESSION, slot=slot, name=name, owner=email, key=own))
        if lost or Kind.CLUSTER_TEMPLATE in kinds:
            name = clusters_of(site)
            found.append(Resource(kind=Kind.CLUSTER, slot=slot, name=name, owner=email, key=own))
    return tuple(found)


def _owners_of_lost(environment: Environment) -> tuple[tuple[str, str], ...]:
    """The keys and addresses of notebooks under keys that are not the record's own."""
    notebooks = (r for r in environment.resources if r.kind.holds_data and r.key)
    owners = dict.fromkeys(environment.owner_of(r) for r in notebooks)
    return tuple(owner for owner in owners if owner[0] not in environment.keys)


def sessions_of(site: Site) -> str:
    """The collection of all Spark sessions."""
    return f"projects/{site.project}/locations/{site.region}/sessions"


def clusters_of(site: Site) -> str:
    """The collection of all Dataproc clusters."""
    return f"projects/{site.project}/regions/{site.region}/clusters"
