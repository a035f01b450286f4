"""Chooses the source of the profiles by the form of its location.

It must not know what is in a set of profiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.adapters.profiles.bucket import BucketProfiles
from shared.adapters.profiles.bundle import BundleProfiles
from shared.adapters.profiles.directory import DirectoryProfiles
from shared.adapters.profiles.last_good import copy_path
from shared.ports import Clock, ProfileSource

if TYPE_CHECKING:
    from google.cloud.storage import Client


def profiles_at(
    location: str, *, region: str, state: str, storage: Callable[[], Client], clock: Clock
) -> ProfileSource:
    """The profiles at ``location``: ``file:DIRECTORY``, a bundle or a prefix of a bucket.

    ``state``: the setting ``STATE``, beside which a directory's last valid set is copied.
    """
    if location.startswith("file:"):
        directory = location.removeprefix("file:")
        return DirectoryProfiles(directory, region=region, copy=copy_path(state))
    bucket, _, name = location.removeprefix("gs://").partition("/")
    source = BundleProfiles if name.endswith(".json") else BucketProfiles
    return source(storage(), bucket, name, clock, region=region)
