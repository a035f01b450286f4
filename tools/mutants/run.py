"""One run: pytest imports and collects the tests, then the mutants are tried in their place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.mutants.changes import Mutant
from tools.mutants.suite import Suite, Verdict


class Run:
    """A plugin of pytest: in the place of the tests, the mutants are run."""

    def __init__(self, mutants: Sequence[Mutant], root: Path, jobs: int) -> None:
        self._mutants = mutants
        self._root = root
        self._jobs = jobs
        self.failed: list[str] = []
        self.verdicts: list[Verdict] = []

    def pytest_sessionstart(self) -> None:
        """Called by pytest before the tests are imported, after the conftest of all of them."""
        from hypothesis import HealthCheck, Phase, settings

        settings.register_profile(
            "mutants",
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),  # that it fails is enough: nothing is shrunk
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutants")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called by pytest for each file of tests: what can't be imported runs no test."""
        if report.failed:
            self.failed.append(f"{report.nodeid}: {report.longrepr}")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Called by pytest when everything is imported and collected."""
        suite = Suite(session.items, self._root, {mutant.file for mutant in self._mutants})
        started = time.monotonic()
        self.failed += suite.rehearse(self._jobs)
        took = time.monotonic() - started
        print(f"{len(session.items)} tests on the code as it is: {took:.0f} s", flush=True)
        self._try_all(suite)
        return True

    def _try_all(self, suite: Suite) -> None:
        started = time.monotonic()
        for verdict in suite.try_all(self._mutants, self._jobs):
            self.verdicts.append(verdict)
            if not verdict.killer:
                print(f"survived: {verdict.mutant.file}:{verdict.mutant.line}", flush=True)
            if len(self.verdicts) % 50 == 0:
                survivors = sum(not v.killer for v in self.verdicts)
                took = time.monotonic() - started
                done = f"{len(self.verdicts)}/{len(self._mutants)}"
                print(f"{done} mutants, {survivors} survived, {took:.0f} s", flush=True)


def collect_and(run: Run, tests: Sequence[str]) -> None:
    """Import and collect all tests once, then hand over to ``run``."""
    without = ("terminal", "cacheprovider", "randomly", "xdist")
    flags = [flag for plugin in without for flag in ("-p", f"no:{plugin}")]
    flags += ["-s", "-o", "addopts=--import-mode=importlib"]
    pytest.main([*tests, *flags], plugins=[run])
