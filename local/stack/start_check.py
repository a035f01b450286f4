"""Checks, before the functions are started, that they can start with these settings and profiles.

The check is done by the product's own code in a separate process, because the local cloud must not
import that code.
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


def start_errors(environ: Mapping[str, str]) -> list[str]:
    """Errors in ``environ`` or the profiles that it names; [] if the functions can start.

    If there are none, these profiles are in force, even if their files change before a function has
    read them. Raises ``CannotStart`` if the check itself fails.
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
    return [str(error) for error in json.loads(done.stdout)]
