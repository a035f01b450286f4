"""The credentials for calls to an endpoint.

It must not know which API is called.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.auth.credentials import Credentials


def credentials_for(endpoint: str) -> Credentials:
    """The deployment's own credentials; none for plain HTTP, where a token could be read."""
    if endpoint.startswith("http://"):
        from google.auth.credentials import AnonymousCredentials

        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    return _own_credentials()


@cache
def _own_credentials() -> Credentials:
    """Read once per process: on Google Cloud this calls the metadata server."""
    import google.auth

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return credentials
