"""The archive as it lies in a function's container: unpacked, compiled, its times reset.

Google's buildpack runs ``compileall -f -q .`` in the directory of the source
(GoogleCloudPlatform/buildpacks, ``cmd/python/functions_framework/lib/lib.go``), and the times of
all files are then reset to one second past 1980. Byte code that carries its source's time would be
stale after that, and compiled again at every cold start; with ``SOURCE_DATE_EPOCH`` it carries its
source's hash instead.
"""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

BUILD_ENVIRONMENT = {"SOURCE_DATE_EPOCH": "315532801"}
"""What the build needs in its environment; Terraform sets the same."""
_RESET_TIME = 315532801  # 1980-01-01T00:00:01Z


def deploy(
    archive: Path,
    directory: Path,
    python: Path,
    build_environment: Mapping[str, str] = BUILD_ENVIRONMENT,
) -> Path:
    """Unpack ``archive`` into ``directory``, which is new, and compile it with ``python``."""
    directory.mkdir(parents=True)
    with zipfile.ZipFile(archive) as file:
        file.extractall(directory)
    subprocess.run(
        [python, "-m", "compileall", "-f", "-q", "."],
        cwd=directory,
        env={"PATH": os.defpath, **build_environment},
        check=True,
    )
    for path in directory.rglob("*"):
        os.utime(path, (_RESET_TIME, _RESET_TIME))
    return directory
