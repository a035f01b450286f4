"""One entry point, served as the platform serves it: its settings say which, no flag does.

The buildpack starts ``functions-framework`` in the directory of the source (``lib.go``,
``AddWebProcess``); the target, the port and the number of threads stand in the environment.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from local.stack.ports import free_ports
from tools.smoke.entry_points import EntryPoint

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_SHOWN = 3000  # characters of a log


class DidNotStart(Exception):
    """A server ended before it answered; the text has the end of its log."""


def platform_environment(target: str, environment: Path, runtime: Path) -> dict[str, str]:
    """What stands in the environment of ``target`` beside its settings, its port and its threads.

    ``runtime`` is a directory of its own, for gunicorn's socket.
    """
    return {
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.defpath}",
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": str(runtime),
        "FUNCTION_TARGET": target,
        "FUNCTION_SIGNATURE_TYPE": "http",  # what a function without an event trigger gets
        "HOST": "127.0.0.1",
        "WORKERS": "1",
    }


class Server:
    """``entry_point`` of the deployed ``source`` on a free port of loopback.

    ``environment``: of Python; ``settings``: the function's; ``workdir`` gets its log.
    """

    def __init__(
        self,
        entry_point: EntryPoint,
        source: Path,
        environment: Path,
        settings: Mapping[str, str],
        workdir: Path,
    ) -> None:
        [self.port] = free_ports(1)
        self.entry_point = entry_point
        self.log = workdir / f"{entry_point.name}.log"
        self._source = source
        self._command = environment / "bin" / "functions-framework"
        runtime = workdir / f"{entry_point.name}.run"
        runtime.mkdir(parents=True)
        asked = {"PORT": str(self.port), "THREADS": str(entry_point.concurrency)}
        self._environ = {
            **platform_environment(entry_point.name, environment, runtime),
            **asked,
            **settings,
        }

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of gunicorn's master."""
        return self._process.pid

    def start(self) -> None:
        """Start its process; it doesn't answer yet."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._command],
                cwd=self._source,
                env=self._environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when a worker answers; raises ``DidNotStart``."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return
            time.sleep(0.02)
        raise DidNotStart(f"{self.entry_point.name} did not start; its log ends with:\n{self.end}")

    def stop(self) -> None:
        """End it, workers included."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def end(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-_SHOWN:]

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_START_SECONDS)
        try:
            connection.request("GET", "/favicon.ico")  # the framework's own: no function is asked
            connection.getresponse()
        except OSError:
            return False
        finally:
            connection.close()
        return True
