"""The set of profiles in force: the last valid one.

Must not know where profiles come from, nor what makes them valid.
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

_MOST_LOGGED = 200

Files = dict[str, bytes]  # by path below the directory or prefix: "masters/cluster-small.yaml"


class LastGood:
    """The last set that was valid, and what was wrong with the last one that wasn't."""

    def __init__(self, where: str, region: str | None, kept: Kept | None = None) -> None:
        self._where = where
        self._region = region
        self._kept = kept
        self._good: ProfileSet | None = None
        self._seen: Hashable = None
        self._messages: tuple[str, ...] = (f"{FILE}: has not been read yet",)

    @property
    def is_good(self) -> bool:
        """Whether there is a set in force."""
        return self._good is not None

    def get(self) -> ProfileSet:
        """The set in force; raises ``ProfilesInvalid`` when there has never been one."""
        if self._good is None:
            raise ProfilesInvalid(self._messages)
        return self._good

    def offer(self, version: Hashable, read: Callable[[], Files]) -> None:
        """Take over what ``read`` returns, unless ``version`` was looked at already."""
        if version == self._seen:
            return
        try:
            files = read()
            self._good = self._parsed(files)
            if self._kept is not None:
                self._kept.save(files)
            log.info(
                "profiles are in force",
                extra={"action": "profiles.loaded", "where": self._where},
            )
            self._warn(self._good.warnings)
        except ProfilesInvalid as invalid:
            self._messages = invalid.messages
            self._good = self._good or self._earlier()
            self._report()
        self._seen = version

    def keep_after(self, error: Exception) -> None:
        """Stay with the good set after ``error``; raise it on when there is none."""
        if self._good is None:
            raise error
        log.warning(
            "profiles can't be read; the last good ones stay in force",
            extra={"action": "profiles.unreachable", "where": self._where, "error": str(error)},
        )

    def _earlier(self) -> ProfileSet | None:
        """The set that was in force in another process, if it is kept."""
        files = self._kept.load() if self._kept is not None else None
        try:
            return self._parsed(files) if files is not None else None
        except ProfilesInvalid:  # kept by another version of ours, or for another region
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
                "profiles ask for what won't be made",
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


def kept_beside(state: str) -> Path | None:
    """Where a laptop keeps its last good set, by the setting ``STATE``; None for Firestore."""
    backend, _, database = state.partition(":")
    return Path(f"{database}.profiles") if backend == "sqlite" else None


class Kept:
    """A file with the last good set of a laptop; all processes write the same content."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, files: Files) -> None:
        """Keep ``files``; a reader sees the former set or this one, whole."""
        whole = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        text = {name: data.decode("latin-1") for name, data in files.items()}
        whole.write_text(json.dumps(text), encoding="utf-8")
        whole.replace(self._path)

    def load(self) -> Files | None:
        """The files kept, or None if there have never been any."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return {name: content.encode("latin-1") for name, content in json.loads(text).items()}
