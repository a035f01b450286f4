"""The five Pub/Sub functions as functions-framework serves them, over a ``World``."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import functions_framework
from flask.testing import FlaskClient

from tests.support.builders import published
from tests.support.simulation.world import World

MAIN = Path(__file__).parents[2] / "main.py"
HEADERS = {
    "ce-id": "ce-1",
    "ce-specversion": "1.0",
    "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
    "ce-time": "2026-03-01T09:00:00Z",
    "content-type": "application/json",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
TOPICS = {
    "onboard": "onboarding",
    "offboard": "offboarding",
    "admin": "admin-events",
    "converge": "converge",
    "reconcile": "reconcile",
}


def data_of(payload: object) -> bytes:
    """The data of a message: ``payload`` as JSON, as it is if it is bytes, or nothing for None."""
    if payload is None:
        return b""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


class Functions:
    """All five functions, on the same state."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._clients: dict[str, FlaskClient] = {}

    def client(self, name: str) -> FlaskClient:
        if name not in self._clients:
            served = functions_framework.create_app(name, str(MAIN), "cloudevent")  # type: ignore[no-untyped-call]
            self._clients[name] = served.test_client()
        return self._clients[name]

    def send(self, name: str, payload: object, *, id: str = "m-1") -> int:
        """The status of the response of ``name`` to a message from Eventarc, published now."""
        source = f"//pubsub.googleapis.com/projects/demo/topics/{TOPICS[name]}"
        message = {
            "messageId": id,
            "publishTime": self.world.clock.now().isoformat(),
            "data": base64.b64encode(data_of(payload)).decode(),
        }
        body = json.dumps(published(**message))
        response = self.client(name).post("/", headers=HEADERS | {"ce-source": source}, data=body)
        return response.status_code
