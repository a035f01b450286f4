"""`converge` (topic `converge`): go on with one person's environment."""

from __future__ import annotations

import logging
from typing import Any

import functions_framework
import msgspec

from functions.handling import handling, read_body
from shared.domain.names import person_key
from shared.domain.person import parse_email
from shared.domain.refusals import RefusalCode, Refused
from shared.services.converged import Converged

log = logging.getLogger(__name__)


class ConvergeMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose environment to converge: `{"email": "ana@example.com"}`.

    `admitted`: the tick says that it is their turn to have a notebook made.
    """

    email: str
    admitted: bool = False


@functions_framework.cloud_event
def converge(event: Any) -> None:
    """Look at what is under way for one person, and take the next steps."""
    with handling(event, topic="converge") as (app, message):
        body = read_body(message, ConvergeMessage)
        email = parse_email(body.email, allowed_domains=app.settings.allowed_domains)
        key = person_key(email)
        outcome = app.converge.run(key, admitted=body.admitted)
        if outcome is Converged.UNKNOWN:
            raise Refused(
                RefusalCode.UNKNOWN_PERSON,
                f"email: there is no environment of {email}; publish a join on onboarding first",
            )
        log.info("converged", extra={"action": f"converge.{outcome}", "person": key})
