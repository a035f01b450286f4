"""A thin JSON client for Google APIs whose Python client lacks fields or methods we need.

One request per call, with a deadline and without retries: the record decides when to try again.
It must not know any API in particular.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests
from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession

from shared.adapters.google_api.errors import ApiError, from_response
from shared.adapters.google_api.fault_table import fault_of, translated

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0

Json = dict[str, Any]


class Rest:
    """Calls to one endpoint with the given credentials.

    Every method returns the decoded JSON object or raises ``CloudFault``. After a 401 the session
    refreshes the token and repeats the request, which is safe: it was not executed.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._timeout = (connect_seconds, read_seconds)
        # google-auth has annotations, but not on this class.
        session: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        self._session = session

    def get(self, path: str, **params: str) -> Json:
        """GET ``path`` (without a leading slash)."""
        return self._call("GET", path, params, None, changes=False)

    def post(self, path: str, body: Json, **params: str) -> Json:
        """POST ``body`` to a method that changes something."""
        return self._call("POST", path, params, body)

    def ask(self, path: str, body: Json) -> Json:
        """POST ``body`` to a method that only reads."""
        return self._call("POST", path, {}, body, changes=False)

    def patch(self, path: str, body: Json, **params: str) -> Json:
        """PATCH with ``body``; ``updateMask`` in ``params`` names the fields to change."""
        return self._call("PATCH", path, params, body)

    def delete(self, path: str, **params: str) -> Json:
        """DELETE ``path``."""
        return self._call("DELETE", path, params, None)

    def _call(
        self,
        verb: str,
        path: str,
        params: Mapping[str, str],
        body: Json | None,
        *,
        changes: bool = True,
    ) -> Json:
        url = f"{self._endpoint}/{quote(path, safe='/:')}"
        with translated(changes=changes):
            response = self._session.request(
                verb,
                url,
                params=params,
                json=body,
                timeout=self._timeout,
                # A redirect must not receive the token, and it would turn a POST into a GET.
                allow_redirects=False,
            )
        if not 200 <= response.status_code < 300:
            raise fault_of(from_response(response), changes=changes)
        return _json_object(response, changes=changes)


def _json_object(response: requests.Response, *, changes: bool) -> Json:
    with translated(changes=changes):
        body = response.json()
    if not isinstance(body, dict):
        error = ApiError(status="NO_ANSWER", message="an answer that is not a JSON object")
        raise fault_of(error, changes=changes)
    return body
