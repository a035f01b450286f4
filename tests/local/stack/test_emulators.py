"""Finding and running emulators, with launchers of our own in place of Google's."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from local.stack.emulators import EmulatorFailed, Installed, find_emulator, running

NAME = "cloud-firestore-emulator"


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def look(monkeypatch: pytest.MonkeyPatch, path: Path) -> Installed | str:
    monkeypatch.setenv("PATH", str(path))
    return find_emulator.__wrapped__(NAME)


def test_without_gcloud_or_java_the_reason_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(monkeypatch, tmp_path) == "not found (no gcloud)"
    script(tmp_path / "gcloud", "exit 1")
    assert look(monkeypatch, tmp_path) == "not found (no java)"
    script(tmp_path / "java", "exit 1")
    assert look(monkeypatch, tmp_path) == f"not found (gcloud has no component {NAME})"


@pytest.mark.parametrize("behind_a_wrapper", [False, True])
def test_it_is_found_beside_gcloud_or_where_gcloud_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind_a_wrapper: bool
) -> None:
    sdk, path = tmp_path / "sdk", tmp_path / "path"
    launcher = script(sdk / "platform" / NAME / "cloud_firestore_emulator", "")
    note = sdk / ".install" / f"{NAME}.snapshot.json"
    note.parent.mkdir()
    component = {"id": NAME, "version": {"version_string": "9.9"}}
    note.write_text(json.dumps({"components": [component]}))
    gcloud = script(sdk / "bin/gcloud", "exit 1")
    script(path / "java", "exit 1")
    if behind_a_wrapper:
        script(path / "gcloud", f"echo {sdk}")
    else:
        (path / "gcloud").symlink_to(gcloud)
    assert look(monkeypatch, path) == Installed(launcher, "9.9")


def test_one_that_does_not_start_fails_with_its_output(tmp_path: Path) -> None:
    launcher = script(tmp_path / "broken", "echo no room on this machine; exit 1")
    with (
        pytest.raises(EmulatorFailed, match="no room on this machine"),
        running(Installed(launcher, "")),
    ):
        pytest.fail("it must not be taken for running")


def test_what_the_launcher_started_is_stopped_with_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    serve = (
        f"import http.server, os, sys; open({str(pid_file)!r}, 'w').write(str(os.getpid()));"
        "port = int(sys.argv[-1].partition('=')[2]);"
        "http.server.HTTPServer(('127.0.0.1', port),"
        " http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    launcher = script(tmp_path / "wrapper", f'{sys.executable} -c "{serve}" "$@"; exit 0')
    with running(Installed(launcher, ""), "start") as host:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{host}/"):
            pass
        server = int(pid_file.read_text())
        os.kill(server, 0)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(server, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the process that the launcher had started still runs")
