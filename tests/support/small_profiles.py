"""The smallest valid and invalid profiles, and the log actions of their sources."""

from __future__ import annotations

import pytest

MASTER = b"runtimeConfig: {version: '2.3'}\n"


def profiles_yaml(name: str) -> bytes:
    """A valid ``profiles.yaml`` with one profile, ``name``."""
    return (
        f"version: 1\ndefault: {name}\nprofiles:\n"
        f"  {name}: {{grace: 0, session_templates: [{{name: s, master: session.yaml}}]}}\n"
    ).encode()


BAD = b"version: 1\ndefault: gone\nprofiles: {a: {grace: soon}}\n"


def actions(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The level and action of each log line."""
    return [(record.levelname, vars(record)["action"]) for record in caplog.records]
