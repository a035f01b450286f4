"""Rules of the Dataproc v1 API beyond its schema, for templates, sessions and clusters.

Pure functions from bodies to complaints. It must not know states, storage or HTTP.
"""

import re
from typing import Any

from local.api.labels import label_violations

Json = dict[str, Any]

LABEL_LIMIT = 32  # in the descriptions of both kinds
_CLUSTER_NAME = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?")
_TEMPLATE_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# By its description in the API reference: 4 to 63 characters of /[a-z][0-9]-/.
_SESSION_ID = re.compile(r"[a-z0-9-]{4,63}")
_PERSONAL_AUTH = "dataproc:dataproc.personal-auth.user"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{0,40}")


def template_violations(body: Json, name: str) -> list[str]:
    """Complaints about a session template that fits the schema.

    `name`: the full name, or for a create the collection.
    """
    found = label_violations(body.get("labels", {}), "labels", LABEL_LIMIT)
    collection, _, template_id = body["name"].rpartition("/")
    if body["name"] != name and collection != name:
        found.append(f'name: "{body["name"]}" is not in {name}')
    elif not _TEMPLATE_ID.fullmatch(template_id):
        found.append(f'name: "{template_id}" is not a valid session template id')
    if len(body.get("displayName", "")) > 63:
        found.append("displayName: can be up to 63 characters")
    return found + _kind_violations(body)


def session_violations(body: Json, name: str) -> list[str]:
    """Complaints about a session that fits the schema; `name`: its full name."""
    found = label_violations(body.get("labels", {}), "labels", LABEL_LIMIT)
    session_id = name.rpartition("/")[2]
    if not _SESSION_ID.fullmatch(session_id):
        found.append(
            f'sessionId: "{session_id}" must be 4 to 63 lower case letters, digits or hyphens'
        )
    if body.get("name", name) != name:
        found.append(f'name: "{body["name"]}" is not {name}')
    template = body.get("sessionTemplate", "")
    if "/" in template and template != template_name(template.rpartition("/")[2], name):
        found.append(
            "sessionTemplate: must be a template's id, or its name in the session's location"
        )
    return found + _kind_violations(body)


def template_name(template: str, session_name: str) -> str:
    """The full name of a session's template, given by its id or its full name."""
    place = session_name.rpartition("/sessions/")[0]
    return template if "/" in template else f"{place}/sessionTemplates/{template}"


def cluster_violations(body: Json, project: str) -> list[str]:
    """Complaints about a cluster that fits the schema."""
    found = label_violations(body.get("labels", {}), "labels", LABEL_LIMIT)
    if body["projectId"] != project:
        found.append(f'projectId: "{body["projectId"]}" is not the project of the request')
    if not _CLUSTER_NAME.fullmatch(body["clusterName"]):
        found.append(
            f'clusterName: "{body["clusterName"]}" must start with a lower case letter, followed '
            "by up to 51 lower case letters, digits or hyphens, and not end in a hyphen"
        )
    if "config" in body and "virtualClusterConfig" in body:
        found.append("virtualClusterConfig: can't be set together with config")
    return found


def personal(cluster: Json) -> bool:
    """Whether a cluster uses personal cluster authentication."""
    software = cluster.get("config", {}).get("softwareConfig", {})
    return bool(software.get("properties", {}).get(_PERSONAL_AUTH))


def request_id_violations(request_id: str) -> list[str]:
    """By the parameter's description: at most 40 letters, digits, "_" and "-"."""
    if _REQUEST_ID.fullmatch(request_id):
        return []
    return ["requestId: must be at most 40 letters, digits, underscores or hyphens"]


def _kind_violations(body: Json) -> list[str]:
    if "jupyterSession" in body and "sparkConnectSession" in body:
        return ["sparkConnectSession: can't be set together with jupyterSession"]
    return []
