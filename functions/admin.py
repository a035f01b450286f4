"""`admin` (topic `admin-events`): an admin holds, releases, retries or recreates environments."""

from __future__ import annotations

import functions_framework
from cloudevents.http import CloudEvent

from functions.pubsub_request import pubsub_request


@functions_framework.cloud_event
def admin(event: CloudEvent) -> None:
    """Carry out the admin's command and start the steps that follow from it."""
    with pubsub_request(event, topic="admin-events") as (app, message):
        app.intake.command(message)
