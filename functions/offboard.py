"""`offboard` (topic `offboarding`): a person leaves."""

from __future__ import annotations

import functions_framework
from cloudevents.http import CloudEvent

from functions.pubsub_request import pubsub_request
from shared.domain.commands.intent import Verb


@functions_framework.cloud_event
def offboard(event: CloudEvent) -> None:
    """Record the leave and start to stop the notebook and delete the templates."""
    with pubsub_request(event, topic="offboarding") as (app, message):
        app.intake.accept(message, Verb.LEAVE)
