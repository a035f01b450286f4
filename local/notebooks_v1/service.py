"""The older notebooks of one cloud: what the stack, the tests and the admin face hold in hand.

Ties the state and the two faces together; has no behaviour of its own.
"""

import re

from starlette.routing import Route

from local.api.admin import Lever
from local.api.http import Incoming
from local.cloud import Cloud
from local.errors import ApiError
from local.notebooks_v1 import rest, rpc
from local.notebooks_v1.kinds import Json
from local.notebooks_v1.requests import KINDS
from local.notebooks_v1.state import State

_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/(runtimes|instances)/[^/]+")


class OlderNotebooks:
    """`routes()` and `grpc_handler()` are the faces.

    Creation is refused, as Google does today, unless the setting `older_notebooks` is on.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._state = State(cloud)

    def routes(self) -> list[Route]:
        """The REST face at Google's own paths."""
        return rest.routes(self._cloud, self._state)

    def grpc_handler(self) -> rpc.Handler:
        """Both services and their operations, for a gRPC server."""
        return rpc.Handler(self._cloud, self._state)

    def plant(self, name: str, body: Json | None = None) -> Json:
        """Put an ACTIVE one there, as if created in 2023; as the API then shows it.

        `name` is the full one, `body` what the API takes, but nothing in it is required.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            violation = f'name: "{name}" is not the full name of a runtime or an instance'
            raise ApiError.invalid("Invalid request", [violation])
        kind = next(kind for kind in KINDS if kind.collection == match[1])
        return self._state.plant(kind, name, body or {})

    def levers(self) -> list[Lever]:
        """Planting, for the admin face."""
        say = 'put a v1 notebook there: {"name": "projects/…/runtimes/nb1", "body": {}}'
        return [Lever("POST", "/older-notebooks", say, self._plant)]

    def resources(self) -> list[Json]:
        """Every one for the admin face: with a kind, and with what the API only takes in."""
        return self._state.resources()

    def _plant(self, incoming: Incoming) -> Json:
        asked = incoming.json()
        if not set(asked) <= {"name", "body"} or not isinstance(asked.get("name"), str):
            raise ApiError.invalid('The body must be {"name": "projects/…", "body": {…}}.')
        return self.plant(asked["name"], asked.get("body"))
