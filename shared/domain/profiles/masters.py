"""Checks Spark master templates: which fields they may set, and the forms of some values.

A master is a Dataproc session template or cluster without the fields that depend on the person,
the profile or the site: those are set when a person's template is made. A master that sets one of
them is rejected, because its value would be replaced without notice. Must not know which other
fields Google's API has; ``make check`` checks those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from shared.domain.profiles import machine_types
from shared.domain.profiles.located import Problems, shown
from shared.domain.profiles.strict_yaml import Unreadable

_EXECUTION = "environmentConfig.executionConfig."
_OUTPUT = "is set by Dataproc, not by a template"
_CREDENTIALS = "is set by us: a person's Spark runs on their own credentials"
_NETWORK = "use the profile's network instead"
_IDLE = "use idle_minutes in the profile instead"
_LABELS = "use the profile's labels instead"
_NAMED = "is made from the person's key; leave it out"

SESSION_OWNED = {
    "name": _NAMED,
    "labels": _LABELS,
    _EXECUTION + "serviceAccount": _CREDENTIALS,
    _EXECUTION + "authenticationConfig": _CREDENTIALS,
    _EXECUTION + "networkUri": _NETWORK,
    _EXECUTION + "subnetworkUri": _NETWORK,
    _EXECUTION + "networkTags": _NETWORK,
    _EXECUTION + "idleTtl": _IDLE,
    **dict.fromkeys(("createTime", "updateTime", "creator", "uuid"), _OUTPUT),
}
_GCE = "config.gceClusterConfig."
_CANT_STOP = "a cluster with personal authentication can't be stopped; it is deleted when idle"
CLUSTER_OWNED = {
    "projectId": "is given when the cluster is created; leave it out",
    "clusterName": "is given when the cluster is created; leave it out",
    "labels": _LABELS,
    "virtualClusterConfig": "personal authentication needs a cluster on Compute Engine",
    "config.endpointConfig": "is set by us: Jupyter is reached through the component gateway",
    "config.lifecycleConfig.idleDeleteTtl": _IDLE,
    "config.lifecycleConfig.idleStopTtl": _CANT_STOP,
    "config.lifecycleConfig.autoStopTtl": _CANT_STOP,
    "config.lifecycleConfig.autoStopTime": _CANT_STOP,
    "config.lifecycleConfig.autoDeleteTime": "is a point in time; use autoDeleteTtl",
    "config.securityConfig.identityConfig": _CREDENTIALS,
    _GCE + "zoneUri": "is chosen by Dataproc, in the region of the cluster; leave it out",
    _GCE + "networkUri": _NETWORK,
    _GCE + "subnetworkUri": _NETWORK,
    _GCE + "internalIpOnly": _NETWORK,
    _GCE + "tags": _NETWORK,
    **dict.fromkeys(("status", "statusHistory", "clusterUuid", "metrics"), _OUTPUT),
}
# Parts in which we set or check fields; each that is present must be a map.
SESSION_MAPS = (
    "environmentConfig",
    "environmentConfig.executionConfig",
    "runtimeConfig",
    "runtimeConfig.properties",
)
CLUSTER_MAPS = (
    "config",
    "config.gceClusterConfig",
    "config.gceClusterConfig.metadata",
    "config.lifecycleConfig",
    "config.securityConfig",
    "config.softwareConfig",
    "config.softwareConfig.properties",
)
_PERSONAL_AUTH = "dataproc:dataproc.personal-auth."
# The zone or region in a resource's name: Dataproc requires the region of the cluster or session.
_PLACES = re.compile(r"(?:^|/)projects/[^/]+/(zones|regions)/([a-z0-9-]+)(?:/|$)")
_IMAGE = re.compile(r"(?P<major>\d+)\.\d+(\.\d+)?(-[a-z]+\d*)?")


def readable_part(value: Any) -> Any:
    """``value`` without the parts that the reader rejected; ``UNREADABLE`` if that is all of it."""
    if isinstance(value, dict):
        parts = ((key, readable_part(item)) for key, item in value.items())
        return {key: item for key, item in parts if not isinstance(item, Unreadable)}
    if isinstance(value, list):
        return [item for item in map(readable_part, value) if not isinstance(item, Unreadable)]
    return value


def check_session_master(master: Any, path: str, region: str | None, problems: Problems) -> None:
    """Add what is wrong with a session template's master to ``problems``."""
    if _is_a_map(master, SESSION_MAPS, path, problems):
        _refuse_owned(master, SESSION_OWNED, path, problems)
        _check_texts(master, "runtimeConfig.properties", path, problems)
        _check_texts_everywhere(master, path, region, problems)


