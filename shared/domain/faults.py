"""Failures of calls to the cloud, classified by how they are handled.

Adapters translate Google's exceptions into a ``CloudFault`` in one table
(``adapters/google_api/fault_table.py``). The layers above decide by ``disposition``; ``code`` and
``message`` are for people.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import msgspec


class Disposition(StrEnum):
    """How the failure of a step is handled."""

    PERMANENT = "permanent"  # a retry can't succeed: somebody has to change something first
    TEMPORARY = "temporary"  # it was not carried out: retry later
    UNCERTAIN = "uncertain"  # it may have been carried out: observe before a retry
    STOCK_OUT = "stock-out"  # this zone has no capacity: try the next one
    FOREIGN = "foreign"  # the name belongs to a resource that is not ours: do not touch it


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A fault as a value, for records and histories.

    ``elsewhere``: for a stock-out, the zones that have capacity according to Google.
    """

    code: str
    message: str
    disposition: Disposition
    retry_after_seconds: float | None = None
    elsewhere: tuple[str, ...] = ()


class CloudFault(Exception):
    """A call to the cloud failed; ``disposition`` says how to handle it."""

    def __init__(
        self,
        disposition: Disposition,
        code: str,
        message: str,
        *,
        retry_after: timedelta | None = None,
        elsewhere: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.disposition = disposition
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.elsewhere = elsewhere

    def problem(self) -> Problem:
        """The fault as a value that can be stored."""
        seconds = self.retry_after.total_seconds() if self.retry_after is not None else None
        return Problem(
            code=self.code,
            message=self.message,
            disposition=self.disposition,
            retry_after_seconds=seconds,
            elsewhere=self.elsewhere,
        )
