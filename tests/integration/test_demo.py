"""The demo: it shows what it says, or reports that it does not and exits non-zero."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import demo.__main__ as demo
from local.stack.stack import Stack

ROOT = Path(__file__).parents[2]


def test_the_demo_shows_what_it_says() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert printed.returncode == 0, printed.stdout + printed.stderr
    assert printed.stdout.rstrip().endswith("The story came true.")
    assert "NOT TRUE" not in printed.stdout
    assert printed.stderr == ""
    for heading in ("Who has what", "How ana@", "What was refused, and why", "What it took"):
        assert f"\n{heading}" in printed.stdout


def test_a_demo_that_does_not_show_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One person of the roster never gets a notebook: the cloud refuses it for good."""

    class KimIsRefused(Stack):
        def start(self) -> None:
            super().start()
            refused = {"status": "PERMISSION_DENIED", "message": "not for Kim"}
            self.local.cloud.faults.add(
                {
                    "service": "notebooks",
                    "method": "instances.create",
                    "match": "/nb-kim-",
                    "error": refused,
                }
            )

    monkeypatch.setattr(demo, "Stack", KimIsRefused)
    assert demo.main() == 1
    printed = capsys.readouterr().out
    assert "NOT TRUE: everyone is ready" in printed
    assert "The story did NOT come true" in printed
