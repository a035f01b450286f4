"""`reconcile` (topic `reconcile`): the minute tick."""

from __future__ import annotations

from typing import Any, Literal

import functions_framework
import msgspec

from functions.handling import handling, read_body


class ReconcileMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to go over: `{"scope": "due"}` is everything whose time has come."""

    scope: Literal["due"]


@functions_framework.cloud_event
def reconcile(event: Any) -> None:
    """Ask for everybody who is due to be converged."""
    with handling(event, topic="reconcile") as (app, message):
        read_body(message, ReconcileMessage)
        app.tick.run()
