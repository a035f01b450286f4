"""A request to the Notebooks v1 API, the same for REST and gRPC.

It must not know HTTP, gRPC or what a method does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from local.notebooks_v1.instances import Instances
from local.notebooks_v1.kinds import Kind
from local.notebooks_v1.runtimes import Runtimes

SERVICE = "notebooks_v1"  # its name in calls, faults and quotas; "notebooks" is v2
KINDS: tuple[Kind, ...] = (Runtimes(), Instances())


@dataclass(frozen=True, slots=True)
class Request:
    """`name`: of the resource; for create and list, of the parent."""

    kind: Kind
    method: str  # "create", "setLabels"
    name: str
    query: Mapping[str, str]

    @property
    def call(self) -> str:
        """The method's name in the call log and in faults."""
        return f"{self.kind.collection}.{self.method}"

    @property
    def parent(self) -> str:
        """projects/PROJECT/locations/LOCATION."""
        return "/".join(self.name.split("/")[:4])

    @property
    def own_id(self) -> str:
        """The id of a new notebook; "" if the request has none."""
        return self.query.get(self.kind.id_field, "")

    @property
    def target(self) -> str:
        """The full name of its resource; for create, of the new one; for list, of the parent."""
        if self.method == "create" and self.own_id:
            return f"{self.name}/{self.kind.collection}/{self.own_id}"
        return self.name
