"""The states of a Notebooks v2 instance, and its JSON in each.

Pure functions of an instance's JSON and a time. It must not know operations, storage or HTTP.
"""

import re
import uuid
from datetime import datetime
from typing import Any

from local.clock import timestamp
from local.iam.callers import USER_EMAIL
from local.notebooks_v2.rules import with_defaults

Json = dict[str, Any]

_TYPE = "type.googleapis.com/google.cloud.notebooks.v2."


def new_instance(name: str, body: Json, now: datetime) -> Json:
    """A new instance in state PROVISIONING."""
    instance = with_defaults(body) | {
        "name": name,
        "id": str(uuid.uuid4()),
        "creator": USER_EMAIL,
        "createTime": timestamp(now),
    }
    enter(instance, "PROVISIONING", now)
    return instance


def enter(instance: Json, state: str, now: datetime) -> None:
    """Set `state`, without the proxy address and health that only a running instance has."""
    instance["state"] = state
    instance["updateTime"] = timestamp(now)
    instance.pop("proxyUri", None)
    instance.pop("healthState", None)


def run(instance: Json, now: datetime) -> None:
    """Set the state ACTIVE, with health and proxy address."""
    enter(instance, "ACTIVE", now)
    instance["healthState"] = "HEALTHY"
    instance["gceSetup"].setdefault("instanceId", str(uuid.uuid4().int % 10**19))
    if not instance.get("disableProxyAccess"):
        instance["proxyUri"] = _proxy_uri(instance)


def response(instance: Json) -> Json:
    """The instance as the response of an operation."""
    return {"@type": _TYPE + "Instance", **instance}


def _proxy_uri(instance: Json) -> str:
    region = re.sub(r"-[a-z]$", "", instance["name"].split("/")[3])
    return f"{instance['id'].replace('-', '')[:16]}-dot-{region}.notebooks.googleusercontent.com"
