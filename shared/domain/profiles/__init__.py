"""Profiles: what each kind of person gets. A set of them is valid as a whole or not in force."""

from shared.domain.profiles.model import (
    DataprocHub,
    Disk,
    Image,
    ManagedNotebook,
    Network,
    OlderDisk,
    Profile,
    ProfileSet,
    ProfilesInvalid,
    SparkTemplate,
    Workbench,
)

__all__ = [
    "DataprocHub",
    "Disk",
    "Image",
    "ManagedNotebook",
    "Network",
    "OlderDisk",
    "Profile",
    "ProfileSet",
    "ProfilesInvalid",
    "SparkTemplate",
    "Workbench",
]
