"""Legal holds: as long as one is in force, nothing of the person's is deleted. Pure.

Each hold has an id, so that two cases can hold one person and be released apart. Which holds are in
force depends on when the commands were given, not on the order in which they arrived: releases are
remembered, so that a hold given before one of them and delivered after it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

ALL = "all"  # what a release says to lift every hold

_MOST_RELEASES = 32  # older ones are forgotten; a record must not grow for ever


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One hold in force.

    ``id``: as the command named it (a case number), else the id of its event. ``at``: since when it
    is in force here. ``given_at``: when the newest command for it was given; None: at ``at``.
    """

    at: datetime
    reason: str
    by: str = ""
    id: str = ""
    given_at: datetime | None = None


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release that was carried out, kept for holds that were given before it and come later.

    ``hold``: the id of a hold, ``ALL``, or '' if it named none and none was in force.
    """

    hold: str
    given_at: datetime

    def lifts(self, hold: Hold) -> bool:
        """Whether it ends ``hold``. At the same moment the hold wins."""
        return self.concerns(hold) and self.given_at > (hold.given_at or hold.at)

    def concerns(self, hold: Hold) -> bool:
        """Whether it is about ``hold``, whichever of the two is newer."""
        return self.hold in ("", ALL, hold.id)


def with_release(releases: Sequence[Release], release: Release) -> tuple[Release, ...]:
    """``releases`` with ``release``; of those with the same name only the newest is kept."""
    same = [r for r in (*releases, release) if r.hold == release.hold]
    others = [r for r in releases if r.hold != release.hold]
    return (*others, max(same, key=lambda r: r.given_at))[-_MOST_RELEASES:]


def release_of(releases: Sequence[Release], hold: Hold) -> Release | None:
    """The release that ended ``hold`` before it arrived, if there is one; a named one first."""
    lifting = [r for r in releases if r.lifts(hold)]
    return max(lifting, key=lambda r: bool(r.hold), default=None)


def used_up(releases: tuple[Release, ...], release: Release, hold: Hold) -> tuple[Release, ...]:
    """``releases`` after one of them ended ``hold``; one that named no hold now names this one."""
    if release.hold:
        return releases
    others = [r for r in releases if r is not release]
    return with_release(others, replace(release, hold=hold.id))


def united(mine: Sequence[Hold], theirs: Sequence[Hold]) -> tuple[Hold, ...]:
    """The holds of two records of one person, each id once."""
    known = {hold.id for hold in mine}
    return (*mine, *(hold for hold in theirs if hold.id not in known))


def described(holds: Sequence[Hold]) -> str:
    """``holds`` as people should read them: ``CASE-7 (a lawsuit), CASE-9 (an audit)``."""
    return ", ".join(f"{hold.id or 'without an id'} ({hold.reason})" for hold in holds)
