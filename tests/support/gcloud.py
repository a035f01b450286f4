"""The installed gcloud as an independent witness, pointed at loopback and nowhere else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


class Gcloud:
    """Runs gcloud in ``home``, with a configuration of its own; a command takes a second or two.

    ``endpoints``: further variables, above all ``CLOUDSDK_API_ENDPOINT_OVERRIDES_…``.
    """

    def __init__(self, program: str, home: Path) -> None:
        self._program = program
        self._home = home
        self.endpoints: dict[str, str] = {}

    def pointed_at(self, endpoints: Mapping[str, str]) -> Gcloud:
        """The same, for a service that has just been started."""
        self.endpoints.update(endpoints)
        return self

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """One command, however it ends."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "NO_PROXY": "127.0.0.1",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "True",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "True",
            "CLOUDSDK_CONFIG": str(self._home / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "True",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "True",
            "CLOUDSDK_CORE_PROJECT": "demo",
        }
        return subprocess.run(
            [self._program, *arguments],
            env=environment | self.endpoints,
            cwd=self._home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def __call__(self, *arguments: str) -> str:
        """Its standard output; fails with what gcloud says when it fails."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout
