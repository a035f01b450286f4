"""The driver of Dataproc session templates, with Google's own client.

A factory creates the client at the first call, so that a cold start without Dataproc calls does
not import it. The domain defines the content of a template.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from shared.adapters.driver_defaults import DriverDefaults
from shared.adapters.google_api.fault_table import translated
from shared.domain.faults import CloudFault, Disposition
from shared.domain.manifests.labels import is_ours
from shared.domain.names import fingerprint
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

if TYPE_CHECKING:
    from google.cloud.dataproc_v1 import SessionTemplate, SessionTemplateControllerClient

SECONDS = 20.0  # the deadline of each call; none of them starts an operation
_OUTPUT_ONLY = ("create_time", "update_time", "creator", "uuid")


class SessionTemplateDriver(DriverDefaults):
    """One remote call for create, observe and delete; two for update (read, then write).

    The client never retries (``retry=None``): create takes no request id, so after a lost answer
    the template is observed first.
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

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """Read it; the API has no operations for templates."""
        found = self._get(resource.name)
        return Observation(state=State.ABSENT) if found is None else _observation(found, key)

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Create it; update the person's own if there is one."""
        template = _template(resource, manifest)
        parent = resource.name.partition("/sessionTemplates/")[0]
        try:
            with translated(changes=True):
                created = self._client.create_session_template(
                    parent=parent, session_template=template, retry=None, timeout=self._seconds
                )
        except CloudFault as fault:
            if fault.code != "ALREADY_EXISTS":
                raise
            return self._replace_own(resource, template, key)
        return _ready(created)

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Replace its content if it is ours and differs."""
        return self._replace_own(resource, _template(resource, manifest), key)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it; the API does so at once."""
        try:
            with translated(changes=True):
                self._client.delete_session_template(
                    name=resource.name, retry=None, timeout=self._seconds
                )
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
        return Observation(state=State.ABSENT)

    def _get(self, name: str) -> SessionTemplate | None:
        try:
            with translated(changes=False):
                return self._client.get_session_template(
                    name=name, retry=None, timeout=self._seconds
                )
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None

    def _replace_own(self, resource: Resource, template: SessionTemplate, key: str) -> Observation:
        """Replace the present template if it is ours and differs."""
        found = self._get(resource.name)
        if found is None:
            return Observation(state=State.ABSENT)
        seen = _observation(found, key)
        kind = type(found)
        if seen.state is State.FOREIGN or _content(kind.pb(found)) == _content(kind.pb(template)):
            return seen
        from google.cloud.dataproc_v1 import UpdateSessionTemplateRequest

        with translated(changes=True):
            updated = self._client.update_session_template(
                UpdateSessionTemplateRequest(session_template=template),
                retry=None,
                timeout=self._seconds,
            )
        return _ready(updated)

    def _current(self, resource: Resource) -> Observation:
        found = self._get(resource.name)
        return Observation(state=State.ABSENT) if found is None else _ready(found)


def template_fingerprint(template: Any) -> str:
    """The fingerprint of a template, given as the protocol buffer in the client's message."""
    return fingerprint(_content(template).hex())


def _observation(found: SessionTemplate, key: str) -> Observation:
    seen = _ready(found)
    if not is_ours(dict(found.labels), key):
        return replace(seen, state=State.FOREIGN, detail="it lacks our labels for this person")
    return seen


def _ready(found: SessionTemplate) -> Observation:
    return Observation(state=State.READY, fingerprint=template_fingerprint(type(found).pb(found)))


def _content(template: Any) -> bytes:
    """The template without the fields that only the server sets, for comparison.

    Defaults that the server adds count as a difference; the write that follows changes nothing.
    As bytes, since JSON would take several times as long for each template of a listing. They are
    the same for as long as the release of the protobuf library is, and in practice longer.
    """
    content = type(template)()
    content.CopyFrom(template)
    for field in _OUTPUT_ONLY:
        content.ClearField(field)
    found: bytes = content.SerializeToString(deterministic=True)
    return found


def _template(resource: Resource, manifest: Manifest) -> SessionTemplate:
    """The body as Google's message; raises ``CloudFault`` for a field that it does not have."""
    from google.cloud.dataproc_v1 import SessionTemplate
    from google.protobuf import json_format  # type: ignore[import-untyped]  # it ships no types

    template = SessionTemplate()
    try:
        json_format.ParseDict(
            {**manifest.body, "name": resource.name}, SessionTemplate.pb(template)
        )
    except json_format.ParseError as error:
        message = f"session template {manifest.slot!r}: {error}. Correct the profile."
        raise CloudFault(Disposition.PERMANENT, "INVALID_ARGUMENT", message[:500]) from error
    return template
