"""`fleet` served as functions-framework serves it, over a deployment in one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import functions_framework
import pytest
from flask.testing import FlaskClient

import functions.fleet.entry_point
from tests.support.builders import an_app
from tests.support.simulation.world import World

MAIN = Path(__file__).parents[2] / "main.py"


@contextmanager
def fleet_of(world: World) -> Iterator[FlaskClient]:
    """A client of the function, served from main.py, that reads ``world``."""
    served = functions_framework.create_app("fleet", str(MAIN), "http")  # type: ignore[no-untyped-call]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functions.fleet.entry_point, "app", lambda: an_app(world))
        yield served.test_client()
