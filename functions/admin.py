"""`admin` (topic `admin-events`): an admin holds, releases or retries somebody's environment."""

from __future__ import annotations

from typing import Any

import functions_framework

from functions.handling import handling


@functions_framework.cloud_event
def admin(event: Any) -> None:
    """Carry out the order and take the first steps: protect, or try again."""
    with handling(event, topic="admin-events") as (app, message):
        app.intake.order(message)
