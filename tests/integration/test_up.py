"""`python -m local.up`, as `make up` runs it, in a directory of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.client import eventually

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("onboard", "offboard", "admin", "converge", "reconcile", "fleet")
PORTS = 2 + 3 * len(FUNCTIONS)  # REST and gRPC of the cloud; one a function, two its account

# What somebody does next: in a shell that has sourced the file, with nothing but HTTP.
USE = """
set -e
source .local/endpoints.env
exec "$PYTHON" - <<'END'
import base64, json, os, time, urllib.error, urllib.request
cloud, fleet = os.environ["LOCAL_CLOUD_URL"], os.environ["FLEET_URL"]
project = os.environ["CLOUDSDK_CORE_PROJECT"]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
data = base64.b64encode(b'{"email": "ana@example.com"}').decode()
body = json.dumps({"messages": [{"data": data}]}).encode()
direct(f"{cloud}/v1/projects/{project}/topics/onboarding:publish", body).read()
while True:
    try:
        shown = json.load(direct(f"{fleet}/environments/ana@example.com"))
        break
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        time.sleep(0.05)
notebooks = os.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_NOTEBOOKS"]
url = f"{notebooks}v2/projects/{project}/locations/-/instances"
while not json.load(direct(url)).get("instances"):
    time.sleep(0.05)
print(shown["email"], fleet)
END
"""


class Up:
    """The process, a leader of its own group as in a terminal, and what it has printed."""

    def __init__(
        self, directory: Path, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self._output = directory / f"output-{len(list(directory.glob('output-*')))}"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.up", *arguments],
                cwd=directory,
                env=os.environ
                | {"PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
                | (environ or {}),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def printed(self) -> str:
        return self._output.read_text()

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.printed()
            return "ready" in self.printed().splitlines()

        eventually(ready, "ready", seconds=60)

    def interrupt(self) -> int:
        """Ctrl-C: the terminal sends it to the whole group. Its exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self._ended()

    def terminate(self) -> int:
        """Stop it like a supervisor, with a signal to it alone; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def _ended(self) -> int:
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler prints where it hangs
            self.process.wait(timeout=10)
            pytest.fail(f"it doesn't end:\n{self.printed()}")

    def family(self) -> dict[int, str]:
        """The living processes that descend from it, and it: command lines by pid."""
        rows = processes()
        pids = {self.process.pid}
        while more := {pid for pid, (parent, _) in rows.items() if parent in pids} - pids:
            pids |= more
        return {pid: rows[pid][1] for pid in pids if pid in rows}

    def kill(self) -> None:
        for pid in self.family():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def processes() -> dict[int, tuple[int, str]]:
    """Parent and command line of every process of the machine that isn't a zombie, by pid."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(None, 3) for line in listing.stdout.splitlines()]
    return {int(pid): (int(parent), args) for pid, parent, stat, args in rows if stat[0] != "Z"}


def left_of(family: dict[int, str]) -> dict[int, str]:
    """Those of a family that still live."""
    living = {pid: args for pid, (_, args) in processes().items()}
    return {pid: args for pid, args in family.items() if living.get(pid) == args}


@pytest.fixture
def started() -> Iterator[list[Up]]:
    """Whatever a test starts and does not stop is killed."""
    processes: list[Up] = []
    yield processes
    for up in processes:
        up.kill()


