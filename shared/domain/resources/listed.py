"""One resource of ours as a listing of the cloud shows it, without the record."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.domain.resources.kinds import Kind, State


class Listed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A resource that has our labels, or the name that we would give it. There are many of these.

    ``name``: the full name, as in records. ``key``: of the person whom our label names, else our
    name for it. ``labelled``: it has our labels for that key. ``owner``: the address of a
    notebook's only owner, or of the user of a session or cluster, in lower case; '' if the API
    shows none. ``state``: as its driver reads it; a notebook that starts again may be CREATING, and
    BROKEN stands for a state that we don't know, too. ``fingerprint``: as in an ``Observation``.
    ``created_at``: of a file in Cloud Storage, when it was last written; None if not known.
    ``detail``: what is unusual about its state, in words.
    """

    kind: Kind
    name: str
    key: str
    labelled: bool
    state: State
    created_at: datetime | None
    owner: str = ""
    fingerprint: str = ""
    detail: str = ""
