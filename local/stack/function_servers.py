"""Runs Cloud Functions as the platform does: one functions-framework server a target.

Knows the framework's command line and nothing of what the functions do.
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
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"


class FunctionServers:
    """The servers of several targets of one source, started together, stopped together."""

    def __init__(
        self,
        source: Path,
        targets: Sequence[Target],
        environment: Callable[[str], Mapping[str, str]],
        logs: Path,
    ) -> None:
        """``environment``: that of the server of a target, by its name."""
        self._source = source
        self._targets = tuple(targets)
        self._environment = environment
        self._logs = logs
        self._processes: dict[Target, subprocess.Popen[bytes]] = {}
        self._files: list[IO[bytes]] = []
        self._runtime = tempfile.TemporaryDirectory(prefix="servers-")

    def start(self) -> None:
        """Start all; returns when each accepts connections.

        Raises ``CannotStart`` with the last words of one that ended instead.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        for target in self._targets:
            log = (self._logs / f"{target.name}.log").open("wb")
            self._files.append(log)
            command = [sys.executable, "-m", "functions_framework", f"--target={target.name}"]
            command += [f"--source={self._source}", f"--signature-type={target.signature}"]
            command += ["--host=127.0.0.1", f"--port={target.port}"]
            # A directory of its own: gunicorn's control socket has the same name in all of them.
            runtime = Path(self._runtime.name) / target.name
            runtime.mkdir()
            # And a process group of its own: Ctrl-C is for us, we then stop the servers in order.
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
        raise CannotStart(f"{target.name} did not start{_last_words(log, process.poll())}")


def _last_words(log: Path, status: int | None) -> str:
    """Why a server ended: its own last line if it ended with an error, else the end of its log."""
    written = log.read_text(errors="replace")
    try:
        said = json.loads(written.strip().splitlines()[-1])["message"] if status else None
    except (IndexError, KeyError, TypeError, ValueError):  # no line of a function's own log
        said = None
    return f": {said}" if said else f"; its log {log} ends with:\n{written[-2000:]}"


def _answers(port: int) -> bool:
    """Whether a worker is up: the port alone is the master's, which can't be stopped well yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
    try:
        connection.request("GET", "/favicon.ico")  # the framework's own: no function is asked
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def base_environment() -> dict[str, str]:
    """This process's environment without whatever would lead a function to a real cloud."""
    foreign = ("GOOGLE_", "CLOUDSDK_", "GCLOUD_", "FUNCTION_", "K_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return kept | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
