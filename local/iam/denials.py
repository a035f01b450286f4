"""The error of each Google API for a missing permission.

The texts are from public error reports and were not tested on Google Cloud. Pub/Sub and Firestore
name no permission. That Notebooks and Dataproc attach a google.rpc.ErrorInfo is from AIP-193.
"""

from __future__ import annotations

from local.errors import ApiError


def denial(method: str, permission: str, email: str, target: str) -> ApiError:
    """403 PERMISSION_DENIED for a call of ``method`` by ``email``, who lacks ``permission``."""
    service = method.partition(".")[0]
    if permission.startswith("unknown:"):
        text = f"The local cloud does not know which permission {method} needs"
        return ApiError("PERMISSION_DENIED", f"{text} (local/iam/permissions.py)")
    if service == "pubsub":
        return ApiError("PERMISSION_DENIED", "User not authorized to perform this action.")
    if service == "firestore":
        return ApiError("PERMISSION_DENIED", "Missing or insufficient permissions.")
    if service == "compute":
        return ApiError("PERMISSION_DENIED", f"Required '{permission}' permission for '{target}'")
    if service == "storage":
        kind = "object" if "/" in target else "bucket"
        return ApiError(
            "PERMISSION_DENIED",
            f"{email} does not have {permission} access to the Google Cloud Storage {kind}. "
            f"Permission '{permission}' denied on resource (or it may not exist).",
        )
    api = f"{service.removesuffix('_v1')}.googleapis.com"
    text = f"Permission '{permission}' denied on resource '//{api}/{target}' (or it may not exist)."
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "IAM_PERMISSION_DENIED",
        "domain": api,
        "metadata": {"permission": permission, "resource": target},
    }
    return ApiError("PERMISSION_DENIED", text, [info])
