"""The notebooks with a change in progress, read from the listing of all notebooks.

Used when so many changes are in progress that reading each notebook would be more calls than
there are pages.
"""

from __future__ import annotations

from shared.adapters.google_api.pagination import list_all
from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2.instances import known_state

_PAGE = "500"


class NotebooksInFlight:
    """One call per 500 notebooks of the project, in all its zones."""

    def __init__(self, rest: Rest, project: str) -> None:
        self._rest = rest
        self._path = f"v2/projects/{project}/locations/-/instances"

    def moving(self) -> frozenset[str]:
        """The full names of those being created, started or stopped.

        The API has no state for a change, a restore or a deletion, so these are not included.
        """
        instances = list_all(self._rest, self._path, "instances", pageSize=_PAGE)
        return frozenset(
            str(instance["name"])
            for instance in instances
            if (state := known_state(instance)) is not None and state.is_moving
        )
