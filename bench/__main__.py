"""``make bench``: calls, CPU and cold starts against the budgets; exit 1 if a count is over."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import calls, cold, cpu
from bench.cloud import Cloud, running_cloud
from bench.report import Section, failed, table


@dataclass(frozen=True)
class Effort:
    """How often each is measured."""

    cpu_rounds: int
    joins: int
    starts: int
    firestore_starts: int


_USUAL = Effort(cpu_rounds=40, joins=5, starts=5, firestore_starts=3)
_QUICK = Effort(cpu_rounds=15, joins=4, starts=2, firestore_starts=0)
# Two are enough to see what Firestore's client costs: one that calls everything, one that reads.
_ON_FIRESTORE = ("onboard", "fleet")


def main() -> int:
    """Measure and print, section by section."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: for a first look")
    effort = _QUICK if parser.parse_args().quick else _USUAL
    began = time.monotonic()
    print(_machine())
    sections = []
    with (
        tempfile.TemporaryDirectory(prefix="benchkeeper-") as directory,
        running_cloud() as cloud,
        calls.firestore_emulator() as firestore,
    ):
        for section in _sections(cloud, Path(directory), firestore, effort):
            print(f"\n{table(section)}", flush=True)
            sections.append(section)
    print(f"\n{time.monotonic() - began:.0f} seconds")
    over = failed(sections)
    for row in over:
        print(f"over budget: {row.what}: {row.measured:g}, at most {row.budget:g}")
    return 1 if over else 0


def _sections(cloud: Cloud, directory: Path, firestore: str, effort: Effort) -> Iterator[Section]:
    counted = calls.at_the_port(cloud, directory)
    rows = [*calls.rows(counted, "SQLite, at the port"), calls.cold_row(counted)]
    yield Section("Remote calls", rows)
    if firestore:
        rows = calls.rows(calls.on_the_wire(cloud, firestore), "Firestore, gRPC requests")
        yield Section("Remote calls, state in the official Firestore emulator", rows)
    else:
        print("\nThe Firestore emulator is not installed: its rows are left out.")
    measured = cpu.measure(cloud, directory, rounds=effort.cpu_rounds, joins=effort.joins)
    yield Section("CPU against a bare handler that makes the same calls", [cpu.row(measured)])
    yield _cold_section(cloud, directory, firestore, effort)


def _cold_section(cloud: Cloud, directory: Path, firestore: str, effort: Effort) -> Section:
    count = effort.starts
    settings = cloud.settings(f"sqlite:{directory / 'cold.db'}")
    starts = cold.ColdStarts(cloud, settings, directory, name="sqlite", rounds=count)
    rows = cold.rows(starts.measure(cold.ENTRY_POINTS, count), "SQLite")
    if firestore and effort.firestore_starts:
        count = effort.firestore_starts
        settings = cloud.settings("firestore:(default)") | {"FIRESTORE_EMULATOR_HOST": firestore}
        starts = cold.ColdStarts(cloud, settings, directory, name="firestore", rounds=count)
        rows += cold.rows(starts.measure(_ON_FIRESTORE, count), "Firestore")
    return Section("Cold start to the first event done, against a trivial function", rows)


def _machine() -> str:
    load = os.getloadavg()[0]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {os.cpu_count()} CPUs, {platform.machine()}, load {load:.1f} at the start"


if __name__ == "__main__":
    sys.exit(main())
