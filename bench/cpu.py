"""CPU of a warm join against the bare handler's, in one process, in turns.

Process CPU, all threads, user and system; the cloud is another process. Neither waiting nor the
disk counts, only what this machine computes for one person.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import events
from bench.bare import BareHandler
from bench.cloud import Cloud
from bench.product import Handler, onboard, serving
from bench.ratios import median_ratio, spread
from bench.report import TIMES, Row

_BUDGET = 1.25
_WARM_UP = 10


@dataclass(frozen=True)
class Cpu:
    """Seconds of CPU per join, by round."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def measure(cloud: Cloud, directory: Path, *, rounds: int, joins: int) -> Cpu:
    """``rounds`` times ``joins`` joins of each, taking turns at going first."""
    measured = Cpu()
    with serving(cloud.settings(f"sqlite:{directory / 'cpu.db'}")) as app:
        bare = BareHandler(app, events.PROFILE, directory / "bare.db")
        turns: list[tuple[str, Handler, list[float]]] = [
            ("ours", onboard, measured.ours),
            ("bare", bare, measured.bare),
        ]
        for name, handler, _ in turns:
            _seconds_each(handler, f"warm-{name}", _WARM_UP)
        for number in range(rounds):
            for name, handler, seconds in turns:
                seconds.append(_seconds_each(handler, f"{name}-{number}", joins))
            turns.reverse()
        bare.close()
    return measured


def row(measured: Cpu) -> Row:
    """The ratio against its budget."""
    least, most = spread(measured.ours, measured.bare)
    each = f"{median(measured.ours) * 1000:.1f} ms against {median(measured.bare) * 1000:.1f} ms"
    ratio = median_ratio(measured.ours, measured.bare)
    return Row("a warm join", ratio, _BUDGET, TIMES, f"{least:.2f} to {most:.2f}; {each}")


def _seconds_each(handler: Handler, who: str, joins: int) -> float:
    """Seconds of CPU that one join takes, over ``joins`` people nobody has seen before."""
    emails = [f"{who}-{n}@example.com" for n in range(joins)]
    made = [events.cloud_event("onboarding", events.join(email), email) for email in emails]
    gc.collect()  # what others left behind is not this one's to clear up
    began = time.process_time()
    for event in made:
        handler(event)
    return (time.process_time() - began) / joins
