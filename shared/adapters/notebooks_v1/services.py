"""The two services of Notebooks v1 in one shape: the same calls, on JSON.

Their clients differ in names and in who takes a request id, and in nothing else that matters here.
What comes back is Google's JSON, so that a value newer than the client is seen and not lost in an
enum. It must not know what a state means, nor whose a notebook is.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from shared.adapters.google_api.errors import Symptom
from shared.adapters.google_api.fault_table import fault_of, translated
from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind
from shared.domain.wants.dataproc_hub import OWNER

if TYPE_CHECKING:
    from google.cloud.notebooks_v1 import ManagedNotebookServiceClient, NotebookServiceClient

Json = dict[str, Any]

SECONDS = 20.0  # for each call; what takes longer is an operation, and never waited for
_PAGE = 500


class OlderService(ABC):
    """One of the two. No call is repeated by the client; each raises ``CloudFault``.

    Calls that change something return the name of the operation that they began.
    """

    kind: ClassVar[Kind]
    word: ClassVar[str]  # what the client calls one of them
    takes_request_ids: ClassVar[bool]

    def __init__(self, client: Callable[[], Any], *, seconds: float = SECONDS) -> None:
        self._make_client = client
        self._seconds = seconds

    @cached_property
    def _client(self) -> Any:
        return self._make_client()

    def get(self, name: str) -> Json | None:
        """The notebook called ``name``; None when there is none."""
        try:
            return _json(self._call("get", {"name": name}, changes=False))
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None

    def create(self, name: str, body: Json, request_id: str) -> str:
        """Make ``body`` under ``name``."""
        parent, _, own_id = name.rpartition(f"/{self.word}s/")
        message = self._message().from_json(json.dumps(body))
        request = {"parent": parent, f"{self.word}_id": own_id, self.word: message}
        return self._begin("create", request, request_id)

    def start(self, name: str, request_id: str) -> str:
        """Start it; what runs is left as it is."""
        return self._begin("start", {"name": name}, request_id)

    def stop(self, name: str, request_id: str) -> str:
        """Stop it; what is stopped is left as it is."""
        return self._begin("stop", {"name": name}, request_id)

    def delete(self, name: str, request_id: str) -> str:
        """Delete it, with its disks."""
        return self._begin("delete", {"name": name}, request_id)

    def operation(self, name: str) -> Json | None:
        """``{"done": …, "error": …}`` of an operation; None when it was forgotten."""
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
        """Those in all locations that are ``wanted``, in the order of the listing.

        Raises a temporary fault when some location didn't answer: what is there can't be told.
        """
        request = {"parent": f"projects/{project}/locations/-", "page_size": _PAGE}
        found: list[Json] = []
        with translated(changes=False):
            method = getattr(self._client, f"list_{self.word}s")
            for page in method(request=request, retry=None, timeout=self._seconds).pages:
                if page.unreachable:
                    raise _unreachable(self.kind, list(page.unreachable))
                notebooks = map(_json, getattr(page, f"{self.word}s"))
                found += filter(wanted, notebooks)
        return found

    @abstractmethod
    def labels_of(self, notebook: Json) -> dict[str, str]:
        """Its labels, as far as the client shows them."""

    @abstractmethod
    def owner_of(self, notebook: Json) -> str | None:
        """Its owner's address in lower case, '' for nobody; None where that isn't shown."""

    @abstractmethod
    def link_of(self, notebook: Json) -> str:
        """Where the proxy serves it, as the API writes it; '' while it doesn't."""

    @abstractmethod
    def _message(self) -> Any:
        """The client's type of one of them."""

    def _begin(self, verb: str, request: Json, request_id: str) -> str:
        if self.takes_request_ids:
            request["request_id"] = request_id
        operation = self._call(verb, request, changes=True).operation.name
        if not operation:
            symptom = Symptom(status="NO_ANSWER", message="an answer that names no operation")
            raise fault_of(symptom, changes=True)
        return str(operation)

    def _call(self, verb: str, request: Json, *, changes: bool) -> Any:
        with translated(changes=changes):
            method = getattr(self._client, f"{verb}_{self.word}")
            return method(request=request, retry=None, timeout=self._seconds)


class Runtimes(OlderService):
    """Managed notebooks."""

    kind = Kind.MANAGED_NOTEBOOK
    word = "runtime"
    takes_request_ids = True

    def __init__(
        self, client: Callable[[], ManagedNotebookServiceClient], *, seconds: float = SECONDS
    ) -> None:
        super().__init__(client, seconds=seconds)

    def labels_of(self, notebook: Json) -> dict[str, str]:
        """Those of its machine; ``Runtime.labels`` is a field that the client doesn't know."""
        config = notebook.get("virtualMachine", {}).get("virtualMachineConfig", {})
        return dict(config.get("labels", {}))

    def owner_of(self, notebook: Json) -> str | None:
        """Every runtime has one; of some it is a service account."""
        return str(notebook.get("accessConfig", {}).get("runtimeOwner", "")).lower()

    def link_of(self, notebook: Json) -> str:
        """From its access settings."""
        return str(notebook.get("accessConfig", {}).get("proxyUri", ""))

    def _message(self) -> Any:
        from google.cloud.notebooks_v1 import Runtime

        return Runtime


class Instances(OlderService):
    """User-managed notebooks, of which Dataproc Hubs are some. They take no request ids."""

    kind = Kind.DATAPROC_HUB
    word = "instance"
    takes_request_ids = False

    def __init__(
        self, client: Callable[[], NotebookServiceClient], *, seconds: float = SECONDS
    ) -> None:
        super().__init__(client, seconds=seconds)

    def labels_of(self, notebook: Json) -> dict[str, str]:
        """Its own."""
        return dict(notebook.get("labels", {}))

    def owner_of(self, notebook: Json) -> str | None:
        """``instanceOwners`` is only taken in, so it is told by whom the proxy lets in."""
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
    """A google.rpc.Status as JSON, without details of types that nobody here knows."""
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


def _unreachable(kind: Kind, locations: list[str]) -> CloudFault:
    shown = ", ".join(sorted(locations)[:10])
    return CloudFault(
        Fate.TEMPORARY,
        "UNREACHABLE",
        f"{kind}: {shown} did not answer, so nobody can tell what is there",
    )
