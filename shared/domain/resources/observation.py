"""What the cloud reports about a resource, independent of any API."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.domain.faults import Problem
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.manifest import Drift

MOST_ITEMS = 100  # a record is one document, so thousands of sessions are ended in batches


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One session or cluster that a person started: its full name, and Google's name of its state.

    ``uuid``: of a cluster; a later cluster of the same name has another one.
    """

    name: str
    state: str
    operation: str = ""
    uuid: str = ""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud reported about one resource.

    ``operation``: the long-running operation in progress, or ''. ``finished``: the operation of the
    step in progress was found, and has succeeded. ``problem``: why it failed, or why the resource
    could not be observed (then ``state`` is None).
    ``link``: opens the notebook in a browser. ``detail``: what is unusual, in words.
    ``drift``: how it differs from its manifest; None if it was not compared.
    ``protected``: deletion protection is on. ``items``: the person's sessions or clusters, running
    ones first, at most ``MOST_ITEMS``; ``more``: how many others there are.
    ``labelled``: it has our labels for its owner; False for this person's notebook under our name
    that lost them. ``size_gb``: the disk size that a snapshot needs; 0: not known.
    ``fingerprint``: another one after somebody changed its settings or content; '': not known.
    """

    state: State | None
    operation: str = ""
    finished: bool = False
    problem: Problem | None = None
    link: str = ""
    detail: str = ""
    drift: Drift | None = None
    protected: bool = False
    items: tuple[Item, ...] = ()
    more: int = 0
    labelled: bool = True
    size_gb: int = 0
    fingerprint: str = ""


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of a person that a search found, by its full name.

    ``ours``: it has our labels for this person, and its driver may delete it. ``named``: it has the
    name that we give to this person's, and nothing shows that it is somebody else's.
    ``detail``: more about it, in words. ``key`` and ``owner``: the key and address by which it was
    found; the key is '' for the record's own. ``labelled_for``: our labels on it name the key of
    another person, although its only owner is this person; '' otherwise.
    ``created_at``: when the cloud created it; None if not known.
    """

    kind: Kind
    name: str
    ours: bool
    detail: str = ""
    named: bool = False
    key: str = ""
    owner: str = ""
    labelled_for: str = ""
    created_at: datetime | None = None
