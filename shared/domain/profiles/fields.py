"""The types of single values in profiles.yaml, with their forms and limits.

Each type with a form has a ``description`` for error messages: the author of the file reads
"expected a zone such as us-central1-a" instead of a regular expression. The limits are those of
Google's discovery documents.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from shared.domain.names import SLOT_PATTERN

_NAME = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
_PROJECT = r"projects/[a-z0-9.:-]+"

ProfileName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$",
        description="a name of lower-case letters, digits and hyphens, at most 40",
    ),
]
Slot = Annotated[
    str,
    Meta(
        pattern=SLOT_PATTERN,
        description="a name of lower-case letters, digits and hyphens, at most 20",
    ),
]
GroupAddress = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=254,
        description="a group as the identity system names it, such as analysts@example.com",
    ),
]
Span = Annotated[
    str | int, Meta(description="hours or days such as 12h or 14d (at most 3650d), or 0")
]
# Google's limits of idle time: a notebook 10 minutes to a day, a session or cluster up to 14 days.
NotebookIdle = Annotated[int, Meta(ge=10, le=1440, description="whole minutes from 10 to 1440")]
SparkIdle = Annotated[int, Meta(ge=10, le=20160, description="whole minutes from 10 to 20160")]
Zone = Annotated[
    str, Meta(pattern=r"^[a-z]+-[a-z]+[0-9]+-[a-z]$", description="a zone such as us-central1-a")
]
Region = Annotated[
    str, Meta(pattern=r"^[a-z]+-[a-z]+[0-9]+$", description="a region such as us-central1")
]
MachineType = str  # its form is checked in machine_types.py
NetworkName = Annotated[
    str,
    Meta(
        pattern=rf"^({_NAME}|{_PROJECT}/global/networks/{_NAME})$",
        description="a network's short name, or projects/PROJECT/global/networks/NAME",
    ),
]
SubnetName = Annotated[
    str,
    Meta(
        pattern=rf"^({_NAME}|{_PROJECT}/regions/[a-z0-9-]+/subnetworks/{_NAME})$",
        description="a subnet's short name, or projects/PROJECT/regions/REGION/subnetworks/NAME",
    ),
]
NetworkTag = Annotated[
    str,
    Meta(
        pattern=rf"^{_NAME}$",
        description="a network tag of lower-case letters, digits and hyphens",
    ),
]
DiskSize = Annotated[int, Meta(ge=10, le=64000, description="whole gigabytes from 10 to 64000")]
DiskType = Literal[
    "PD_STANDARD",
    "PD_BALANCED",
    "PD_SSD",
    "PD_EXTREME",
    "HYPERDISK_BALANCED",
    "HYPERDISK_EXTREME",
    "HYPERDISK_THROUGHPUT",
    "HYPERDISK_BALANCED_HIGH_AVAILABILITY",
    "HYPERDISK_ML",
]
OlderDiskType = Literal["PD_STANDARD", "PD_BALANCED", "PD_SSD", "PD_EXTREME"]  # of Notebooks v1
ServiceAccount = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9-]{1,63}@[a-z0-9.:-]{1,190}$",
        description="a service account's e-mail address",
    ),
]
ProjectId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9.:-]{3,63}$", description="a project id such as cloud-notebooks-managed"
    ),
]
ImageName = Annotated[
    str, Meta(pattern=rf"^{_NAME}$", description="the name of an image or of a family of images")
]
CronSchedule = Annotated[
    str,
    Meta(
        pattern=r"^[0-9*,/-]+ [0-9*,/-]+ [0-9*,/-]+ [0-9A-Za-z*,/-]+ [0-9A-Za-z*,/-]+$",
        description="a weekly or monthly time in cron form, such as '00 19 * * MON'",
    ),
]
MasterFile = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,80}\.yaml$",
        description="the name of a file in masters/, such as session-standard.yaml",
    ),
]
