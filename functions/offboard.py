"""`offboard` (topic `offboarding`): somebody leaves."""

from __future__ import annotations

from typing import Any

import functions_framework

from functions.handling import handling
from shared.domain.environment import Verb


@functions_framework.cloud_event
def offboard(event: Any) -> None:
    """Record the leave and take the first steps: stop what runs, delete the templates."""
    with handling(event, topic="offboarding") as (app, message):
        app.intake.accept(message, Verb.LEAVE)
