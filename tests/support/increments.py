"""Counts up one record many times, for tests of contention: from threads, and as a process.

``python -m tests.support.increments ADDRESS KEY TIMES WHO`` says ``ready``, waits for a line,
then counts and prints how often it met a conflict.
"""

from __future__ import annotations

import sys

from shared.ports import Conflict, EnvironmentStore
from tests.support.backends import opened
from tests.support.grouped_fields import replace
from tests.support.stored import an_entry


def count_up(store: EnvironmentStore, key: str, times: int, who: str) -> int:
    """Add ``times`` to the record's ``grace_seconds``, one by one; return the conflicts met."""
    conflicts = 0
    for turn in range(times):
        while True:
            stored = store.load(key)
            assert stored is not None
            environment = stored.environment
            more = replace(environment, grace_seconds=environment.terms.grace_seconds + 1)
            try:
                store.save(more, stored.version, [an_entry(f"{who} {turn}")])
                break
            except Conflict:
                conflicts += 1
    return conflicts


if __name__ == "__main__":
    address, key, times, who = sys.argv[1:]
    with opened(address) as opened_store:
        print("ready", flush=True)
        sys.stdin.readline()
        print(count_up(opened_store, key, int(times), who))