def test_make_up_serves_its_endpoints_until_interrupted(started: list[Up], tmp_path: Path) -> None:
    up = Up(tmp_path)
    started.append(up)
    up.wait_until_ready()
    endpoints = (tmp_path / ".local" / "endpoints.env").read_text().splitlines()
    assert all(line.startswith("export ") for line in endpoints)

    used = subprocess.run(
        ["bash", "-c", USE],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert used.returncode == 0, used.stderr
    email, fleet = used.stdout.split()
    assert email == "ana@example.com"
    assert fleet in up.printed(), "what it prints is what it serves"

    family = up.family()
    assert len(family) > len(FUNCTIONS), "it, and a server or more for each function"
    assert up.interrupt() == 0, up.printed()
    assert left_of(family) == {}
    assert "Traceback" not in up.printed()
    assert up.printed().splitlines()[-2:] == ["stopping …", "stopped"]
    assert not (tmp_path / ".local" / "endpoints.env").exists(), "nothing answers there any more"


def test_fixed_ports_are_used_and_free_again_afterwards(started: list[Up], tmp_path: Path) -> None:
    port = free_run(PORTS)
    up = Up(tmp_path, "--port", str(port))
    started.append(up)
    up.wait_until_ready()
    endpoints = (tmp_path / ".local" / "endpoints.env").read_text()
    assert f"export LOCAL_CLOUD_URL=http://127.0.0.1:{port}\n" in endpoints
    assert all(answers(number) for number in range(port, port + PORTS))

    family = up.family()
    assert up.terminate() == 0, up.printed()
    assert left_of(family) == {}
    assert not any(answers(number) for number in range(port, port + PORTS))


def test_own_profiles_and_region_are_used_and_changes_are_reported(
    started: list[Up], tmp_path: Path
) -> None:
    profiles = tmp_path / "own profiles"
    shutil.copytree(ROOT / "infra" / "profiles", profiles)
    file = profiles / "profiles.yaml"
    text = file.read_text().replace("us-central1-", "europe-west1-")
    file.write_text(text)
    up = Up(tmp_path, "--profiles", "own profiles", "--region", "europe-west1")
    started.append(up)
    up.wait_until_ready()
    assert "own profiles/profiles.yaml" in up.printed()

    file.write_text(text.replace("grace: 30d", "grace: 1:30"))
    eventually(lambda: "the last good ones stay in force" in up.printed(), "reported", seconds=30)
    eventually(lambda: "1:30 is base 60 in YAML 1.1" in up.printed(), "why", seconds=30)
    file.write_text(text)
    eventually(lambda: "changed, are valid and in force" in up.printed(), "repaired", seconds=30)
    assert up.interrupt() == 0, up.printed()


def test_a_second_run_in_the_same_directory_is_refused_until_the_first_ends(
    started: list[Up], tmp_path: Path
) -> None:
    first = Up(tmp_path)
    started.append(first)
    first.wait_until_ready()
    endpoints = (tmp_path / ".local" / "endpoints.env").read_text()
    second = Up(tmp_path)
    started.append(second)
    assert second.process.wait(timeout=60) == 1
    assert second.printed() == (
        f"make up: another one runs in this directory (pid {first.process.pid}); "
        "stop it with Ctrl-C first, or start this one in another directory\n"
    )
    assert (tmp_path / ".local" / "endpoints.env").read_text() == endpoints
    assert (tmp_path / ".local" / "state.db.profiles").exists(), "the state of the first one"

    first.kill()  # nothing is tidied up
    third = Up(tmp_path, "--port", "http")
    started.append(third)
    assert third.process.wait(timeout=60) == 1
    assert "PORT is 'http'" in third.printed(), "it came past the lock that was left behind"
    assert not (tmp_path / ".local" / "endpoints.env").exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        (["--port", "http"], {}, "make up: PORT is 'http'; it should be a number such as 8080"),
        (["--port", "65530"], {}, "make up: PORT is 65530; it should be a number from 1 to 65516"),
        (
            ["--profiles", "nowhere"],
            {},
            "make up: PROFILES is 'nowhere'; it should be a directory with a profiles.yaml in it",
        ),
        (
            ["--region", "us-central1-a"],
            {},
            "make up: REGION is 'us-central1-a'; it should be a region such as us-central1",
        ),
        (
            [],
            {"CREATIONS_LIMIT": "many", "LOG_LEVEL": "LOUD"},
            "make up: "
            "CREATIONS_LIMIT is 'many'; it should be a number of notebooks from 1 to 999999; "
            "LOG_LEVEL is 'LOUD'; it should be DEBUG, INFO, WARNING, ERROR or CRITICAL",
        ),
        (
            ["--port", "70000", "--profiles", "nowhere", "--region", "Iowa"],
            {"OLDER_KINDS": "2"},
            "make up: PROFILES is 'nowhere'; it should be a directory with a profiles.yaml in it; "
            "PORT is 70000; it should be a number from 1 to 65516; "
            "REGION is 'Iowa'; it should be a region such as us-central1; "
            "OLDER_KINDS is '2'; it should be on or off",
        ),
    ],
)
def test_a_failed_start_says_why_in_one_line_and_leaves_nothing_behind(
    started: list[Up],
    tmp_path: Path,
    arguments: list[str],
    environ: dict[str, str],
    expected: str,
) -> None:
    up = Up(tmp_path, *arguments, environ=environ)
    started.append(up)
    assert up.process.wait(timeout=60) != 0
    assert up.printed().splitlines() == [expected]
    assert left_of(up.family()) == {}


def test_a_port_in_use_is_named_with_a_free_one(started: list[Up], tmp_path: Path) -> None:
    port = free_run(PORTS)
    taken = bound(port + 3)
    taken.listen()
    try:
        up = Up(tmp_path, "--port", str(port))
        started.append(up)
        assert up.process.wait(timeout=60) == 1
    finally:
        taken.close()
    last = up.printed().splitlines()[-1]
    assert last.startswith(
        f"make up: can't listen on port {port + 3} (address already in use); "
        f"{port} to {port + PORTS - 1} are needed: stop what listens there, or choose others, "
    )
    assert re.search(r"such as PORT=\d+$", last)


def test_profiles_with_faults_are_refused_with_all_of_them(
    started: list[Up], tmp_path: Path
) -> None:
    profiles = tmp_path / "profiles"
    shutil.copytree(ROOT / "infra" / "profiles", profiles)
    file = profiles / "profiles.yaml"
    file.write_text(file.read_text().replace("grace: 30d", "grace: 1:30"))
    master = profiles / "masters" / "cluster-small.yaml"
    master.write_text(master.read_text().replace("n2-standard-8", "n2-standard8"))
    up = Up(tmp_path, "--profiles", "profiles")
    started.append(up)
    assert up.process.wait(timeout=60) == 1
    printed = up.printed()
    assert "make up: the profiles in profiles can't be used" in printed
    assert "profiles.yaml: line 46, column 12: 1:30 is base 60" in printed
    assert "masters/cluster-small.yaml: config.masterConfig.machineTypeUri: " in printed
    assert "2 problems" in printed


def free_run(count: int) -> int:
    """The first of ``count`` consecutive free ports, outside the ephemeral range."""
    for first in range(20_000 + os.getpid() % 5_000, 32_000, count):
        probes: list[socket.socket] = []
        try:
            for port in range(first, first + count):
                probes.append(bound(port))
            return first
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    pytest.fail(f"no {count} free ports in a row")


def bound(port: int) -> socket.socket:
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        raise
    return probe


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
