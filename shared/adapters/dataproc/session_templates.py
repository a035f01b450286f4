"""Dataproc session templates, through Google's own client.

The client is made by a factory at the first call: a cold start that never touches Dataproc must
not pay for importing it. What should be in a template is the profiles' business.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.adapters.driver_defaults import Plain
from shared.adapters.google_api.fault_table import translated
from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, Resource, State, Want
from shared.domain.wants.labels import is_ours

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import SessionTemplate, SessionTemplateControllerClient

SECONDS = 20.0  # for each call; all of these are synchronous and small
_OUTPUT_ONLY = ("create_time", "update_time", "creator", "uuid")


class SessionTemplateDriver(Plain):
    """One remote call for create, observe and delete; two for update (look, then write).

    No call is repeated by the client (``retry=None``): create has no request id, and a write that
    may have been made is looked at before it is made again.
    """

    kind = Kind.SESSION_TEMPLATE

    def __init__(
        self, client: Callable[[], SessionTemplateControllerClient], *, seconds: float = SECONDS
    ) -> None:
        self._make_client = client
        self._seconds = seconds

    @cached_property
    def _client(self) -> SessionTemplateControllerClient:
        return self._make_client()

    def observe(self, resource: Resource, key: str, email: str, want: Want | None) -> Observation:
        """Look; there are no operations, so nothing is ever under way."""
        found = self._find(resource.name)
        return Observation(state=State.ABSENT) if found is None else _judged(found, key)

    def create(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Make it; one of this person's that is there already is brought to ``want``."""
        template = _template(resource, want)
        parent = resource.name.partition("/sessionTemplates/")[0]
        try:
            with translated(changes=True):
                self._client.create_session_template(
                    parent=parent, session_template=template, retry=None, timeout=self._seconds
                )
        except CloudFault as fault:
            if fault.code != "ALREADY_EXISTS":
                raise
            return self._bring(resource, template, key)
        return Observation(state=State.READY)

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Replace its content, if it is ours and differs."""
        return self._bring(resource, _template(resource, want), key)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it; done when this returns."""
        try:
            with translated(changes=True):
                self._client.delete_session_template(
                    name=resource.name, retry=None, timeout=self._seconds
                )
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
        return Observation(state=State.ABSENT)

    def _find(self, name: str) -> SessionTemplate | None:
        try:
            with translated(changes=False):
                return self._client.get_session_template(
                    name=name, retry=None, timeout=self._seconds
                )
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None

    def _bring(self, resource: Resource, template: SessionTemplate, key: str) -> Observation:
        """Write ``template`` over what is there, if that is ours and differs."""
        found = self._find(resource.name)
        if found is None:
            return Observation(state=State.ABSENT)
        seen = _judged(found, key)
        if seen.state is State.FOREIGN or _content(found) == _content(template):
            return seen
        from google.cloud.dataproc_v1 import UpdateSessionTemplateRequest

        with translated(changes=True):
            self._client.update_session_template(
                UpdateSessionTemplateRequest(session_template=template),
                retry=None,
                timeout=self._seconds,
            )
        return seen

    def _there(self, resource: Resource) -> Observation:
        found = self._find(resource.name)
        return Observation(state=State.ABSENT if found is None else State.READY)


def _judged(found: SessionTemplate, key: str) -> Observation:
    if not is_ours(dict(found.labels), key):
        return Observation(state=State.FOREIGN, detail="it lacks our labels for this person")
    return Observation(state=State.READY)


def _content(template: SessionTemplate) -> dict[str, Any]:
    """A template without what only the server sets, to be compared.

    Where the server adds defaults of its own this finds a difference that is none; the write that
    follows is harmless.
    """
    content: dict[str, Any] = type(template).to_dict(template)
    return {name: value for name, value in content.items() if name not in _OUTPUT_ONLY}


def _template(resource: Resource, want: Want) -> SessionTemplate:
    """The body as Google's message; a field it doesn't know is the profile's mistake."""
    from google.cloud.dataproc_v1 import SessionTemplate
    from google.protobuf import json_format  # type: ignore[import-untyped]  # it ships no types

    template = SessionTemplate()
    try:
        json_format.ParseDict({**want.body, "name": resource.name}, SessionTemplate.pb(template))
    except json_format.ParseError as error:
        message = f"session template {want.slot!r}: {error}. Correct the profile."
        raise CloudFault(Fate.PERMANENT, "INVALID_ARGUMENT", message[:500]) from error
    return template
