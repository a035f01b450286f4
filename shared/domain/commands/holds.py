"""Legal holds: as long as one is in force, nothing of the person is deleted. Pure.

Each hold has an id, so that two cases can hold one person and be released separately. Which holds
are in force depends on when the commands were given, not on their order of arrival: releases are
kept, so that a hold that was given before one of them, but arrives later, has no effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

ALL = "all"  # in a release: lift every hold

_MOST_RELEASES = 32  # keeps the record small; older ones are dropped


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One hold in force.

    ``id``: from the command (a case number), else the id of its event. ``at``: when it came into
    force. ``given_at``: when the newest command for it was given; None: at ``at``.
    """

    at: datetime
    reason: str
    by: str = ""
    id: str = ""
    given_at: datetime | None = None


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release that was carried out; kept for holds that were given before it and arrive later.

    ``hold``: the id of a hold, ``ALL``, or '' if it named none and none was in force.
    """

    hold: str
    given_at: datetime

    def lifts(self, hold: Hold) -> bool:
        """Whether it ends ``hold``. If both have the same time, the hold wins."""
        return self.concerns(hold) and self.given_at > (hold.given_at or hold.at)

    def concerns(self, hold: Hold) -> bool:
        """Whether it is for ``hold``, even if the hold is newer."""
        return self.hold in ("", ALL, hold.id)


def with_release(releases: Sequence[Release], release: Release) -> tuple[Release, ...]:
    """``releases`` with ``release``; of several for the same hold only the newest is kept."""
    same = [r for r in (*releases, release) if r.hold == release.hold]
    others = [r for r in releases if r.hold != release.hold]
    return (*others, max(same, key=lambda r: r.given_at))[-_MOST_RELEASES:]


def release_of(releases: Sequence[Release], hold: Hold) -> Release | None:
    """The earlier release that ends ``hold``, or None; one that names a hold comes first."""
    lifting = [r for r in releases if r.lifts(hold)]
    return max(lifting, key=lambda r: bool(r.hold), default=None)


def used_up(releases: tuple[Release, ...], release: Release, hold: Hold) -> tuple[Release, ...]:
    """``releases`` after ``release`` ended ``hold``; if it named no hold, it now names this one."""
    if release.hold:
        return releases
    others = [r for r in releases if r is not release]
    return with_release(others, replace(release, hold=hold.id))


def united(mine: Sequence[Hold], theirs: Sequence[Hold]) -> tuple[Hold, ...]:
    """The holds of two records of one person; of an id that both have, only ``mine``."""
    known = {hold.id for hold in mine}
    return (*mine, *(hold for hold in theirs if hold.id not in known))


def described(holds: Sequence[Hold]) -> str:
    """``holds`` in a text for people: ``CASE-7 (a lawsuit), CASE-9 (an audit)``."""
    return ", ".join(f"{hold.id or 'without an id'} ({hold.reason})" for hold in holds)
