"""The schemas of the provider's supported versions: downloaded, extracted once, kept as JSON."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path

from tools.terraform.environment import HERE, Unavailable, download, key_of, locked
from tools.terraform.schema import schema_of
from tools.terraform.wheels import modules_of

REQUIREMENTS = HERE / "requirements-schemas.txt"
_EXTRACTION = [HERE / name for name in ("schema.py", "typescript.py", "wheels.py")]
# By major version of the provider: the oldest and the newest that infra/ promises to work with.
DISTRIBUTIONS = {"8": "cdktn-provider-google", "6": "cdktf-cdktf-provider-google"}


def schema_file(major: str, cache: Path, *, install: bool = True) -> Path:
    """The schema of the provider's version ``major`` as a JSON file below ``cache``.

    Raises ``Unavailable`` if its package can't be downloaded, or is missing and ``install`` false.
    """
    requirement = _requirement(DISTRIBUTIONS[major])
    file = cache / "terraform" / f"{requirement}-{key_of(*_EXTRACTION)}.json"
    if file.exists():
        return file
    if not install:
        raise Unavailable(f"the schema of google {major} is not in {file.parent}")
    with locked(cache / "terraform" / f"schema-{major}.lock"):
        if not file.exists():
            print(f"downloading the schema of google {major} (once) …", file=sys.stderr)
            with tempfile.TemporaryDirectory() as scratch:
                extracted = schema_of(modules_of(download(requirement, Path(scratch))))
            if not extracted["version"].startswith(f"{major}."):
                raise ValueError(f"{requirement} has the schema of google {extracted['version']}")
            partial = file.with_suffix(".partial")
            partial.write_text(json.dumps(extracted, separators=(",", ":")))
            os.replace(partial, file)
    return file


def _requirement(distribution: str) -> str:
    pins: list[str] = re.findall(r"^([\w.-]+==[\w.]+)", REQUIREMENTS.read_text(), re.M)
    return next(pin for pin in pins if pin.startswith(f"{distribution}=="))
