"""`reconcile` (topic `reconcile`): runs every minute, triggered by Cloud Scheduler."""

from __future__ import annotations

from typing import Literal

import functions_framework
import msgspec
from cloudevents.http import CloudEvent

from functions.pubsub_request import parse_body, pubsub_request


class ReconcileMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which environments to reconcile. `{"scope": "due"}`: all whose due time has come."""

    scope: Literal["due"]


@functions_framework.cloud_event
def reconcile(event: CloudEvent) -> None:
    """Publish one converge message for each environment that is due."""
    with pubsub_request(event, topic="reconcile") as (app, message):
        parse_body(message, ReconcileMessage)
        app.tick.run()
