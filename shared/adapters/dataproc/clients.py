"""Creates Google's clients for Dataproc, over REST.

It must not know which methods are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.adapters.google_api.credentials import credentials_for

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import (
        ClusterControllerClient,
        SessionControllerClient,
        SessionTemplateControllerClient,
    )


class DataprocClients:
    """A new client at each call; the drivers keep theirs."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def sessions(self) -> SessionControllerClient:
        """The client for Spark sessions."""
        from google.cloud.dataproc_v1 import SessionControllerClient as Client

        client: Client = self._client(Client)
        return client

    def clusters(self) -> ClusterControllerClient:
        """The client for clusters."""
        from google.cloud.dataproc_v1 import ClusterControllerClient as Client

        client: Client = self._client(Client)
        return client

    def session_templates(self) -> SessionTemplateControllerClient:
        """The client for session templates."""
        from google.cloud.dataproc_v1 import SessionTemplateControllerClient as Client

        client: Client = self._client(Client)
        return client

    def _client(self, client: Any) -> Any:
        return client(
            transport="rest",
            credentials=credentials_for(self._endpoint),
            client_options={"api_endpoint": self._endpoint},
        )
