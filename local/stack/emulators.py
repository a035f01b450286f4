"""Google's official emulators: find those installed with gcloud, start and stop them.

They are optional. If one is not installed, the reason is returned as text for the test report.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_LAUNCHERS = {
    "cloud-firestore-emulator": "cloud_firestore_emulator",
    "pubsub-emulator": "bin/cloud-pubsub-emulator",
}


@dataclass(frozen=True)
class Installed:
    """An installed emulator: its launcher, and its version ('' if gcloud has none recorded)."""

    launcher: Path
    version: str


class EmulatorFailed(Exception):
    """The emulator is installed but did not start; the message has its output."""


@cache
def find_emulator(name: str) -> Installed | str:
    """The gcloud component ``name``, or the reason why it can't be used."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return "not found (no gcloud)"
    if shutil.which("java") is None:
        return "not found (no java)"
    for root in _sdk_roots(gcloud):
        launcher = root / "platform" / name / _LAUNCHERS[name]
        if launcher.is_file():
            return Installed(launcher, _version(root, name))
    return f"not found (gcloud has no component {name})"


@contextmanager
def running(emulator: Installed, *arguments: str) -> Iterator[str]:
    """Start it on a free port of 127.0.0.1, yield ``host:port`` when it answers, then stop it.

    The launcher is a script that would leave java running if only the script were killed. So both
    are in one process group, which is stopped as a whole.
    """
    port = _free_port()
    host = f"127.0.0.1:{port}"
    command = [str(emulator.launcher), *arguments, "--host=127.0.0.1", f"--port={port}"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            if not _answers(host, process, seconds=60):
                output.seek(0)
                raise EmulatorFailed(output.read()[-2000:].decode(errors="replace"))
            yield host
        finally:
            _stop_group(process)


def _sdk_roots(gcloud: str) -> Iterator[Path]:
    yield Path(gcloud).resolve().parent.parent
    # gcloud may be a wrapper (snap, a version manager). Asking gcloud itself takes a second.
    asked = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if asked.stdout.strip():
        yield Path(asked.stdout.strip())


def _version(root: Path, name: str) -> str:
    note = root / ".install" / f"{name}.snapshot.json"
    if not note.is_file():
        return ""
    components = json.loads(note.read_text())["components"]
    return next((c["version"]["version_string"] for c in components if c["id"] == name), "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(host: str, process: subprocess.Popen[bytes], seconds: float) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # without a proxy
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(f"http://{host}/", timeout=5):
                return True
        except OSError:
            time.sleep(0.1)
    return False


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                os.killpg(process.pid, signal_number)
            except ProcessLookupError:
                process.wait()
                return
            process.poll()
            time.sleep(0.05)
