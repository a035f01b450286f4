"""`converge` (topic `converge`): continue the work on one person's environment."""

from __future__ import annotations

import logging
from typing import Annotated

import functions_framework
import msgspec
from cloudevents.http import CloudEvent
from msgspec import Meta

from functions.pubsub_request import parse_body, pubsub_request
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.names import KEY_PATTERN
from shared.services.converged import Converged

log = logging.getLogger(__name__)


class ConvergeMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The environment to converge, by its key: `{"key": "ana-rzb4un3qciuo"}`.

    A key and not an e-mail address: the rules for addresses in events must not keep us from
    converging an environment that exists.

    `admitted`: `reconcile` has admitted the creation of the person's notebook.
    """

    key: Annotated[str, Meta(pattern=KEY_PATTERN)]
    admitted: bool = False


@functions_framework.cloud_event
def converge(event: CloudEvent) -> None:
    """Observe the person's resources and start the next steps."""
    with pubsub_request(event, topic="converge") as (app, message):
        body = parse_body(message, ConvergeMessage)
        outcome = app.converge.run(body.key, admitted=body.admitted)
        if outcome is Converged.UNKNOWN:
            raise Rejected(
                RejectionCode.UNKNOWN_PERSON,
                f"key: no environment has the key {body.key!r}; send a key that fleet shows",
            )
        log.info("converged", extra={"action": f"converge.{outcome}", "person": body.key})
