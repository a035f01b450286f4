"""A set of profiles as one object: ``make profiles-bundle`` writes it and a process reads it.

    {"format": 1, "files": {"masters/session.yaml": "…", "profiles.yaml": "…"}}

It contains the texts of the files, so a bundle is checked like a directory, and messages name the
file in it. Must not know where a bundle is stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from shared.domain.profiles.model import ProfilesInvalid
from shared.domain.profiles.parse import FILE, MASTERS

FORMAT = 1
MAX_BYTES = 8 * 1024 * 1024


class _Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    files: dict[str, str]


class _GivenTwice(ValueError):
    """A JSON object has the same name twice."""


def is_profile_file(name: str) -> bool:
    """Whether ``name``, relative to the directory or prefix, is a file of a set of profiles."""
    inside = name.removeprefix(MASTERS)
    return name == FILE or (inside != name and inside.endswith(".yaml") and "/" not in inside)


def pack(files: Mapping[str, bytes]) -> bytes:
    """``files`` (by name, ``masters/session.yaml``) as a bundle; equal files give equal bytes.

    Raises ``ProfilesInvalid`` if a file is not UTF-8; does not check the profiles.
    """
    texts, faults = {}, []
    for name, data in sorted(files.items()):
        try:
            texts[name] = data.decode("utf-8")
        except UnicodeDecodeError as error:
            faults.append(f"{name}: is not UTF-8 ({error.reason} at byte {error.start})")
    if faults:
        raise ProfilesInvalid(faults)
    bundle = {"format": FORMAT, "files": texts}
    return (json.dumps(bundle, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def unpack(data: bytes, name: str) -> dict[str, bytes]:
    """The files in a bundle; raises ``ProfilesInvalid`` with messages that begin with ``name``."""
    try:
        bundle = msgspec.convert(json.loads(data, object_pairs_hook=_unique), _Bundle)
    except _GivenTwice as twice:
        raise ProfilesInvalid([f"{name}: {twice}"]) from twice
    except msgspec.ValidationError as error:
        raise ProfilesInvalid([f"{name}: is not a bundle of profiles ({error})"]) from error
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, nested too deeply
        raise ProfilesInvalid([f"{name}: is not JSON ({error})"]) from error
    if bundle.format != FORMAT:
        advice = "make it with `make profiles-bundle` of the release that is deployed"
        raise ProfilesInvalid(
            [f"{name}: format is {bundle.format}; this release reads {FORMAT}: {advice}"]
        )
    if unknown := sorted(file for file in bundle.files if not is_profile_file(file)):
        known = f"only {FILE} and {MASTERS}*.yaml"
        raise ProfilesInvalid(
            [f"{name}: {file!r} does not belong in it; {known}" for file in unknown]
        )
    return {file: text.encode("utf-8", "surrogatepass") for file, text in bundle.files.items()}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _GivenTwice(f"{key!r} is given twice")
        found[key] = value
    return found
