"""The driver of Spark sessions that people started from their session templates.

A session has the labels of its template (Dataproc reference, ``SessionTemplate.labels``); a session
without a template is not found. Every user of the project may use every template, so the owner is
read from the session itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from shared.adapters.dataproc.workloads import (
    SECONDS,
    UNLABELLED,
    Workload,
    WorkloadDriver,
    operation_name,
)
from shared.adapters.google_api.timestamps import parsed_time
from shared.domain.manifests.labels import MANAGED_BY, MANAGER, PERSON, is_ours, other_person
from shared.domain.people.person import same_address
from shared.domain.resources.kinds import Kind
from shared.domain.resources.observation import Item

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import Session, SessionControllerClient

_PAGE = 1000
_SERVICE_ACCOUNT = ".gserviceaccount.com"  # such an owner does not identify a person


class SessionDriver(WorkloadDriver):
    """All of a person's sessions in one region; ``resource.name`` is their parent collection,
    ``projects/P/locations/R/sessions``."""

    kind = Kind.SESSION
    _ending_state = "TERMINATING"
    ended_states = ("TERMINATED", "FAILED")  # still listed for a while

    def __init__(
        self, client: Callable[[], SessionControllerClient], *, seconds: float = SECONDS
    ) -> None:
        super().__init__(seconds=seconds)
        self._make_client = client

    @cached_property
    def _client(self) -> SessionControllerClient:
        return self._make_client()

    def _list(self, parent: str, key: str, email: str, *, by_owner: bool) -> list[Workload]:
        from google.cloud.dataproc_v1 import ListSessionsRequest

        ours = f"labels.{PERSON} = {key} AND labels.{MANAGED_BY} = {MANAGER}"
        request = ListSessionsRequest(
            parent=parent.removesuffix("/sessions"),
            filter="" if by_owner else ours,
            page_size=_PAGE,
        )
        found = self._client.list_sessions(request, retry=None, timeout=self._seconds)
        workloads = []
        for session in found:
            item = Item(name=session.name, state=session.state.name)
            labels = dict(session.labels)
            if is_ours(labels, key):
                workloads.append(Workload(item, _foreign_reason(session, email)))
            elif by_owner and same_address(owner_of(session), email):
                other, created_at = other_person(labels, key), parsed_time(session.create_time)
                workloads.append(Workload(item, UNLABELLED, other, created_at))
        return workloads

    def _end(self, item: Item, request_id: str) -> str:
        from google.cloud.dataproc_v1 import TerminateSessionRequest

        request = TerminateSessionRequest(name=item.name, request_id=request_id)
        return operation_name(
            self._client.terminate_session(request, retry=None, timeout=self._seconds)
        )

    def _state_name(self, name: str) -> str:
        found = self._client.get_session(name=name, retry=None, timeout=self._seconds)
        return str(found.state.name)


def owner_of(session: Session) -> str:
    """The address of the person to whom the session belongs; '' if it names no person.

    Dataproc reference, ``Session``: ``user`` is "the email address of the user who owns the
    session" and optional, ``creator`` that of "the user who created" it.
    """
    owner = str(session.user or session.creator)
    return "" if owner.endswith(_SERVICE_ACCOUNT) else owner


def _foreign_reason(session: Session, email: str) -> str:
    """Why the session belongs to somebody else; '' if it is the person's or names no person.

    If it names no person, the labels decide: it was started from the person's template, and their
    access must end.
    """
    owner = owner_of(session)
    return f"it belongs to {owner}" if owner and not same_address(owner, email) else ""
