"""Paths, links, ids and fingerprints of Compute Engine.

A path is `projects/P/zones/Z/disks/D`; a link is a path after Google's host. Links never have the
local host, since clients compare them and gcloud shortens them. Pure functions; it must not know
resources.
"""

import base64
import hashlib
import json
import re
import uuid

_ROOT = "https://www.googleapis.com/compute/v1/"
_DISK = re.compile(
    r"(?:https?://[^/]+/compute/[a-z0-9]+/)?(?:projects/(?P<project>[^/]+)/)?"
    r"zones/(?P<zone>[^/]+)/disks/(?P<disk>[^/]+)"
)


def link(path: str) -> str:
    """The link of the resource at `path`."""
    return _ROOT + path


def disk_path(reference: str, project: str) -> str | None:
    """The path of a disk given as a link or a partial path; None if it is neither.

    `project`: for a partial path without a project.
    """
    found = _DISK.fullmatch(reference)
    if found is None:
        return None
    return f"projects/{found['project'] or project}/zones/{found['zone']}/disks/{found['disk']}"


def numeric_id() -> str:
    """A unique id in Compute's form: a number as text."""
    return str(uuid.uuid4().int % 10**19)


def fingerprint(labels: dict[str, str]) -> str:
    """A fingerprint that depends on the labels only."""
    text = json.dumps(labels, sort_keys=True).encode()
    return base64.b64encode(hashlib.sha256(text).digest()[:8]).decode()
