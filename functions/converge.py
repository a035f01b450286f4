"""`converge` (topic `converge`): go on with one person's environment."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import functions_framework
import msgspec
from msgspec import Meta

from functions.handling import handling, read_body
from shared.domain.names import KEY_PATTERN
from shared.domain.refusals import RefusalCode, Refused
from shared.services.converged import Converged

log = logging.getLogger(__name__)


class ConvergeMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose environment to converge, by its key: `{"key": "ana-rzb4un3qciuo"}`.

    A key, not an address: rules for incoming addresses don't apply to existing records.

    `admitted`: the tick says that it is their turn to have a notebook made.
    """

    key: Annotated[str, Meta(pattern=KEY_PATTERN)]
    admitted: bool = False


@functions_framework.cloud_event
def converge(event: Any) -> None:
    """Look at what is under way for one person, and take the next steps."""
    with handling(event, topic="converge") as (app, message):
        body = read_body(message, ConvergeMessage)
        outcome = app.converge.run(body.key, admitted=body.admitted)
        if outcome is Converged.UNKNOWN:
            raise Refused(
                RefusalCode.UNKNOWN_PERSON,
                f"key: there is no environment with the key {body.key!r}; send a key as fleet "
                "shows it",
            )
        log.info("converged", extra={"action": f"converge.{outcome}", "person": body.key})
