"""What the cold starts and the memory are measured of: the packaged archive, as it is deployed.

Unpacked and compiled as the buildpack does it, with the packages of requirements.txt and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.package import ROOT, build
from tools.smoke.deployed import deploy
from tools.smoke.entry_points import EntryPoint, entry_points
from tools.smoke.python import environment

_TRIVIAL = '''\
"""Does nothing, so that what remains is the server's."""

import functions_framework


@functions_framework.cloud_event
def cloudevent(event):
    """An event done."""


@functions_framework.http
def http(request):
    """A request answered."""
    return "{}"
'''


@dataclass(frozen=True)
class Deployment:
    """``source`` and ``trivial``: directories with a main.py; ``environment``: of Python."""

    source: Path
    trivial: Path
    environment: Path
    entry_points: tuple[EntryPoint, ...]


def deployed(directory: Path) -> Deployment:
    """Build the archive and deploy it below ``directory``, and a trivial function beside it."""
    python = environment(ROOT / "requirements.txt")
    build(directory / "ours.zip")
    sources = directory / "trivial"
    for name in ("functions", "shared"):
        (sources / name).mkdir(parents=True)
    (sources / "main.py").write_text(_TRIVIAL, encoding="utf-8")
    (sources / "requirements.txt").touch()
    build(directory / "trivial.zip", sources)
    return Deployment(
        deploy(directory / "ours.zip", directory / "ours-deployed", python / "bin" / "python"),
        deploy(
            directory / "trivial.zip", directory / "trivial-deployed", python / "bin" / "python"
        ),
        python,
        entry_points(),
    )
