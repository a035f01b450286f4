"""Profiles from a directory: ``profiles.yaml`` and ``masters/*.yaml``.

``domain/profiles`` decides what is valid.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from pathlib import Path

from shared.adapters.profiles.last_good import Files, LastGoodProfiles, ProfilesCopy
from shared.domain.profiles import ProfileSet
from shared.domain.profiles.parse import FILE, MASTERS
from shared.domain.profiles.strict_yaml import MAX_BYTES


class DirectoryProfiles:
    """The profiles of a directory, read again when the time or size of a file has changed."""

    def __init__(
        self, directory: str | Path, *, region: str | None = None, copy: Path | None = None
    ) -> None:
        """With ``region``, zones and subnets outside it make a set invalid.

        ``copy``: a file for the last valid set, which a process uses that starts while the
        directory's set is not valid.
        """
        self._directory = Path(directory)
        saved = ProfilesCopy(copy) if copy else None
        self._profiles = LastGoodProfiles(str(directory), region, saved)
        self._lock = threading.Lock()

    def current(self) -> ProfileSet:
        """See ``ports.ProfileSource``."""
        with self._lock:
            try:
                paths = _paths(self._directory)
                self._profiles.refresh(_times(paths), lambda: _read_files(paths))
            except OSError as error:  # for example, a file was deleted meanwhile
                self._profiles.read_failed(error)
            return self._profiles.get()


def read_directory(directory: Path) -> Files:
    """The files that ``DirectoryProfiles`` reads from ``directory``; raises ``OSError``."""
    return _read_files(_paths(directory))


def _paths(directory: Path) -> dict[str, Path]:
    masters = {MASTERS + path.name: path for path in sorted(directory.glob(f"{MASTERS}*.yaml"))}
    profiles = directory / FILE
    return {FILE: profiles, **masters} if profiles.is_file() else masters


def _times(paths: dict[str, Path]) -> Hashable:
    stats = {name: path.stat() for name, path in sorted(paths.items())}
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats.items())


def _read_files(paths: dict[str, Path]) -> Files:
    files = {}
    for name, path in paths.items():
        with path.open("rb") as file:
            files[name] = file.read(MAX_BYTES + 1)  # one more byte shows that it is too large
    return files
