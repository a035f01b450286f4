"""`onboard` (topic `onboarding`): somebody joins."""

from __future__ import annotations

from typing import Any

import functions_framework

from functions.handling import handling
from shared.domain.environment import Verb


@functions_framework.cloud_event
def onboard(event: Any) -> None:
    """Record the join and take the first steps towards the person's environment."""
    with handling(event, topic="onboarding") as (app, message):
        app.intake.accept(message, Verb.JOIN)
