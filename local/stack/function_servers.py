"""Runs Cloud Functions as the platform does: one functions-framework server for each target.

It must not know what the functions do.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from local.stack.ports import CannotStart

_STOP_SECONDS = 10.0
_START_SECONDS = 60.0  # a cold machine compiles the clients' byte code first


@dataclass(frozen=True)
class Target:
    """An entry point of the source; ``signature`` is ``cloudevent`` or ``http``."""

    name: str
    signature: str
    port: int

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"


class FunctionServers:
    """The servers of several targets of one source, started and stopped together."""

    def __init__(
        self,
        source: Path,
        targets: Sequence[Target],
        environment: Callable[[str], Mapping[str, str]],
        logs: Path,
    ) -> None:
        """``environment``: gives the environment variables of a target's server by its name."""
        self._source = source
        self._targets = tuple(targets)
        self._environment = environment
        self._logs = logs
        self._processes: dict[Target, subprocess.Popen[bytes]] = {}
        self._files: list[IO[bytes]] = []
        self._runtime = tempfile.TemporaryDirectory(prefix="servers-")

    def start(self) -> None:
        """Start all servers; return when each accepts connections.

        Raises ``CannotStart`` with the last log message of a server that ended instead.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        for target in self._targets:
            log = (self._logs / f"{target.name}.log").open("wb")
            self._files.append(log)
            command = [sys.executable, "-m", "functions_framework", f"--target={target.name}"]
            command += [f"--source={self._source}", f"--signature-type={target.signature}"]
            command += ["--host=127.0.0.1", f"--port={target.port}"]
            # Separate directories, because gunicorn's control sockets all have the same name.
            runtime = Path(self._runtime.name) / target.name
            runtime.mkdir()
            # A new session, so that Ctrl-C reaches only this process, which stops the servers.
            self._processes[target] = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._environment(target.name), "XDG_RUNTIME_DIR": str(runtime)},
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        for target, process in self._processes.items():
            self._wait_for(target, process, deadline)

    def stop(self) -> None:
        """End all servers and wait for them."""
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._processes.values():
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its workers, too
                process.wait()
        for log in self._files:
            log.close()
        self._processes.clear()
        self._files.clear()
        self._runtime.cleanup()

    def _wait_for(self, target: Target, process: subprocess.Popen[bytes], deadline: float) -> None:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if _answers(target.port):
                return
            time.sleep(0.02)
        log = self._logs / f"{target.name}.log"
        raise CannotStart(f"{target.name} did not start{_reason(log, process.poll())}")


def _reason(log: Path, status: int | None) -> str:
    """Why a server ended: its last log message after an error, else the end of its log."""
    written = log.read_text(errors="replace")
    try:
        message = json.loads(written.strip().splitlines()[-1])["message"] if status else None
    except (IndexError, KeyError, TypeError, ValueError):  # not a log line of a function
        message = None
    return f": {message}" if message else f"; its log {log} ends with:\n{written[-2000:]}"


def _answers(port: int) -> bool:
    """Whether a worker answers; the port opens before there are workers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
    try:
        connection.request("GET", "/favicon.ico")  # answered by the framework, not by the function
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def base_environment() -> dict[str, str]:
    """This process's environment without variables that could point a function at Google Cloud."""
    foreign = ("GOOGLE_", "CLOUDSDK_", "GCLOUD_", "FUNCTION_", "K_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return kept | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
