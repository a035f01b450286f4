"""Updates of a running cluster: its size, its labels, and its owner's credentials.

Pure functions from clusters and bodies to complaints or changed copies. It must not know states,
operations or HTTP.
"""

import hashlib
import re
from copy import deepcopy
from typing import Any

from local.api.discovery import refuse
from local.api.labels import label_violations

Json = dict[str, Any]

_LABEL_LIMIT = 32
# From the description of clusters.patch, except autoscaling policies, which are not served.
_UPDATABLE = (
    "labels",
    "config.worker_config.num_instances",
    "config.secondary_worker_config.num_instances",
)

# The key with which clients encrypt credentials for a personal-auth cluster (RSA, 4096 bits). Its
# private key was deleted, so that credentials can't be read here.
PUBLIC_KEY = """\
-----BEGIN PUBLIC KEY-----
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEA5txcFMxfQUfADzz8twve
rOpzjEbxAv+5QA20MxeQEs38GIb1MeiTA0yjlHv7QT1f2ZmCpFmXeNqeFAodhTDG
CJL6fN1q41lSqzGlksNBhnY5Fbzk1+BJLUKQJJExBzz8b0zBigsEoJsgStzyYQCj
OmTiPrhMqzbnOlNSspfJV1F4qk2WmkS3NMAXBtHciYC0WNlDhhT7rHBqhWEVhrCB
IDEj00HB6C7XJBBtKhUxUPPmmlH26ET1YOZXHa0i2WB6Wwp7xIGEtIbmNyaQ98YR
+BKF7Z4kfIMYWMv8zTFp7cV03TP+6KFONZuKcqxzQs7d6nPn7eXHAIoEVXNn6B1Z
KTNPGhIxLr/mVf4+slUqmaA3jEp67u+JIVDCl0GWbdwqQPO73bYzTI8XsSmL1TMa
sQ11poniWu6ylyUWlszynBcAPdre56+yQvyrQyJY7V7jMh7WbOZ7Y4LXeyrFdmaK
RU+46Nh5+98o9LsO7DFLBFsgHPDo3yuioszSYzxDKpRZU+1YxdMIStfLy1KlBf05
BxAPbSa3PxKPv2RnsN/KqrExunEMNuGTcEpmFpYwCt2gBoJyzYP/g0LlYds8wAJw
rfeYhUIpxRbUTvckD0DRv+YrcQACoYiTRzu8owFlgl3MY6bj8O3dgqHbaN/Ufe3T
KmitG2ssTTiwldbwz8cfVw0CAwEAAQ==
-----END PUBLIC KEY-----
"""


def updated(cluster: Json, body: Json, mask: str) -> Json:
    """A copy with the fields of `mask` from `body`; 400 if the mask or a value is not allowed.

    Dataproc's own labels are always kept.
    """
    paths = [re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), path) for path in mask.split(",")]
    refuse([f"updateMask: '{path}' can't be updated" for path in paths if path not in _UPDATABLE])
    changed = deepcopy(cluster)
    if "labels" in paths:
        labels: dict[str, str] = body.get("labels", {})
        refuse(label_violations(labels, "labels", _LABEL_LIMIT))
        own = {k: v for k, v in cluster["labels"].items() if k.startswith("goog-dataproc-")}
        changed["labels"] = labels | own
    for path in paths:
        if path != "labels":
            group = re.sub(r"_([a-z])", lambda m: m[1].upper(), path.split(".")[1])
            size = body.get("config", {}).get(group, {}).get("numInstances", 0)
            changed.setdefault("config", {}).setdefault(group, {})["numInstances"] = size
    return changed


def with_master(cluster: Json, personal: bool) -> Json:
    """A running cluster's config with its master; that has the public key if `personal`."""
    config: Json = deepcopy(cluster["config"])
    name = f"{cluster['clusterName']}-m"
    machine = {"instanceName": name} | ({"publicKey": PUBLIC_KEY} if personal else {})
    config.setdefault("masterConfig", {}).update(instanceNames=[name], instanceReferences=[machine])
    return config


def injection_violations(cluster: Json, body: Json) -> list[str]:
    """Complaints about an InjectCredentialsRequest that fits the schema.

    The ciphertext starts with the SHA-256 of the public key, as gcloud creates it.
    """
    found = []
    if body.get("clusterUuid") != cluster["clusterUuid"]:
        found.append(f"clusterUuid: is not that of the cluster, {cluster['clusterUuid']}")
    key = hashlib.sha256((PUBLIC_KEY + "\n").encode()).hexdigest()
    if body.get("credentialsCiphertext", "").partition(":")[0] != key:
        found.append("credentialsCiphertext: is not encrypted with the cluster's public key")
    return found
