"""The log of all API calls, for tests and for people.

It keeps only the newest calls, to limit memory; its counts are complete. It must not know any
service.
"""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from local.clock import timestamp
from local.iam.callers import OWNER

KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Call:
    """One answered request. `outcome` is "OK", a canonical status, or "DROPPED"."""

    seq: int  # assigned by the log
    at: datetime  # the cloud's clock, when the request arrived
    service: str
    method: str
    target: str
    outcome: str
    fault: str | None = None  # id of the scripted fault that was applied
    caller: str = OWNER  # the account that sent it
    lacks: str | None = None  # the missing permission, if it was refused for that

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": timestamp(self.at)}


class CallLog:
    def __init__(self, kept: int = KEPT) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=kept)
        self._counts: Counter[str] = Counter()
        self._seq = 0

    def record(self, call: Call) -> Call:
        """Add `call`; its `seq` is replaced by the next number, starting at 1."""
        with self._lock:
            self._seq += 1
            numbered = replace(call, seq=self._seq)
            self._calls.append(numbered)
            self._counts[f"{call.service}.{call.method}"] += 1
            return numbered

    def entries(
        self, service: str | None = None, method: str | None = None, since: int = 0
    ) -> list[Call]:
        """The calls after number `since`, oldest first."""
        with self._lock:
            calls = list(self._calls)
        return [
            call
            for call in calls
            if call.seq > since
            and (service is None or call.service == service)
            and (method is None or call.method == method)
        ]

    def counts(self) -> dict[str, int]:
        """How often each method was called: {"notebooks.instances.create": 3}."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def clear(self) -> None:
        """Remove all calls and counts; numbering continues, so an old `since` stays valid."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()