def check_cluster_master(master: Any, path: str, region: str | None, problems: Problems) -> None:
    """Add what is wrong with a cluster's master to ``problems``."""
    if not _is_a_map(master, CLUSTER_MAPS, path, problems):
        return
    _refuse_owned(master, CLUSTER_OWNED, path, problems)
    _check_texts(master, "config.softwareConfig.properties", path, problems)
    _check_texts(master, "config.gceClusterConfig.metadata", path, problems)
    _check_software(_map_at(master, "config.softwareConfig"), path, problems)
    _check_texts_everywhere(master, path, region, problems)


def _check_texts_everywhere(master: Any, path: str, region: str | None, problems: Problems) -> None:
    for field, text in _texts(master, ""):
        last = re.split(r"[.\[]", re.sub(r"\[\d+\]$", "", field))[-1]
        if last in ("machineTypeUri", "machineTypes"):
            reason = machine_types.objection(text.rpartition("/")[2])
            if reason is not None:
                problems.add(f"{path}: {field}", reason)
        for kind, name in _PLACES.findall(text):
            found = name.rpartition("-")[0] if kind == "zones" else name
            if region is not None and found != region:
                problems.add(f"{path}: {field}", f"names {name}, but this site is in {region}")


def _texts(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """Every text in ``value``, with the path of its field."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{field}.{key}" if field else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{field}[{index}]")


def _check_software(software: Mapping[str, Any], path: str, problems: Problems) -> None:
    place = f"{path}: config.softwareConfig"
    for key in _map_at(software, "properties"):
        if key.startswith(_PERSONAL_AUTH):
            problems.add(f"{place}.properties[{key!r}]", _CREDENTIALS)
    components = software.get("optionalComponents", [])
    if not isinstance(components, list):
        problems.add(f"{place}.optionalComponents", f"expected a list, got {shown(components)}")
    elif "ANACONDA" in components:
        message = "ANACONDA ended with image 1.5; newer images include Miniconda"
        problems.add(f"{place}.optionalComponents", message)
    version = software.get("imageVersion", "2.2")
    found = _IMAGE.fullmatch(version) if isinstance(version, str) else None
    if found is None:
        message = f"expected a version such as '2.2-debian12' in quotes, got {shown(version)}"
        problems.add(f"{place}.imageVersion", message)
    elif int(found["major"]) < 2:
        message = f"image {version} can no longer be used; use 2.2-debian12 or newer"
        problems.add(f"{place}.imageVersion", message)


def _is_a_map(
    master: Any, fields: tuple[str, ...], path: str, problems: Problems
) -> TypeGuard[dict[str, Any]]:
    """Whether ``master`` is a map; also adds each of ``fields`` that is present but not a map."""
    if not isinstance(master, dict):
        problems.add(path, f"expected a map of keys and values, got {shown(master)}")
        return False
    for field in fields:
        if _has(master, field) and not isinstance(_at(master, field), dict):
            what = f"expected a map of keys and values, got {shown(_at(master, field))}"
            problems.add(f"{path}: {field}", what)
    return True


def _refuse_owned(
    master: Mapping[str, Any], owned: Mapping[str, str], path: str, problems: Problems
) -> None:
    for field, reason in owned.items():
        if _has(master, field):
            problems.add(f"{path}: {field}", reason)


def _check_texts(master: Mapping[str, Any], field: str, path: str, problems: Problems) -> None:
    # Google requires text; without this check an unquoted 4 or true would fail at the first join.
    for key, value in _map_at(master, field).items():
        if not isinstance(value, str):
            message = f"expected text, got {shown(value)}; put it in quotes"
            problems.add(f"{path}: {field}[{key!r}]", message)


def _has(master: Any, field: str) -> bool:
    parent, _, last = field.rpartition(".")
    node = _at(master, parent) if parent else master
    return isinstance(node, dict) and last in node


def _at(master: Any, field: str) -> Any:
    for key in field.split("."):
        master = master.get(key) if isinstance(master, dict) else None
    return master


def _map_at(master: Any, field: str) -> dict[str, Any]:
    value = _at(master, field)
    return value if isinstance(value, dict) else {}
