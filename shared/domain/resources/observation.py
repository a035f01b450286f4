"""What the cloud answers when it is asked about a resource."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.domain.faults import Problem
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.manifest import Drift

MOST_ITEMS = 100  # a record is one document: thousands of sessions are ended in batches


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One session or cluster among those a person started: full name, state in Google's word.

    ``uuid``: of a cluster, to be told from a later one of the same name.
    """

    name: str
    state: str
    operation: str = ""
    uuid: str = ""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud answered when asked about one resource.

    ``operation``: the long-running operation still at work, or ''. ``finished``: the operation of
    the step under way was found, and has ended well. ``problem``: why it came to nothing, or why
    we could not look (then ``state`` is None).
    ``link`` opens the notebook in a browser. ``detail`` says in words what is odd about what is
    there. ``drift``: how it differs from what is wanted; None where that was not compared.
    ``protected``: against deletion. ``items``: for all of a person's sessions or clusters, each, at
    most ``MOST_ITEMS``, those that run first; ``more``: how many there are besides.
    ``labelled``: it carries our labels for its owner; False for a notebook of our name and of this
    person that lost them. ``size_gb``: of a snapshot, how large a disk it needs; 0: not known.
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


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of a person that the search found, by its full name.

    ``ours``: it carries our labels for this person, and its driver may remove it. ``named``: it
    bears the name that we give to this person's, and nothing says that it is somebody else's.
    ``detail``: what else is to be known of it, in words. ``key`` and ``owner``: by which key and
    address it was found, the key '' for that of the record. ``labelled_for``: the key of somebody
    else that our labels name, though it belongs to this person's address alone; '' otherwise.
    ``created_at``: when the cloud created it; None where that isn't known.
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
