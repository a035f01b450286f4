"""`fleet` served as functions-framework serves it, over a deployment in one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from flask.testing import FlaskClient

import functions.fleet.entry_point
from tests.support.builders import an_app
from tests.support.simulation.world import World

MAIN = Path(__file__).parents[2] / "main.py"


class Fleet:
    """The function, and the deployment that it reads."""

    def __init__(self, client: FlaskClient, world: World) -> None:
        self.client = client
        self.world = world

    def get(self, path: str, status: int = 200, **query: Any) -> dict[str, Any]:
        """The JSON of the response, which must have this status."""
        response = self.client.get(path, query_string=query)
        assert response.status_code == status, response.text
        assert response.content_type == "application/json"
        body: dict[str, Any] = response.get_json()
        return body

    def emails(self, **query: Any) -> list[str]:
        return [e["email"] for e in self.get("/environments", **query)["environments"]]


@contextmanager
def fleet_of(world: World) -> Iterator[FlaskClient]:
    """A client of the function, served from main.py, that reads ``world``."""
    served = functions_framework.create_app("fleet", str(MAIN), "http")  # type: ignore[no-untyped-call]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functions.fleet.entry_point, "app", lambda: an_app(world))
        yield served.test_client()
