"""A retry for everybody whose record shows a problem, and the commands that are made of it.

It changes no record itself: each person gets a `retry` of their own, on the same topic, and has it
in their history. The commands have ids that follow from the id of the bulk retry. So a bulk retry
that is delivered again makes the same commands again, and they are duplicates.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from shared.domain.commands.admin_action import AdminAction
from shared.domain.names import fingerprint

_LONGEST_ID = 200  # as in the schema of the admin event


class BulkRetry(msgspec.Struct, frozen=True, kw_only=True):
    """An admin event with a ``problem``, after it was read and checked.

    ``sender``: the ``source`` in the message, or ''. ``after``: the cursor of the people that it
    goes on with; '' at the beginning.
    """

    problem: str
    event_id: str
    sender: str
    occurred_at: datetime
    reason: str
    by: str = ""
    after: str = ""

    def for_person(self, key: str) -> bytes:
        """The admin event that retries one person."""
        event_id = f"{self.event_id}/{key}"
        if len(event_id) > _LONGEST_ID:
            event_id = f"{fingerprint(self.event_id)}/{key}"
        return self._message(key=key, event_id=event_id)

    def continued(self, after: str) -> bytes:
        """The admin event that goes on with the people after the cursor ``after``."""
        return self._message(problem=self.problem, after=after, event_id=self.event_id)

    def _message(self, **fields: str) -> bytes:
        content: dict[str, Any] = {
            "action": AdminAction.RETRY,
            **fields,
            "reason": self.reason,
            "by": self.by,
            "source": self.sender,
            "occurred_at": self.occurred_at,
        }
        return msgspec.json.encode({name: value for name, value in content.items() if value})
