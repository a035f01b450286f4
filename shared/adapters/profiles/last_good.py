"""The profiles in force: the last valid set.

An invalid set never replaces a valid one, so that a mistake in a file is logged and changes
nothing. It must not know where profiles come from, nor which sets are valid.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Hashable
from pathlib import Path

from shared.domain.profiles import ProfileSet, ProfilesInvalid
from shared.domain.profiles.parse import FILE, MASTERS, parse_profiles

log = logging.getLogger(__name__)

_MOST_LOGGED = 200  # problems or warnings in one log line

Files = dict[str, bytes]  # by path in the directory or prefix, e.g. "masters/cluster-small.yaml"


class LastGoodProfiles:
    """The last valid set, and the problems of a later one that is not valid."""

    def __init__(self, where: str, region: str | None, copy: ProfilesCopy | None = None) -> None:
        self._where = where
        self._region = region
        self._copy = copy
        self._good: ProfileSet | None = None
        self._version: Hashable = None
        self._messages: tuple[str, ...] = (f"{FILE}: has not been read yet",)

    @property
    def in_force(self) -> bool:
        """Whether there is a valid set."""
        return self._good is not None

    def get(self) -> ProfileSet:
        """The set in force; raises ``ProfilesInvalid`` if there has never been a valid one."""
        if self._good is None:
            raise ProfilesInvalid(self._messages)
        return self._good

    def refresh(self, version: Hashable, read: Callable[[], Files]) -> None:
        """Put the set that ``read`` returns in force if it is valid.

        Does nothing if ``version`` was read last. ``read`` may raise ``ProfilesInvalid``; its other
        exceptions propagate.
        """
        if version == self._version:
            return
        try:
            files = read()
            self._good = self._parsed(files)
            if self._copy is not None:
                self._copy.save(files)
            log.info(
                "profiles are in force",
                extra={"action": "profiles.loaded", "where": self._where},
            )
            self._warn(self._good.warnings)
        except ProfilesInvalid as invalid:
            self._messages = invalid.messages
            self._good = self._good or self._from_copy()
            self._report()
        self._version = version

    def read_failed(self, error: Exception) -> None:
        """Log ``error`` and keep the set in force; raise ``error`` if there is none."""
        if self._good is None:
            raise error
        log.warning(
            "profiles can't be read; the last good ones stay in force",
            extra={"action": "profiles.unreachable", "where": self._where, "error": str(error)},
        )

    def _from_copy(self) -> ProfileSet | None:
        """The set of the copy, which an earlier process saved; None if there is none."""
        files = self._copy.load() if self._copy is not None else None
        try:
            return self._parsed(files) if files is not None else None
        except ProfilesInvalid:  # saved by another version of this program, or for another region
            return None

    def _parsed(self, files: Files) -> ProfileSet:
        if FILE not in files:
            raise ProfilesInvalid([f"{FILE}: there is none in {self._where}"])
        masters = {name.removeprefix(MASTERS): data for name, data in files.items() if name != FILE}
        return parse_profiles(files[FILE], masters, region=self._region)

    def _warn(self, warnings: tuple[str, ...]) -> None:
        if warnings:
            fields = {"where": self._where, "warnings": list(warnings[:_MOST_LOGGED])}
            log.warning(
                "profiles ask for something that can't be created",
                extra={"action": "profiles.warned", **fields},
            )

    def _report(self) -> None:
        fields = {
            "action": "profiles.invalid",
            "where": self._where,
            "problems": list(self._messages[:_MOST_LOGGED]),
            "problem_count": len(self._messages),
        }
        if self._good is None:
            log.error("profiles are not valid, and there are no earlier ones", extra=fields)
        else:
            log.error("profiles are not valid; the last good ones stay in force", extra=fields)


def copy_path(state: str) -> Path | None:
    """The file for the last valid set, beside the SQLite file of ``STATE``; None for Firestore."""
    backend, _, database = state.partition(":")
    return Path(f"{database}.profiles") if backend == "sqlite" else None


class ProfilesCopy:
    """A file with the last valid set, for processes that start later on the same machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, files: Files) -> None:
        """Write ``files`` atomically: a reader gets the former set or this one."""
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        text = {name: data.decode("latin-1") for name, data in files.items()}
        temporary.write_text(json.dumps(text), encoding="utf-8")
        temporary.replace(self._path)

    def load(self) -> Files | None:
        """The saved files; None if there are none."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return {name: content.encode("latin-1") for name, content in json.loads(text).items()}
