"""The base class of the two kinds, runtimes and instances.

A kind has the rules and states of its JSON. It must not know operations, storage, HTTP or gRPC.
"""

import re
import uuid
from abc import ABC, abstractmethod
from copy import deepcopy
from datetime import datetime
from typing import Any, ClassVar

from local.clock import timestamp

Json = dict[str, Any]

_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
DISK_GB_MOST = 64_000  # "up to a maximum of 64000 GB (64 TB)"


class Kind(ABC):
    """A kind; the names are those of the discovery document notebooks.v1."""

    collection: ClassVar[str]  # "runtimes"
    schema: ClassVar[str]  # "Runtime"
    title: ClassVar[str]  # its name on Google's pages
    resource_kind: ClassVar[str]  # its kind in /_admin/resources
    deleting: ClassVar[str]  # the state while it is being deleted
    place: ClassVar[re.Pattern[str]]  # valid locations
    place_example: ClassVar[str]
    methods: ClassVar[tuple[str, ...]] = (
        "list", "create", "get", "delete", "start", "stop", "reset",
    )  # fmt: skip

    @property
    def field(self) -> str:
        """The field of a create request that holds the resource."""
        return self.schema.lower()

    @property
    def id_field(self) -> str:
        """The parameter with the id of a new notebook."""
        return f"{self.field}Id"

    def place_violations(self, location: str, own_id: str) -> list[str]:
        """Complaints about the location and the id of a new notebook."""
        found = []
        if not self.place.fullmatch(location):
            found.append(f'parent: "{location}" is not a location such as {self.place_example}')
        if not _ID.fullmatch(own_id):
            found.append(
                f'{self.id_field}: "{own_id}" must start with a letter, followed by up to 62 '
                "lower case letters, digits or hyphens, and not end in a hyphen"
            )
        return found

    def new_notebook(self, name: str, body: Json, now: datetime) -> Json:
        """A new notebook, in state PROVISIONING."""
        resource = deepcopy(body) | {"name": name, "createTime": timestamp(now)}
        self._complete(resource)
        self.enter(resource, "PROVISIONING", now)
        return resource

    def enter(self, resource: Json, state: str, now: datetime) -> None:
        """Set `state`; only an ACTIVE notebook has a proxy address and a health state."""
        resource["state"] = state
        resource["updateTime"] = timestamp(now)
        if state == "ACTIVE":
            self._set_running(resource)
        else:
            self._set_stopped(resource)

    @abstractmethod
    def body_violations(self, body: Json) -> list[str]:
        """Complaints about a body that fits the schema."""

    @abstractmethod
    def shown(self, resource: Json) -> Json:
        """A copy in the form of the API: without "Input only" fields."""

    @abstractmethod
    def _complete(self, resource: Json) -> None:
        """Add the fields that the server sets at creation."""

    @abstractmethod
    def _set_running(self, resource: Json) -> None: ...

    @abstractmethod
    def _set_stopped(self, resource: Json) -> None: ...


def owner_violations(owner: str, path: str) -> list[str]:
    return [] if owner.count("@") == 1 else [f'{path}: "{owner}" is not an e-mail']


def size_violations(size: str | None, path: str) -> list[str]:
    fits = size is None or 0 <= int(size) <= DISK_GB_MOST
    return [] if fits else [f"{path}: must be at most {DISK_GB_MOST}"]


def proxy_uri(resource: Json) -> str:
    """The address of its JupyterLab; it never changes and is unique."""
    unique = uuid.uuid5(uuid.NAMESPACE_URL, resource["name"] + resource["createTime"])
    region = re.sub(r"-[a-z]$", "", resource["name"].split("/")[3])
    return f"{unique.hex[:16]}-dot-{region}.notebooks.googleusercontent.com"


def vm_id() -> str:
    """The id of a Compute Engine VM."""
    return str(uuid.uuid4().int % 10**19)
