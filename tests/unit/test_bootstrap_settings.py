"""A server whose settings can't be used doesn't start, and says why in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NEEDED = {
    "PROJECT": "demo",
    "ALLOWED_DOMAINS": "example.com",
    "PROFILES": "file:infra/profiles",
    "TEMPLATES_BUCKET": "demo-templates",
}


def loaded(**changes: str | None) -> subprocess.CompletedProcess[str]:
    """What comes of loading main.py, as the framework does before it serves."""
    environ = {k: v for k, v in os.environ.items() if k not in (*NEEDED, "GOOGLE_CLOUD_PROJECT")}
    settings = {**NEEDED, **changes}
    environ |= {name: value for name, value in settings.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", "import main"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_valid_settings_are_accepted_without_output() -> None:
    done = loaded()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"PROJECT": None}, ["PROJECT is not set"]),
        (
            {"ALLOWED_DOMAINS": None, "CREATIONS_LIMIT": "many", "REGION": "Iowa"},
            [
                "ALLOWED_DOMAINS is not set",
                "REGION is 'Iowa'; it should be a region such as us-central1",
                "CREATIONS_LIMIT is 'many'; it should be a number of notebooks from 1 to 999999",
            ],
        ),
        (
            {"STATE": "sqlite:nowhere/state.db", "PROFILES": "file:nowhere", "REGION": "Iowa"},
            [
                "REGION is 'Iowa'; it should be a region such as us-central1",
                "STATE is 'sqlite:nowhere/state.db'; there is no directory nowhere: create it",
                "PROFILES is 'file:nowhere'; there is no such directory",
            ],
        ),
        (
            {"STORAGE_EMULATOR_HOST": "nonsense", "PUBSUB_EMULATOR_HOST": "http://x"},
            [
                "PUBSUB_EMULATOR_HOST is 'http://x'; it should be HOST:PORT such as "
                "127.0.0.1:8085, without http://",
                "STORAGE_EMULATOR_HOST is 'nonsense'; it should be a URL that begins with "
                "https:// or http://, with a port from 1 to 65535 if it has one",
            ],
        ),
    ],
)
def test_invalid_settings_end_the_process_with_one_line_that_names_all(
    changes: dict[str, str | None], faults: list[str]
) -> None:
    done = loaded(**changes)
    assert (done.returncode, done.stderr) == (1, "")
    line = json.loads(done.stdout)
    assert (line["severity"], line["action"]) == ("CRITICAL", "process.refused")
    assert line["faults"] == faults
    assert line["message"] == "settings: " + "; ".join(faults)
