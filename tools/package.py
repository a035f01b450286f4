"""Builds the archive that Cloud Functions gets: the same sources make the same bytes.

    make package        # dist/benchkeeper.zip

It holds main.py, requirements.txt and the files of functions/ and shared/, and nothing else.
Terraform names the uploaded object by the archive's hash, so other bytes would deploy every
function again. ``.gcloudignore`` says the same for ``gcloud functions deploy``.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
ARCHIVE = ROOT / "dist" / "benchkeeper.zip"
FILES = ("main.py", "requirements.txt")
DIRECTORIES = ("functions", "shared")

# The first moment that a zip file can name. The buildpack resets all times anyway.
_TIME = (1980, 1, 1, 0, 0, 0)
_REGULAR_0644 = 0o100644 << 16
_UNIX = 3


def contents(root: Path = ROOT) -> list[str]:
    """The paths of what belongs in the archive, sorted; raises ``FileNotFoundError``."""
    found = [root / name for name in FILES]
    for directory in DIRECTORIES:
        found += (path for path in (root / directory).rglob("*") if path.is_file())
    names = sorted(path.relative_to(root).as_posix() for path in found)
    for name in FILES:
        if not (root / name).is_file():
            raise FileNotFoundError(f"{root / name}: is not there")
    return [name for name in names if _is_source(name)]


def build(archive: Path, root: Path = ROOT) -> list[str]:
    """Write ``archive`` from the sources below ``root``; what is in it.

    Nothing is compressed: what a compressor writes depends on its version.
    """
    names = contents(root)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in names:
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _REGULAR_0644
            file.writestr(entry, (root / name).read_bytes())
    return names


def main(arguments: Sequence[str]) -> int:
    """Build the archive and say what became of it; the exit code."""
    parser = argparse.ArgumentParser(prog="package", description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, nargs="?", default=ARCHIVE)
    archive = parser.parse_args(arguments).archive
    try:
        names = build(archive)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    for line in _uncommitted():
        print(f"warning: not committed: {line}", file=sys.stderr)
    data = archive.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    print(f"{archive}: {len(names)} files, {len(data)} bytes, sha256 {digest}")
    return 0


def _is_source(name: str) -> bool:
    """Byte code belongs to one interpreter; hidden files belong to somebody's tools."""
    parts = name.split("/")
    hidden = any(part.startswith(".") for part in parts)
    return not hidden and "__pycache__" not in parts and not name.endswith(".pyc")


def _uncommitted() -> list[str]:
    """What of the archive git doesn't have as it is; [] if git can't be asked."""
    command = ["git", "status", "--porcelain", "--", *FILES, *DIRECTORIES]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
