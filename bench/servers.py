"""One functions-framework server, from the start of its process to the end of its first event.

Knows how a platform starts a function, and not what the function does.
"""

from __future__ import annotations

import http.client
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.stack.ports import free_ports
from tools.smoke.server import platform_environment

_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Request:
    """The first request; without a body it is a GET."""

    path: str = "/"
    headers: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Function:
    """A target of the main.py in ``source``, run with the packages in ``environment``."""

    source: Path
    target: str
    environment: Path
    threads: int = 1


@dataclass(frozen=True)
class Started:
    """Seconds until the server took connections, from then until it had answered; and of CPU.

    ``cpu`` is that of the whole server (its master and its worker), stopping it included.
    """

    server: float
    request: float
    cpu: float

    @property
    def total(self) -> float:
        """From nothing to the first event done."""
        return self.server + self.request


def start_cold(function: Function, request: Request, settings: Mapping[str, str]) -> Started:
    """Start it, ask it once, stop it; raises with its log unless it answers 2xx."""
    [port] = free_ports(1)
    command = [function.environment / "bin" / "functions-framework"]
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as runtime:
        environ = platform_environment(function.target, function.environment, Path(runtime))
        environ |= {"PORT": str(port), "THREADS": str(function.threads), **settings}
        cpu = _children_cpu()
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=function.source, stdout=log, stderr=log, env=environ
        )
        try:
            connection = _connected(port, process)
            serving = time.perf_counter()
            status = _ask(connection, request) if connection else 0
            answered = time.perf_counter()
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE_SECONDS)
        if not 200 <= status < 300:
            raise RuntimeError(f"{function.target} answered {status or 'nothing'}:\n{_end(log)}")
    return Started(serving - began, answered - serving, _children_cpu() - cpu)


def _connected(port: int, process: subprocess.Popen[bytes]) -> http.client.HTTPConnection | None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
        try:
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            return connection
    return None


def _ask(connection: http.client.HTTPConnection, request: Request) -> int:
    try:
        if request.body is None:
            connection.request("GET", request.path)
        else:
            body = json.dumps(request.body)
            connection.request("POST", request.path, body, dict(request.headers or {}))
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0  # it ended, or hangs; its log tells
    finally:
        connection.close()
    return answer.status


def _children_cpu() -> float:
    """Seconds of CPU of all processes that we started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _end(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read()[-2000:].decode(errors="replace")
