"""What a burst is judged by: nobody lost or doubled, never too many, first come first served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median

from bench.burst import CREATION_SECONDS, Burst
from bench.queueing import ahead, most_at_once, rounds
from bench.report import Row

_APIS = ("state", "notebooks", "dataproc", "storage", "pubsub")


def rows(burst: Burst) -> list[Row]:
    """Counts that must hold, and what it took."""
    return [*_promises(burst), *_course(burst), *_costs(burst)]


def _promises(burst: Burst) -> list[Row]:
    owners = Counter(owner for owner, _ in burst.made)
    spans = [(at, at + timedelta(seconds=CREATION_SECONDS)) for _, at in burst.made]
    turns = rounds(burst.ready, burst.ticks)
    passed = len(ahead(burst.arrivals, turns))
    # Those who are let in without a count, by which the limit may be exceeded as well.
    tenth = burst.creations // 10
    without = sum(1 for arrival in burst.arrivals if not owners[arrival.who])
    return [
        Row("lost: joined and not ready", burst.joins - len(burst.ready), 0),
        Row("lost: joined and no notebook", without, 0),
        Row("doubled: notebooks more than owners", len(burst.made) - len(owners), 0),
        Row("ready in an earlier tick than somebody who joined before them", passed, tenth),
        Row("notebooks being made at once, at most", most_at_once(spans), burst.creations + tenth),
    ]


def _course(burst: Burst) -> list[Row]:
    waits = sorted(waited(burst))
    shortest = -(-burst.joins // burst.creations) * CREATION_SECONDS / 60
    note = (
        f"ready after {waits[0]:.0f} minutes, half after {median(waits):.0f}, the last after"
        f" {waits[-1]:.0f}; with every place always taken: {shortest:.0f}"
        if waits
        else ""
    )
    return [
        Row("requests answered with 429", burst.refused),
        Row("ticks until everybody is ready", len(burst.ticks), note=note),
    ]


def waited(burst: Burst) -> list[float]:
    """Minutes of the cloud's time from joining to ready, of each who got there."""
    joined: Mapping[str, datetime] = {each.who: each.began for each in burst.arrivals}
    return [(at - joined[who]).total_seconds() / 60 for who, at in burst.ready.items()]


def _costs(burst: Burst) -> list[Row]:
    found = [
        Row("onboard, events for each second of one core", burst.joins / burst.joining, unit="/s"),
        Row(
            "CPU from joining to ready",
            (burst.joining + burst.converging) / burst.joins * 1000,
            unit="ms",
            note=f"{burst.converged / burst.joins:.1f} converge messages a person",
        ),
    ]
    for api in _APIS:
        counts = {n: c for n, c in burst.calls.items() if n.startswith(f"{api}.")}
        each = {n.partition(".")[2]: c / burst.joins for n, c in counts.items()}
        note = ", ".join(f"{c:.2f} {n}" for n, c in sorted(each.items()))
        found.append(Row(f"calls a person: {api}", sum(each.values()), unit="each", note=note))
    return found
