"""``make bench``: calls, CPU, cold starts, memory, ticks and a burst; exit 1 if a count is over.

python -m bench memory calls      # these sections only
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench import burst, burst_rows, calls, cold, cpu, life, memory, tick
from bench.cloud import Cloud, running_cloud
from bench.deployment import deployed
from bench.report import Row, Section, failed, table


@dataclass(frozen=True)
class Effort:
    """How often each is measured, and how many people join in the burst and for the ticks."""

    cpu_rounds: int
    joins: int
    starts: int
    firestore_starts: int
    memory_events: int
    lives: int
    burst: int
    under_way: tuple[int, ...]


_USUAL = Effort(
    cpu_rounds=40,
    joins=5,
    starts=5,
    firestore_starts=3,
    memory_events=100,
    lives=50,
    burst=10_000,
    under_way=(10, 100, 1000, 5000),
)
_QUICK = Effort(
    cpu_rounds=15,
    joins=4,
    starts=2,
    firestore_starts=0,
    memory_events=20,
    lives=10,
    burst=500,
    under_way=(10, 100, 300),
)
# Two are enough to see what Firestore's client costs: one that calls everything, one that reads.
_ON_FIRESTORE = ("onboard", "fleet")
# The limit in the burst is that of the settings' default.
_CREATIONS = 200
_REQUESTS_A_MINUTE = 600


def main() -> int:
    """Measure and print, section by section."""
    chosen = _arguments()
    effort = _QUICK if chosen.quick else _USUAL
    if chosen.joins:
        effort = replace(effort, burst=chosen.joins)
    began = time.monotonic()
    print(_machine())
    sections = []
    with tempfile.TemporaryDirectory(prefix="benchkeeper-") as directory:
        for name in chosen.sections or _SECTIONS:
            for section in _SECTIONS[name](Path(directory), effort):
                print(f"\n{table(section)}", flush=True)
                sections.append(section)
    print(f"\n{time.monotonic() - began:.0f} seconds")
    over = failed(sections)
    for row in over:
        print(f"over budget: {row.what}: {row.measured:g}, at most {row.budget:g}")
    return 1 if over else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(_SECTIONS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds: for a first look")
    parser.add_argument(
        "--joins",
        type=int,
        default=int(os.environ.get("N", "0")),
        help="how many people join in the burst; also N=",
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.sections) - set(_SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(_SECTIONS)}")
    return chosen


def _calls(directory: Path, _: Effort) -> Iterator[Section]:
    with running_cloud() as cloud, calls.firestore_emulator() as firestore:
        counted = calls.at_the_port(cloud, directory)
        yield Section("Remote calls", _call_rows(counted, "SQLite, at the port"))
        if firestore:
            counted = calls.on_the_wire(cloud, firestore)
            rows = _call_rows(counted, "Firestore, gRPC requests")
            yield Section("Remote calls, state in the official Firestore emulator", rows)
        else:
            print("\nThe Firestore emulator is not installed: its rows are left out.")


def _call_rows(counted: calls.Calls, where: str) -> list[Row]:
    return [*calls.rows(counted, where), *calls.cold_rows(counted, where)]


def _cpu(directory: Path, effort: Effort) -> Iterator[Section]:
    with running_cloud() as cloud:
        measured = cpu.measure(cloud, directory, rounds=effort.cpu_rounds, joins=effort.joins)
        yield Section("CPU against a bare handler that makes the same calls", [cpu.row(measured)])


def _cold(directory: Path, effort: Effort) -> Iterator[Section]:
    deployment = deployed(directory / "cold")
    names = [each.name for each in deployment.entry_points]
    with running_cloud() as cloud, calls.firestore_emulator() as firestore:
        count = effort.starts
        settings = cloud.settings(f"sqlite:{directory / 'cold.db'}")
        starts = cold.ColdStarts(cloud, deployment, settings, name="sqlite", rounds=count)
        rows = cold.rows(starts.measure(names, count), "SQLite")
        if firestore and effort.firestore_starts:
            count = effort.firestore_starts
            settings = _on_firestore(cloud, firestore)
            starts = cold.ColdStarts(cloud, deployment, settings, name="firestore", rounds=count)
            rows += cold.rows(starts.measure(_ON_FIRESTORE, count), "Firestore")
        yield Section("Cold start to the first event done, against a trivial function", rows)


def _memory(directory: Path, effort: Effort) -> Iterator[Section]:
    if not memory.is_measurable():
        print("\nThis system has no /proc that tells memory: its rows are left out.")
        return
    deployment = deployed(directory / "memory")
    with running_cloud() as cloud, calls.firestore_emulator() as firestore:
        where, state = "SQLite", f"sqlite:{directory / 'memory.db'}"
        settings = cloud.settings(state)
        if firestore:
            where, settings = "Firestore", _on_firestore(cloud, firestore)
        else:
            print("\nThe Firestore emulator is not installed: a deployment uses more memory.")
        used = memory.measure(
            cloud, deployment, settings, directory / "memory", effort.memory_events
        )
        yield Section(
            "Memory of a function's container, at its peak", list(memory.rows(used, where))
        )


def _on_firestore(cloud: Cloud, address: str) -> dict[str, str]:
    return cloud.settings("firestore:(default)") | {"FIRESTORE_EMULATOR_HOST": address}


def _burst(directory: Path, effort: Effort) -> Iterator[Section]:
    with running_cloud() as cloud:
        came = burst.run(
            cloud,
            directory,
            joins=effort.burst,
            creations=_CREATIONS,
            per_minute=_REQUESTS_A_MINUTE,
        )
    operations = burst.quota_for(_CREATIONS)
    quotas = f"{_REQUESTS_A_MINUTE} requests a minute and {operations} operations at once"
    title = f"{effort.burst} joins in one burst, at most {quotas} on the notebooks"
    yield Section(title, burst_rows.rows(came))


def _life(directory: Path, effort: Effort) -> Iterator[Section]:
    with running_cloud() as cloud:
        stages = life.measure(cloud, directory, effort.lives)
        title = f"A life, for each of {effort.lives} people who lead it side by side"
        yield Section(title, list(life.rows(stages, effort.lives)))


def _tick(directory: Path, effort: Effort) -> Iterator[Section]:
    with running_cloud() as cloud:
        rows = list(tick.rows(cloud, directory, effort.under_way))
    yield Section("One minute tick and what it asks for, while notebooks are being made", rows)


_SECTIONS: dict[str, Callable[[Path, Effort], Iterator[Section]]] = {
    "calls": _calls,
    "cpu": _cpu,
    "cold": _cold,
    "memory": _memory,
    "life": _life,
    "tick": _tick,
    "burst": _burst,
}


def _machine() -> str:
    load = os.getloadavg()[0]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {os.cpu_count()} CPUs, {platform.machine()}, load {load:.1f} at the start"


if __name__ == "__main__":
    sys.exit(main())
