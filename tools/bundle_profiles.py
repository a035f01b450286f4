"""Writes a directory of profiles as the one object that a deployment reads.

    make profiles-bundle PROFILES=infra/profiles REGION=us-central1     # dist/profiles.json

The directory is checked as ``make check-profiles`` does; with a problem nothing is written, all of
them are printed, and the exit code is 1. The same files make the same bytes. Upload the object and
name it in ``PROFILES=gs://BUCKET/NAME.json``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.adapters.profiles.directory import read_directory
from shared.domain.profiles import ProfilesInvalid
from shared.domain.profiles.bundle import MAX_BYTES, pack
from tools.check_profiles import all_problems, asked_region, load, report

BUNDLE = Path(__file__).parent.parent / "dist" / "profiles.json"


def main(arguments: Sequence[str]) -> int:
    """Check the directory named in ``arguments`` and write its bundle; the exit code."""
    parser = argparse.ArgumentParser(prog="bundle_profiles", description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--region", help="where the site is; zones and subnets elsewhere are wrong")
    parser.add_argument("--output", type=Path, default=BUNDLE)
    options = parser.parse_args(arguments)
    try:
        region = asked_region(options.region)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 1
    try:
        data = bundle(options.directory, region)
    except ProfilesInvalid as invalid:
        print(report(invalid.messages, region), file=sys.stderr)
        return 1
    for warning in load(options.directory, region).warnings:
        print(f"warning: {warning}", file=sys.stderr)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(data)
    print(f"{options.output}: {len(data)} bytes, checked for region {region}")
    return 0


def bundle(directory: Path, region: str) -> bytes:
    """The bundle of ``directory``; raises ``ProfilesInvalid`` with every problem in it."""
    files = read_directory(directory)
    if problems := all_problems(files, directory, region):
        raise ProfilesInvalid(problems)
    data = pack(files)
    if len(data) > MAX_BYTES:
        raise ProfilesInvalid([f"the bundle has {len(data)} bytes; at most {MAX_BYTES} are read"])
    return data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
