"""The generated code inside a wheel: TypeScript, in the source maps of what was compiled from it.

The comments with the schema's flags are complete only there; compiling loses many of them.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

# Large modules keep their blocks in files beside index.js.
_MODULE = re.compile(r"package/lib/([^/]+)/.*\.js$")


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
                modules.setdefault(path[1], []).append(_source_of(file.read()))
    for sources in modules.values():
        yield "\n".join(sources)


def _source_of(javascript: bytes) -> str:
    """What it was compiled from: its source map, in the last line, holds it."""
    _, found, encoded = javascript.rpartition(b"sourceMappingURL=data:application/json;base64,")
    if not found:
        raise ValueError("the generated code came without its source")
    return "\n".join(json.loads(b64decode(encoded))["sourcesContent"])
