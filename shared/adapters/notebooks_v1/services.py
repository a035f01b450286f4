"""One interface for the two services of Notebooks v1, with notebooks as JSON.

Their clients differ in the names of methods and in whether they take request ids. Notebooks are
returned as JSON, so that values the client does not know are not lost. It must not know what a
state means, nor whose a notebook is.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from shared.adapters.google_api.errors import ApiError
from shared.adapters.google_api.fault_table import fault_of, translated
from shared.adapters.google_api.pagination import all_items, first_page, unreachable
from shared.domain.faults import CloudFault
from shared.domain.manifests.dataproc_hub import OWNER
from shared.domain.resources.kinds import Kind
from shared.ports import Page

if TYPE_CHECKING:
    from google.cloud.notebooks_v1 import ManagedNotebookServiceClient, NotebookServiceClient

Json = dict[str, Any]

SECONDS = 20.0  # the deadline of each call; operations are never awaited
PAGE = 500  # the most in one page


class NotebooksV1Service(ABC):
    """One of the two services. The client never retries; each method raises ``CloudFault``.

    Methods that change something return the name of the operation that they started.
    """

    kind: ClassVar[Kind]
    noun: ClassVar[str]  # the client's word for a notebook
    takes_request_ids: ClassVar[bool]

    def __init__(self, client: Callable[[], Any], *, seconds: float = SECONDS) -> None:
        self._make_client = client
        self._seconds = seconds

    @cached_property
    def _client(self) -> Any:
        return self._make_client()

    def get(self, name: str) -> Json | None:
        """The notebook with the full name ``name``; None if it does not exist."""
        try:
            return _json(self._call("get", {"name": name}, changes=False))
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None

    def create(self, name: str, body: Json, request_id: str) -> str:
        """Create ``body`` with the full name ``name``."""
        parent, _, own_id = name.rpartition(f"/{self.noun}s/")
        message = self._message().from_json(json.dumps(body))
        request = {"parent": parent, f"{self.noun}_id": own_id, self.noun: message}
        return self._start_operation("create", request, request_id)

    def start(self, name: str, request_id: str) -> str:
        """Start it; a running one is not changed."""
        return self._start_operation("start", {"name": name}, request_id)

    def stop(self, name: str, request_id: str) -> str:
        """Stop it; a stopped one is not changed."""
        return self._start_operation("stop", {"name": name}, request_id)

    def delete(self, name: str, request_id: str) -> str:
        """Delete it with its disks."""
        return self._start_operation("delete", {"name": name}, request_id)

    def operation(self, name: str) -> Json | None:
        """``{"done": …, "error": …}`` of an operation; None if Google has deleted it."""
        try:
            with translated(changes=False):
                found = self._client.get_operation(
                    {"name": name}, retry=None, timeout=self._seconds
                )
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None
        return {"done": found.done, "error": _status(found.error)}

    def search(self, project: str, wanted: Callable[[Json], bool]) -> list[Json]:
        """The notebooks of all locations that are ``wanted``, in the order of the listing."""
        return list(filter(wanted, all_items(lambda after: self.page(project, after))))

    def page(self, project: str, after: str = "", size: int = PAGE) -> Page[Json]:
        """One page of the notebooks of all locations; ``after``: its token, '' for the first one.

        Raises a temporary fault if a location did not answer, since the listing is incomplete then.
        """
        parent = f"projects/{project}/locations/-"
        request = {"parent": parent, "page_size": size, "page_token": after}
        with translated(changes=False):
            method = getattr(self._client, f"list_{self.noun}s")
            page = first_page(method(request=request, retry=None, timeout=self._seconds))
        if page.unreachable:
            raise unreachable(parent, list(page.unreachable))
        notebooks = map(_json, getattr(page, f"{self.noun}s"))
        return Page(items=tuple(notebooks), next=str(page.next_page_token))

    @abstractmethod
    def labels_of(self, notebook: Json) -> dict[str, str]:
        """Its labels, as far as the client returns them."""

    @abstractmethod
    def owner_of(self, notebook: Json) -> str | None:
        """Its owner's address in lower case, '' for nobody; None if the API does not return it."""

    @abstractmethod
    def link_of(self, notebook: Json) -> str:
        """Its address at the proxy, as the API returns it; '' while it has none."""

    @abstractmethod
    def _message(self) -> Any:
        """The client's message type of a notebook."""

    def _start_operation(self, verb: str, request: Json, request_id: str) -> str:
        if self.takes_request_ids:
            request["request_id"] = request_id
        operation = self._call(verb, request, changes=True).operation.name
        if not operation:
            error = ApiError(status="NO_ANSWER", message="an answer that names no operation")
            raise fault_of(error, changes=True)
        return str(operation)

    def _call(self, verb: str, request: Json, *, changes: bool) -> Any:
        with translated(changes=changes):
            method = getattr(self._client, f"{verb}_{self.noun}")
            return method(request=request, retry=None, timeout=self._seconds)


class Runtimes(NotebooksV1Service):
    """Managed notebooks."""

    kind = Kind.MANAGED_NOTEBOOK
    noun = "runtime"
    takes_request_ids = True

    def __init__(
        self, client: Callable[[], ManagedNotebookServiceClient], *, seconds: float = SECONDS
    ) -> None:
        super().__init__(client, seconds=seconds)

    def labels_of(self, notebook: Json) -> dict[str, str]:
        """Those of its machine; the client does not know the field ``Runtime.labels``."""
        config = notebook.get("virtualMachine", {}).get("virtualMachineConfig", {})
        return dict(config.get("labels", {}))

    def owner_of(self, notebook: Json) -> str | None:
        """Every runtime has one, which can be a service account."""
        return str(notebook.get("accessConfig", {}).get("runtimeOwner", "")).lower()

    def link_of(self, notebook: Json) -> str:
        """From its access settings."""
        return str(notebook.get("accessConfig", {}).get("proxyUri", ""))

    def _message(self) -> Any:
        from google.cloud.notebooks_v1 import Runtime

        return Runtime


class Instances(NotebooksV1Service):
    """User-managed notebooks, such as Dataproc Hubs. The service takes no request ids."""

    kind = Kind.DATAPROC_HUB
    noun = "instance"
    takes_request_ids = False

    def __init__(
        self, client: Callable[[], NotebookServiceClient], *, seconds: float = SECONDS
    ) -> None:
        super().__init__(client, seconds=seconds)

    def labels_of(self, notebook: Json) -> dict[str, str]:
        """Its own."""
        return dict(notebook.get("labels", {}))

    def owner_of(self, notebook: Json) -> str | None:
        """From the metadata for the proxy, since ``instanceOwners`` is input only."""
        named = [*notebook.get("instanceOwners", []), notebook.get("metadata", {}).get(OWNER)]
        return str(named[0]).lower() if named[0] else None

    def link_of(self, notebook: Json) -> str:
        """Its own field."""
        return str(notebook.get("proxyUri", ""))

    def _message(self) -> Any:
        from google.cloud.notebooks_v1 import Instance

        return Instance


def _json(message: Any) -> Json:
    from google.protobuf import json_format  # type: ignore[import-untyped]  # it ships no types

    found: Json = json_format.MessageToDict(type(message).pb(message))
    return found


def _status(error: Any) -> Json | None:
    """A google.rpc.Status as JSON, without details of unknown types."""
    from google.protobuf import json_format

    if not error.code:
        return None
    details = []
    for detail in error.details:
        try:
            details.append(json_format.MessageToDict(detail))
        except TypeError:
            continue
    return {"code": error.code, "message": error.message, "details": details}
