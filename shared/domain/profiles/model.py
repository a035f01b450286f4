"""The types of profiles.yaml, and the profiles made from it.

``ProfilesFile`` and ``ProfileEntry`` have the form in which people write them. Everything else
uses ``Profile``, which is valid: durations are in seconds, master templates are parsed. Must not
know YAML, nor the manifests that a profile leads to (``domain/manifests``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.profiles import fields
from shared.domain.suggest import suggestion


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network of a person's machines; short names are in the site's project and region."""

    network: fields.NetworkName = "default"
    subnet: fields.SubnetName = "default"
    public_ip: bool = False
    tags: tuple[fields.NetworkTag, ...] = ()


class Disk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One persistent disk."""

    size_gb: fields.DiskSize
    type: fields.DiskType = "PD_BALANCED"


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The image of the notebook's boot disk: the newest of a family, or one by name."""

    project: fields.ProjectId = "cloud-notebooks-managed"
    family: fields.ImageName | None = None
    name: fields.ImageName | None = None


class Workbench(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's notebook. ``zones`` are tried in order if one has no capacity.

    ``downloads``, ``terminal``, ``root`` and ``spark_kernels`` allow something if true. Most of
    Google's metadata keys for them have the opposite meaning (``disable``).
    """

    zones: tuple[fields.Zone, ...]
    machine_type: fields.MachineType
    boot_disk: Disk = Disk(size_gb=150)
    data_disk: Disk = Disk(size_gb=100)
    idle_minutes: fields.NotebookIdle = 180
    downloads: bool = True
    terminal: bool = True
    root: bool = False
    spark_kernels: bool = False
    secure_boot: bool = False
    upgrade_schedule: fields.CronSchedule | None = None
    metadata: dict[str, str] = {}
    image: Image = Image(family="workbench-instances")


class OlderDisk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One persistent disk of an older kind of notebook, which has fewer types of disks."""

    size_gb: fields.DiskSize
    type: fields.OlderDiskType = "PD_BALANCED"


class ManagedNotebook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A managed notebook, an older kind; Google picks a zone of the region ``location``."""

    location: fields.Region
    machine_type: fields.MachineType
    data_disk: OlderDisk = OlderDisk(size_gb=100)
    idle_minutes: fields.NotebookIdle = 180
    terminal: bool = True


class DataprocHub(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Dataproc Hub, an older kind: it creates clusters from the person's own templates.

    ``service_account``: the account that it runs as. There is no default, because Google's default
    is an account that may edit the whole project.
    """

    zone: fields.Zone
    machine_type: fields.MachineType
    service_account: fields.ServiceAccount
    boot_disk: OlderDisk = OlderDisk(size_gb=100)


class TemplateEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Spark template in profiles.yaml: its slot, its master, its idle time."""

    name: fields.Slot
    master: fields.MasterFile
    idle_minutes: fields.SparkIdle = 60


class SessionEntry(TemplateEntry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template for serverless sessions; a separate type, because its master has its own rules."""


class ClusterEntry(TemplateEntry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template for clusters; a separate type, because its master has its own rules."""


class ProfileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One profile in profiles.yaml.

    ``grace``: the grace period. ``keep_snapshot``: how long the snapshot of the data disk is kept
    that is taken before a notebook is removed; 0: none is taken.
    """

    grace: fields.Span
    keep_snapshot: fields.Span = 0
    labels: dict[str, str] = {}
    network: Network = Network()
    workbench: Workbench | None = None
    managed_notebook: ManagedNotebook | None = None
    dataproc_hub: DataprocHub | None = None
    session_templates: tuple[SessionEntry, ...] = ()
    cluster_templates: tuple[ClusterEntry, ...] = ()


class GroupMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Members of ``group`` get ``profile``."""

    group: fields.GroupAddress
    profile: fields.ProfileName


class ProfilesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of profiles.yaml."""

    version: Literal[1]
    default: fields.ProfileName
    profiles: dict[fields.ProfileName, ProfileEntry]
    groups: tuple[GroupMapping, ...] = ()


class SparkTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A Spark template with its parsed master; copy ``master`` before you change it."""

    slot: str
    master: dict[str, Any]
    idle_seconds: int


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of person gets."""

    name: str
    grace_seconds: int
    keep_seconds: int
    labels: dict[str, str]
    network: Network
    workbench: Workbench | None
    session_templates: tuple[SparkTemplate, ...]
    cluster_templates: tuple[SparkTemplate, ...]
    managed_notebook: ManagedNotebook | None = None
    dataproc_hub: DataprocHub | None = None


class ProfilesInvalid(Exception):
    """The profiles can't be used; ``messages`` has every error with its place."""

    def __init__(self, messages: Iterable[str]) -> None:
        self.messages = tuple(messages)
        super().__init__("; ".join(self.messages))


class ProfileSet:
    """All valid profiles of one profiles.yaml, and the rules for who gets which."""

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        default: str,
        groups: Sequence[tuple[str, str]],
        warnings: tuple[str, ...] = (),
    ) -> None:
        """``groups``: pairs of group and profile name; the first match wins.

        ``warnings``: messages, with places, about profiles that are valid but can't work.
        """
        self.warnings = warnings
        self._profiles = dict(profiles)
        self._default = self._profiles[default]
        self._groups = [(group.casefold(), self._profiles[name]) for group, name in groups]
        self._addresses = frozenset(group for group, _ in self._groups)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all profiles, in the order of the file."""
        return tuple(self._profiles)

    @property
    def default(self) -> Profile:
        """The profile used when neither the event nor a group names one."""
        return self._default

    def profile(self, name: str) -> Profile | None:
        """The profile called ``name``, or None if there is none, or no longer one."""
        return self._profiles.get(name)

    def resolve(self, requested: str | None, groups: Collection[str]) -> Profile:
        """The profile ``requested`` by name, else that of the first mapped group, else the default.

        Raises ``Rejected`` if there is no profile of that name: another one could give somebody
        the wrong access.
        """
        if requested is not None:
            found = self._profiles.get(requested)
            if found is None:
                raise Rejected(
                    RejectionCode.UNKNOWN_PROFILE,
                    f"profile: there is no profile {_shown(requested)}; "
                    f"{suggestion(requested, self.names)}",
                )
            return found
        member_of = {group.casefold() for group in groups}
        return next((p for group, p in self._groups if group in member_of), self._default)

    def is_group(self, address: str) -> bool:
        """Whether ``address`` is a mapped group, not a person."""
        return address.casefold() in self._addresses


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
