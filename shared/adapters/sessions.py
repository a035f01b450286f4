"""Spark sessions that people started from their session templates.

A session carries the labels of its template (Dataproc reference, ``SessionTemplate.labels``), so it
is known whose it is; of one made without a template nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from shared.adapters.uses import SECONDS, Use, UsesDriver, operation_name
from shared.domain.resources import Item, Kind
from shared.domain.wants.labels import MANAGED_BY, MANAGER, PERSON, is_ours

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import SessionControllerClient

_PAGE = 1000


class SessionDriver(UsesDriver):
    """All of a person's sessions in one region; ``resource.name`` is their parent collection,
    ``projects/P/locations/R/sessions``."""

    kind = Kind.SESSION
    _ending = "TERMINATING"
    _over = ("TERMINATED", "FAILED")  # they stay listed for a while

    def __init__(
        self, client: Callable[[], SessionControllerClient], *, seconds: float = SECONDS
    ) -> None:
        super().__init__(seconds=seconds)
        self._make_client = client

    @cached_property
    def _client(self) -> SessionControllerClient:
        return self._make_client()

    def _listed(self, parent: str, key: str, email: str) -> list[Use]:
        from google.cloud.dataproc_v1 import ListSessionsRequest

        request = ListSessionsRequest(
            parent=parent.removesuffix("/sessions"),
            filter=f"labels.{PERSON} = {key} AND labels.{MANAGED_BY} = {MANAGER}",
            page_size=_PAGE,
        )
        found = self._client.list_sessions(request, retry=None, timeout=self._seconds)
        return [
            Use(Item(name=session.name, state=session.state.name))
            for session in found
            if is_ours(dict(session.labels), key)
        ]

    def _end(self, name: str, request_id: str) -> str:
        from google.cloud.dataproc_v1 import TerminateSessionRequest

        request = TerminateSessionRequest(name=name, request_id=request_id)
        return operation_name(
            self._client.terminate_session(request, retry=None, timeout=self._seconds)
        )

    def _state_of(self, name: str) -> str:
        found = self._client.get_session(name=name, retry=None, timeout=self._seconds)
        return str(found.state.name)
