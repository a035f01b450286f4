"""Creates Google's clients for Notebooks v1, which support gRPC only.

For an ``http://`` endpoint (the local cloud) the channel is not encrypted and no credentials are
sent. It must not know which methods are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.cloud.notebooks_v1 import ManagedNotebookServiceClient, NotebookServiceClient


def managed_notebooks_client(
    endpoint: str, credentials: Credentials
) -> ManagedNotebookServiceClient:
    """The client for managed notebooks (runtimes) at ``endpoint``."""
    from google.cloud.notebooks_v1 import ManagedNotebookServiceClient as Client

    client: Client = _client(Client, endpoint, credentials)
    return client


def notebooks_client(endpoint: str, credentials: Credentials) -> NotebookServiceClient:
    """The client for user-managed notebooks (instances) at ``endpoint``."""
    from google.cloud.notebooks_v1 import NotebookServiceClient as Client

    client: Client = _client(Client, endpoint, credentials)
    return client


def _client(client: Any, endpoint: str, credentials: Credentials) -> Any:
    scheme, _, address = endpoint.rstrip("/").partition("://")
    if scheme != "http":
        return client(credentials=credentials, client_options={"api_endpoint": address})
    import grpc  # type: ignore[import-untyped]  # it ships no types

    transport = client.get_transport_class("grpc")
    return client(transport=transport(channel=grpc.insecure_channel(address)))
