"""Tells whether functions would start with the environment of this process, and keeps its profiles.

    python -m tools.check_start

For ``make up``, before it starts them. Prints a JSON list of what is wrong: the settings that the
functions would refuse, and the faults of the profiles as ``make check-profiles`` names them. If
nothing is, the profiles are kept beside the state as the last good set, so that a mistake made
before a function has read them does not leave it without any.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from shared.adapters.profiles.directory import read_directory
from shared.adapters.profiles.last_good import ProfilesCopy, copy_path
from shared.settings import DEFAULT_REGION, setting_faults
from tools.check_profiles import all_problems, report


def faults_at_start(environ: Mapping[str, str]) -> list[str]:
    """What keeps the functions from starting in ``environ``; if that is nothing, [].

    Profiles in a directory are read if the settings of their place and their region are right.
    """
    faults = setting_faults(environ)
    where = environ.get("PROFILES", "").strip()
    place_is_wrong = any(fault.startswith(("PROFILES ", "REGION ")) for fault in faults)
    if place_is_wrong or not where.startswith("file:"):
        return faults
    directory = Path(where.removeprefix("file:"))
    region = environ.get("REGION", "").strip() or DEFAULT_REGION
    files = read_directory(directory)
    if problems := all_problems(files, directory, region):
        faults.append(f"the profiles in {directory} can't be used\n{report(problems, region)}")
    kept = copy_path(environ.get("STATE", "").strip())
    if not faults and kept is not None:
        ProfilesCopy(kept).save(files)
    return faults


def main() -> int:
    """Print what is wrong with the environment of this process; the exit code is always 0."""
    print(json.dumps(faults_at_start(os.environ)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
