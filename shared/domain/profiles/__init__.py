"""Reads and checks profiles.yaml and its master templates; all are valid, or none is used."""

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
