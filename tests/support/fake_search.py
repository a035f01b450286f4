"""The ports ``Search`` and ``Census`` over a ``FakeCloud``."""

from __future__ import annotations

from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Orphan
from shared.domain.resources.resource import Resource
from tests.support.fake_cloud import FakeCloud, Thing
from tests.support.fake_drivers import has_our_name

_OLDER = (Kind.MANAGED_NOTEBOOK, Kind.DATAPROC_HUB)
_OWNED = (Kind.WORKBENCH, *_OLDER, Kind.SESSION, Kind.CLUSTER)  # the API names the owner
_SHOWN = (State.CREATING, State.STARTING, State.STOPPING)


class FakeSearch:
    """Everything with a person's key; ours unless it names somebody else as its owner."""

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud

    def everything_of(self, key: str, email: str) -> tuple[Orphan, ...]:
        """As the port says."""
        with self._cloud.call("search.everything"):
            found = [t for t in self._cloud.things.values() if _concerns(t, key, email)]
            return tuple(_leftover(thing, key, email) for thing in found)

    def older_notebooks_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """As the port says."""
        with self._cloud.call("search.older"):
            found = [t for t in self._cloud.things.values() if t.key == key and t.kind in _OLDER]
            return tuple(
                Resource(kind=t.kind, slot=t.name.rpartition("/")[2], name=t.name, state=t.state)
                for t in found
            )


class FakeCensus:
    """The notebooks at work, as the listing shows them: none that is being deleted."""

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud

    def moving(self) -> frozenset[str]:
        """As the port says."""
        with self._cloud.call("census.moving"):
            things = self._cloud.things.values()
            return frozenset(
                t.name for t in things if t.kind is Kind.WORKBENCH and t.state in _SHOWN
            )


def _concerns(thing: Thing, key: str, email: str) -> bool:
    if thing.labelled and thing.key == key:
        return True
    return _is_owned_by(thing, email) or has_our_name(thing, key)


def _is_owned_by(thing: Thing, email: str) -> bool:
    return thing.kind in _OWNED and thing.email == email


def _leftover(thing: Thing, key: str, email: str) -> Orphan:
    owners = ("", email) if thing.kind.is_workload else (email,)
    owned = thing.kind.holds_data or thing.kind.is_workload
    theirs = thing.key == key and (not owned or thing.email in owners)
    other = thing.labelled and thing.key not in ("", key)
    detail = str(thing.state) if theirs else "it is somebody else's"
    return Orphan(
        kind=thing.kind,
        name=thing.name,
        ours=theirs and thing.labelled,
        named=theirs and has_our_name(thing, key),
        detail=detail if thing.labelled else f"{detail}; it lacks our labels for this person",
        labelled_for=thing.key if other and _is_owned_by(thing, email) else "",
        created_at=thing.born,
    )
