"""One request to the Notebooks v1 API as both faces put it, whatever it was carried by.

It must not know HTTP, gRPC or what a request does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from local.notebooks_v1.instances import Instances
from local.notebooks_v1.kinds import Kind
from local.notebooks_v1.runtimes import Runtimes

SERVICE = "notebooks_v1"  # its name in calls, faults and quotas, beside "notebooks", which is v2
KINDS: tuple[Kind, ...] = (Runtimes(), Instances())


@dataclass(frozen=True, slots=True)
class Request:
    """`name`: the resource's, or for create and list the parent's."""

    kind: Kind
    method: str  # "create", "setLabels"
    name: str
    query: Mapping[str, str]

    @property
    def call(self) -> str:
        """How the log and the faults know the method."""
        return f"{self.kind.collection}.{self.method}"

    @property
    def parent(self) -> str:
        """projects/PROJECT/locations/LOCATION."""
        return "/".join(self.name.split("/")[:4])

    @property
    def own_id(self) -> str:
        """Of the one to be created; "" where nobody chose one."""
        return self.query.get(self.kind.id_field, "")

    @property
    def target(self) -> str:
        """What it is about: for create the one to be, for list the parent."""
        if self.method == "create" and self.own_id:
            return f"{self.name}/{self.kind.collection}/{self.own_id}"
        return self.name
