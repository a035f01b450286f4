"""Would the functions start with these settings and profiles? Asked before any of them is started.

The answer is that of the functions' own code, which runs as a process of its own: the local cloud
shares no code with what it serves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local.stack.ports import CannotStart

_ROOT = Path(__file__).parents[2]


def faults_at_start(environ: Mapping[str, str]) -> list[str]:
    """What is wrong with ``environ`` or the profiles it names; [] if the functions would start.

    If nothing is wrong, the profiles are in force from now on, whatever becomes of their files
    before a function has read them. Raises ``CannotStart`` if it can't be found out.
    """
    paths = [str(_ROOT), environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "tools.check_start"],
        env={**environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"the settings and profiles could not be checked:\n{done.stderr.strip()}")
    return [str(fault) for fault in json.loads(done.stdout)]
