"""What all tests share: the official Firestore emulator, and a report of the backends that ran."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from local.stack.emulators import find_emulator, running
from tests.support import summary
from tests.support.gcloud import Gcloud

if TYPE_CHECKING:
    from tests.support.backends import FirestoreBackend

# A busy machine is not a failure: how long an example takes is for the benchmarks to say.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# main.py can't be loaded without settings; none of these is ever connected to.
os.environ |= {
    "PROJECT": "demo",
    "ALLOWED_DOMAINS": "example.com",
    "PROFILES": f"file:{Path(__file__).parent}",
    "TEMPLATES_BUCKET": "demo-templates",
}


# Tests in these directories, and those with these fixtures, start servers or programs.
_SLOW_DIRECTORIES = {"integration", "local", "terraform"}
_SLOW_FIXTURES = {"firestore_backend", "gcloud_command"}


@pytest.hookimpl(tryfirst=True)  # before tests are left out by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what is slow for a reason that many tests share."""
    for item in items:
        directory = item.path.relative_to(Path(__file__).parent).parts[0]
        fixtures = getattr(item, "fixturenames", ())
        if directory in _SLOW_DIRECTORIES or _SLOW_FIXTURES.intersection(fixtures):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[str]:
    """``host:port`` of a running Firestore emulator, one a test process; skips without one."""
    found = find_emulator("cloud-firestore-emulator")
    if isinstance(found, str):
        pytest.skip(f"firestore emulator: {found}")
    with running(found, "start") as host:
        yield host


@pytest.fixture
def firestore_backend(request: pytest.FixtureRequest) -> Iterator[FirestoreBackend]:
    """The Firestore store on the emulator, in a project of its own."""
    from tests.support.backends import FirestoreBackend  # heavy: not for tests without it

    found = find_emulator("cloud-firestore-emulator")
    if isinstance(found, str):
        summary.missing(request, f"firestore emulator: {found}")
    else:
        summary.ran_on(request, f"firestore emulator {found.version}".strip())
    backend = FirestoreBackend(request.getfixturevalue("firestore_emulator"))
    yield backend
    backend.client.close()


@pytest.fixture
def gcloud_command(request: pytest.FixtureRequest, tmp_path: Path) -> Gcloud:
    """The installed gcloud, pointed nowhere yet; skips without one."""
    program = shutil.which("gcloud")
    if program is None:
        summary.missing(request, "gcloud: not found")
        pytest.skip("gcloud is not installed")
    summary.ran_on(request, "gcloud")
    return Gcloud(program, tmp_path)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which backends ran, and which could not and why."""
    for line in summary.lines(chain.from_iterable(terminalreporter.stats.values())):
        terminalreporter.write_line(line)
