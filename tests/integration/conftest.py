"""Integration: the real functions in real servers, Google's clients, the local cloud, sockets.

A stack costs seconds, so a module shares one and its tests use different people. In parallel, run
whole files on one worker (``--dist loadfile``), or each worker starts stacks of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.stack.stack import PROFILES, Stack
from tests.integration.client import Client

_TAIL = 3000  # characters of each log shown when a test fails

StartStack = Callable[..., Client]


@pytest.fixture(scope="module")
def start_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartStack]:
    """Starts a stack (``kind`` of it, with its settings) that ends with the module.

    Its scheduler is off unless asked for: tests tick when they want to.
    """
    with ExitStack() as running:

        def start(
            *,
            kind: type[Stack] = Stack,
            tick_seconds: float = 0,
            profiles: Path = PROFILES,
            firestore: str = "",
        ) -> Client:
            workdir = tmp_path_factory.mktemp("stack")
            stack = kind(workdir, tick_seconds=tick_seconds, profiles=profiles, firestore=firestore)
            client = Client(running.enter_context(stack))
            running.callback(client.close)
            return client

        yield start


@pytest.fixture(scope="module")
def client(start_stack: StartStack) -> Client:
    """The module's ordinary stack."""
    return start_stack()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of the functions' logs with a failure."""
    report = yield
    if report.failed:
        for argument in getattr(item, "funcargs", {}).values():
            if isinstance(argument, Client):
                for log in sorted(argument.stack.log_directory.glob("*.log")):
                    tail = log.read_text(errors="replace")[-_TAIL:]
                    report.sections.append((f"the end of {log.name}", tail))
    return report
