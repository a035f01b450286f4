"""The two older kinds put together: one client for each service, for its driver and the search.

The clients are made at the first call, so that whoever has no such notebooks doesn't pay for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.adapters.notebooks_v1.clients import managed_notebooks_client, notebooks_client
from shared.adapters.notebooks_v1.driver import OlderDriver
from shared.adapters.notebooks_v1.inventory import OlderNotebooks
from shared.adapters.notebooks_v1.services import SECONDS, Instances, OlderService, Runtimes

if TYPE_CHECKING:
    from google.auth.credentials import Credentials


class OlderKinds:
    """Everything of Notebooks v1 at ``endpoint``; ``project`` is the one that is searched."""

    def __init__(
        self,
        endpoint: str,
        credentials: Callable[[], Credentials],
        project: str,
        *,
        seconds: float = SECONDS,
    ) -> None:
        self._project = project
        self._services: tuple[OlderService, ...] = (
            Runtimes(lambda: managed_notebooks_client(endpoint, credentials()), seconds=seconds),
            Instances(lambda: notebooks_client(endpoint, credentials()), seconds=seconds),
        )

    def drivers(self) -> tuple[OlderDriver, ...]:
        """One for each of the two kinds."""
        return tuple(OlderDriver(service) for service in self._services)

    def search(self) -> OlderNotebooks:
        """Finds a person's, of both kinds."""
        return OlderNotebooks(self._project, self._services)
