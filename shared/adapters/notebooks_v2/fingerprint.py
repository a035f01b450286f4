"""The fingerprint of a Workbench instance: of what people can change in it, and we set or rely on.

Source of the fields: ``Instance`` in the discovery document of Notebooks v2; a test compares
``FIELDS`` with it. A field that Google adds is left out until somebody decides about it here, since
one that changes by itself would make every notebook look changed by hand.
"""

from __future__ import annotations

from typing import Any

from shared.adapters.google_api.fingerprints import fingerprint_of
from shared.domain.profiles.metadata import is_reserved

Json = dict[str, Any]

_DISK: Json = dict.fromkeys(("diskEncryption", "diskSizeGb", "diskType", "kmsKey"))

# What is taken: a whole field (None), or parts of it. Left out are all output-only fields, and
# - vmImage, containerImage: an upgrade replaces them, and drift ignores them, too
# - accessConfigs, internalIp of a network interface: Google's choice, other ones after a start
FIELDS: Json = {
    "disableProxyAccess": None,
    "enableDeletionProtection": None,
    "enableManagedEuc": None,
    "enableThirdPartyIdentity": None,
    "instanceOwners": None,
    "labels": None,
    "gceSetup": {
        "acceleratorConfigs": None,
        "bootDisk": _DISK,
        "confidentialInstanceConfig": None,
        "dataDisks": _DISK | {"resourcePolicies": None},
        "disablePublicIp": None,
        "enableIpForwarding": None,
        "gpuDriverConfig": None,
        "machineType": None,
        "metadata": None,  # without Google's own keys
        "minCpuPlatform": None,
        "networkInterfaces": dict.fromkeys(("network", "nicType", "subnet")),
        "reservationAffinity": None,
        "serviceAccounts": {"email": None},
        "shieldedInstanceConfig": None,
        "tags": None,
    },
}


def instance_fingerprint(instance: Json) -> str:
    """The fingerprint of an instance as the API shows it, in whichever answer."""
    content = _picked(instance, FIELDS)
    setup: Json = content.setdefault("gceSetup", {})
    # An upgrade sets some of them, such as ``version``.
    metadata = setup.get("metadata", {}).items()
    setup["metadata"] = {key: value for key, value in metadata if not is_reserved(key)}
    setup["tags"] = sorted(setup.get("tags", []))  # a set
    return fingerprint_of(content)


def _picked(value: Json, fields: Json) -> Json:
    """The ``fields`` of ``value`` that are not empty: Google's JSON leaves defaults out."""
    return {
        name: found if parts is None else _parts(found, parts)
        for name, parts in fields.items()
        if (found := value.get(name))
    }


def _parts(value: Any, fields: Json) -> Any:
    if isinstance(value, list):
        return [_picked(one, fields) for one in value]
    return _picked(value, fields)
