"""Memory of each entry point, from the packaged archive: after its first event, and at work.

What a container holds are the pages of its processes, each counted once. That is the worker's peak
resident set and what only gunicorn's master has. Linux says both, in ``/proc``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.cloud import Cloud
from bench.deployment import Deployment
from bench.report import Row
from bench.servers import Request
from bench.work import Work
from tools.smoke.entry_points import EntryPoint
from tools.smoke.server import Server

SPARE = 1.5  # of the peak: for larger records and pages than those here, and the next release
SIZES = (128, 256, 512, 1024, 2048, 4096)  # MiB that Cloud Functions offers, up to a sane one
LEAST = 512  # MiB: less is for the first generation's sandbox only, which wants less than one CPU
_SECONDS = 60.0


@dataclass(frozen=True)
class Used:
    """MiB after the first event, and the peak after ``events`` of them, as many at once as may be.

    ``pss``: the proportional share of both processes at the end, for comparison.
    """

    first: float
    peak: float
    pss: float
    events: int


def is_measurable() -> bool:
    """Whether this machine's ``/proc`` says what a process has."""
    return sys.platform == "linux" and Path("/proc/self/smaps_rollup").exists()


def measure(
    cloud: Cloud, deployment: Deployment, settings: Mapping[str, str], workdir: Path, events: int
) -> dict[EntryPoint, Used]:
    """What each entry point uses with the state that ``settings`` name, over ``events``."""
    work = Work(cloud, settings, workdir.name)
    work.prepare(range(events))
    used = {}
    for each in deployment.entry_points:
        sent = [work.request(each.name, number) for number in range(events)]
        server = Server(each, deployment.source, deployment.environment, settings, workdir)
        with server:
            server.wait()
            used[each] = _used(server, sent)
    return used


def rows(used: Mapping[EntryPoint, Used], where: str) -> Iterator[Row]:
    """The peaks against what infra/functions.yaml gives; ``where`` says what kept the state."""
    for each, found in used.items():
        most = mebibytes(each.memory) / SPARE
        note = (
            f"after the first event {found.first:.0f}; {found.events} events, {each.concurrency} at"
            f" once; PSS {found.pss:.0f}; {each.memory} is set, {fitting(found.peak)}Mi would do"
        )
        yield Row(f"{each.name} ({where})", found.peak, most, "MiB", note)


def fitting(peak: float) -> int:
    """The size in MiB for a peak: with room to spare, and not less than the sandbox wants."""
    return next(size for size in SIZES if size >= max(peak * SPARE, LEAST))


def mebibytes(memory: str) -> int:
    """``512Mi`` or ``1Gi`` as MiB."""
    number, unit = int(memory[:-2]), memory[-2:]
    return number * {"Mi": 1, "Gi": 1024}[unit]


def _used(server: Server, sent: Sequence[Request]) -> Used:
    _ask(server, sent[0])
    first = _container(server.pid)
    with ThreadPoolExecutor(server.entry_point.concurrency) as pool:
        list(pool.map(lambda request: _ask(server, request), sent[1:]))
    processes = [server.pid, *_children(server.pid)]
    pss = sum(_kibibytes(pid, "smaps_rollup", "Pss") for pid in processes) / 1024
    return Used(first, _container(server.pid), pss, len(sent))


def _ask(server: Server, request: Request) -> None:
    method = "GET" if request.body is None else "POST"
    answer = requests.request(
        method,
        server.url + request.path,
        json=request.body,
        headers=dict(request.headers or {}),
        timeout=_SECONDS,
    )
    if not answer.ok:
        raise RuntimeError(f"{server.entry_point.name} answered {answer.status_code}: {server.end}")


def _container(master: int) -> float:
    """MiB: the workers' peaks, and what only the master has."""
    workers = sum(_kibibytes(pid, "status", "VmHWM") for pid in _children(master))
    own = sum(_kibibytes(master, "smaps_rollup", f"Private_{kind}") for kind in ("Clean", "Dirty"))
    return (workers + own) / 1024


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _kibibytes(pid: int, file: str, name: str) -> int:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
