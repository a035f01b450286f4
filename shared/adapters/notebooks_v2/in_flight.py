"""Which notebooks the cloud is at work on, read from the listing of all of them.

For when so many are under way that a look at each would be more calls than there are pages.
"""

from __future__ import annotations

from shared.adapters.google_api.pagination import everything_listed
from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2.instances import state_of
from shared.domain.resources import Kind, Resource

_PAGE = "500"


class NotebookCensus:
    """One call for each 500 notebooks of the project, in all its zones."""

    def __init__(self, rest: Rest, project: str) -> None:
        self._rest = rest
        self._path = f"v2/projects/{project}/locations/-/instances"

    def moving(self) -> frozenset[str]:
        """As the driver of one notebook would say: being made, started or stopped.

        The API shows no state for a change, a restore or a deletion: look at those one by one.
        """
        found = everything_listed(self._rest, self._path, "instances", pageSize=_PAGE)
        return frozenset(
            str(instance["name"]) for instance in found if _moves(str(instance["name"]), instance)
        )


def _moves(name: str, instance: dict[str, object]) -> bool:
    state = state_of(instance, Resource(kind=Kind.WORKBENCH, slot="", name=name)).state
    return state is not None and state.is_moving
