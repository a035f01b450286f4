"""What can go wrong between us and the cloud, reduced to what we do about it.

Adapters translate Google's exceptions into a ``CloudFault`` in one table
(``adapters/google_api/fault_table.py``); everything above decides by ``fate`` alone and shows
``code`` and ``message`` to people.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import msgspec


class Disposition(StrEnum):
    """What becomes of the step that failed."""

    PERMANENT = "permanent"  # repeating it as it is cannot help: somebody has to change something
    TEMPORARY = "temporary"  # it was not carried out; try it again later
    UNCERTAIN = "uncertain"  # it may have been carried out: look before trying again
    STOCK_OUT = "stock-out"  # this zone has none left: try it in the next one
    FOREIGN = "foreign"  # the name is taken by something that is not ours: hands off


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A fault as a value, as it stands in records and histories.

    ``elsewhere``: for a stock-out, the zones that Google says still have some.
    """

    code: str
    message: str
    disposition: Disposition
    retry_after_seconds: float | None = None
    elsewhere: tuple[str, ...] = ()


class CloudFault(Exception):
    """A call to the cloud failed; ``fate`` says what to do about it."""

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
        """The same, as a value to keep."""
        seconds = self.retry_after.total_seconds() if self.retry_after is not None else None
        return Problem(
            code=self.code,
            message=self.message,
            disposition=self.disposition,
            retry_after_seconds=seconds,
            elsewhere=self.elsewhere,
        )
