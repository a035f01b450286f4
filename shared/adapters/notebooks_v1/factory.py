"""Creates the drivers and the inventory of the two older kinds, with one client per service.

A client is created at its first call, so deployments without such notebooks never import it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.adapters.notebooks_v1.clients import managed_notebooks_client, notebooks_client
from shared.adapters.notebooks_v1.driver import NotebooksV1Driver
from shared.adapters.notebooks_v1.inventory import NotebooksV1Inventory
from shared.adapters.notebooks_v1.services import SECONDS, Instances, NotebooksV1Service, Runtimes

if TYPE_CHECKING:
    from google.auth.credentials import Credentials


class NotebooksV1Factory:
    """For Notebooks v1 at ``endpoint``; ``project`` is the one whose notebooks are listed.

    ``services``: one for each kind.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Callable[[], Credentials],
        project: str,
        *,
        seconds: float = SECONDS,
    ) -> None:
        self._project = project
        self.services: tuple[NotebooksV1Service, ...] = (
            Runtimes(lambda: managed_notebooks_client(endpoint, credentials()), seconds=seconds),
            Instances(lambda: notebooks_client(endpoint, credentials()), seconds=seconds),
        )

    def drivers(self) -> tuple[NotebooksV1Driver, ...]:
        """One driver per kind."""
        return tuple(NotebooksV1Driver(service) for service in self.services)

    def inventory(self) -> NotebooksV1Inventory:
        """Finds a person's notebooks of both kinds."""
        return NotebooksV1Inventory(self._project, self.services)
