"""The life of a Notebooks v2 instance: what its JSON says in each state.

Pure functions over one instance's JSON and a moment. They must not know operations' timing, storage
or HTTP.
"""

import re
import uuid
from datetime import datetime
from typing import Any

from local.clock import timestamp
from local.notebooks_v2.rules import with_defaults

Json = dict[str, Any]

# Who the local cloud says is calling; nobody signs in here.
CREATOR = "caller@example.com"
_TYPE = "type.googleapis.com/google.cloud.notebooks.v2."


def born(name: str, body: Json, now: datetime) -> Json:
    """A new instance, not yet running."""
    instance = with_defaults(body) | {
        "name": name,
        "id": str(uuid.uuid4()),
        "creator": CREATOR,
        "createTime": timestamp(now),
    }
    enter(instance, "PROVISIONING", now)
    return instance


def enter(instance: Json, state: str, now: datetime) -> None:
    """Be in `state` from now; the proxy is there only while the instance runs."""
    instance["state"] = state
    instance["updateTime"] = timestamp(now)
    instance.pop("proxyUri", None)
    instance.pop("healthState", None)


def run(instance: Json, now: datetime) -> None:
    """Be ACTIVE, healthy and reachable."""
    enter(instance, "ACTIVE", now)
    instance["healthState"] = "HEALTHY"
    instance["gceSetup"].setdefault("instanceId", str(uuid.uuid4().int % 10**19))
    if not instance.get("disableProxyAccess"):
        instance["proxyUri"] = _proxy_uri(instance)


def response(instance: Json) -> Json:
    """The instance as an operation's response carries it."""
    return {"@type": _TYPE + "Instance", **instance}


def _proxy_uri(instance: Json) -> str:
    region = re.sub(r"-[a-z]$", "", instance["name"].split("/")[3])
    return f"{instance['id'].replace('-', '')[:16]}-dot-{region}.notebooks.googleusercontent.com"
