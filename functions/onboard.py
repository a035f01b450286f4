"""`onboard` (topic `onboarding`): a person joins."""

from __future__ import annotations

import functions_framework
from cloudevents.http import CloudEvent

from functions.pubsub_request import pubsub_request
from shared.domain.commands.intent import Verb


@functions_framework.cloud_event
def onboard(event: CloudEvent) -> None:
    """Record the join and start creating the person's environment."""
    with pubsub_request(event, topic="onboarding") as (app, message):
        app.intake.accept(message, Verb.JOIN)
