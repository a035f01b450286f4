"""Profiles: what each kind of person gets. A set of them is valid as a whole or not in force."""

from shared.domain.profiles.model import (
    Disk,
    Image,
    Network,
    Profile,
    ProfileSet,
    ProfilesInvalid,
    SparkTemplate,
    Workbench,
)
from shared.domain.profiles.parse import parse_profiles

__all__ = [
    "Disk",
    "Image",
    "Network",
    "Profile",
    "ProfileSet",
    "ProfilesInvalid",
    "SparkTemplate",
    "Workbench",
    "parse_profiles",
]
