"""The schemas of the provider's supported versions: downloaded, extracted once, kept as JSON."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import tempfile
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

from tools.terraform import schema, typescript
from tools.terraform.environment import HERE, Unavailable, download, key_of, locked

REQUIREMENTS = HERE / "requirements-schemas.txt"
# By major version of the provider: the oldest and the newest that infra/ promises to work with.
DISTRIBUTIONS = {"8": "cdktn-provider-google", "6": "cdktf-cdktf-provider-google"}


def schema_file(major: str, cache: Path, *, install: bool = True) -> Path:
    """The schema of the provider's version ``major`` as a JSON file below ``cache``.

    Raises ``Unavailable`` if its package can't be downloaded, or is missing and ``install`` false.
    """
    requirement = _requirement(DISTRIBUTIONS[major])
    key = key_of(Path(__file__), Path(schema.__file__), Path(typescript.__file__))
    file = cache / "terraform" / f"{requirement}-{key}.json"
    if file.exists():
        return file
    if not install:
        raise Unavailable(f"the schema of google {major} is not in {file.parent}")
    with locked(cache / "terraform" / f"schema-{major}.lock"):
        if not file.exists():
            with tempfile.TemporaryDirectory() as scratch:
                extracted = schema.schema_of(modules_of(download(requirement, Path(scratch))))
            if not extracted["version"].startswith(f"{major}."):
                raise ValueError(f"{requirement} has the schema of google {extracted['version']}")
            partial = file.with_suffix(".partial")
            partial.write_text(json.dumps(extracted, separators=(",", ":")))
            os.replace(partial, file)
    return file


def modules_of(wheel: Path) -> Iterator[str]:
    """The TypeScript of each resource, data source and provider in ``wheel``."""
    with zipfile.ZipFile(wheel) as files:
        package = next((name for name in files.namelist() if name.endswith(".jsii.tgz")), None)
        if package is None:
            raise ValueError(f"{wheel.name} has no generated code in it")
        content = io.BytesIO(files.read(package))
    modules: dict[str, list[str]] = {}
    with tarfile.open(fileobj=content, mode="r:gz") as archive:
        for member in archive:
            if path := _MODULE.match(member.name):
                file = archive.extractfile(member)
                assert file is not None
                code = _source_of(file.read())
                modules.setdefault(path[1], []).append(code)
    for files_of_module in modules.values():
        yield "\n".join(files_of_module)


# Large modules keep their blocks in files beside index.js.
_MODULE = re.compile(r"package/lib/([^/]+)/.*\.js$")


def _source_of(javascript: bytes) -> str:
    """What it was compiled from: its source map, in the last line, holds it."""
    _, found, encoded = javascript.rpartition(b"sourceMappingURL=data:application/json;base64,")
    if not found:
        raise ValueError("the generated code came without its source")
    return "\n".join(json.loads(b64decode(encoded))["sourcesContent"])


def _requirement(distribution: str) -> str:
    pins: list[str] = re.findall(r"^([\w.-]+==[\w.]+)", REQUIREMENTS.read_text(), re.M)
    return next(pin for pin in pins if pin.startswith(f"{distribution}=="))
