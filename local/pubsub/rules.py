"""Rules and defaults of topics and subscriptions, as documented by Google.

The limits are those of the Pub/Sub quotas page and of the discovery document. Features that the
local cloud lacks (filters, exactly-once, exports) are refused, because ignoring them would hide
errors until production. Pure functions; it must not know stored state.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from local.errors import ApiError
from local.pubsub.model import (
    FORMAT_ATTRIBUTE,
    FORMATS,
    POLICY_BACKOFF,
    Json,
    seconds,
)

_NAME = re.compile(
    r"projects/[^/]+/(topics|subscriptions|snapshots)/([A-Za-z][A-Za-z0-9\-_.~+%]{2,254})"
)
# Fields that an updateMask may have: the mutable ones that the local cloud supports.
TOPIC_FIELDS = frozenset({"labels", "messageRetentionDuration", "messageStoragePolicy"})
SUBSCRIPTION_FIELDS = frozenset(
    {
        "ackDeadlineSeconds",
        "deadLetterPolicy",
        "expirationPolicy",
        "labels",
        "messageRetentionDuration",
        "pushConfig",
        "retainAckedMessages",
        "retryPolicy",
    }
)
_WEEK = "604800s"
_MONTH = "2678400s"
_UNSUPPORTED = (
    "analyticsHubSubscriptionInfo",
    "bigqueryConfig",
    "bigtableConfig",
    "cloudStorageConfig",
    "detached",
    "enableExactlyOnceDelivery",
    "filter",
    "ingestionDataSourceSettings",
    "messageTransforms",
    "schemaSettings",
)


def check_name(name: str, collection: str) -> None:
    """`projects/P/topics/T`, or subscriptions or snapshots; 3 to 255 characters, not goog…"""
    match = _NAME.fullmatch(name)
    if match is None or match[1] != collection or match[2].lower().startswith("goog"):
        raise ApiError.invalid(f"Invalid [{collection}] name: (name={name})")


def topic_resource(name: str, body: Json) -> Json:
    """The checked Topic resource."""
    check_name(name, "topics")
    _refuse_unsupported(body)
    return {"name": name, **{field: body[field] for field in body if field != "name"}}


def subscription_resource(name: str, body: Json, *, own: bool = False) -> Json:
    """The checked Subscription resource, with Google's defaults.

    `own`: without the limits for clients (ack deadline from 10 s, at least 5 attempts), so that the
    stack and tests can make failures happen sooner.
    """
    check_name(name, "subscriptions")
    check_name(body.get("topic", ""), "topics")
    _refuse_unsupported(body)
    resource = {
        "name": name,
        "messageRetentionDuration": _WEEK,
        "expirationPolicy": {"ttl": _MONTH},
        **{field: value for field, value in body.items() if field != "name"},
        "state": "ACTIVE",
        "ackDeadlineSeconds": body.get("ackDeadlineSeconds") or 10,
        "pushConfig": push_config(body.get("pushConfig", {})),
    }
    if not own and not 10 <= resource["ackDeadlineSeconds"] <= 600:
        raise ApiError.invalid(
            f"Invalid ack deadline given: {resource['ackDeadlineSeconds']}",
            ["ackDeadlineSeconds: must be between 10 and 600"],
        )
    _check_retry(resource)
    _check_retention(resource)
    if "deadLetterPolicy" in body:
        resource["deadLetterPolicy"] = _dead_letter(body["deadLetterPolicy"], own)
    return resource


def updated(known: Json, body: Json, mask: str, allowed: frozenset[str]) -> Json:
    """A copy of `known` with the fields of `mask` from `body`; missing ones are removed."""
    fields = mask_fields(mask)
    wrong = [f"updateMask: {field} can't be updated" for field in fields if field not in allowed]
    if wrong or not fields:
        wrong = wrong or ["updateMask: is required"]
        raise ApiError.invalid("Invalid request: " + "; ".join(wrong), wrong)
    kept = {field: value for field, value in known.items() if field not in fields}
    return kept | {field: body[field] for field in fields if field in body}


def mask_fields(mask: str) -> list[str]:
    """The fields of a mask in camel case; the mask may be in snake case."""
    return [re.sub(r"_([a-z])", lambda m: m[1].upper(), path) for path in mask.split(",") if path]


def push_config(config: Json) -> Json:
    """The checked PushConfig; the endpoint must be on this machine."""
    if "noWrapper" in config:
        raise ApiError.invalid("The local cloud has no payload unwrapping: leave out noWrapper.")
    endpoint = config.get("pushEndpoint", "")
    if not endpoint:
        return {}
    check_endpoint(endpoint)
    attributes = {"x-goog-version": "v1", **config.get("attributes", {})}
    wanted = attributes.get(FORMAT_ATTRIBUTE)
    if wanted is not None and wanted not in FORMATS:
        raise ApiError.invalid(
            f"Unknown push format {wanted!r}: {FORMAT_ATTRIBUTE} is one of {', '.join(FORMATS)}."
        )
    return {**config, "attributes": attributes}


def check_endpoint(endpoint: str) -> None:
    """400 unless it is http on loopback, so that no data is pushed to other machines."""
    if not _is_local_url(endpoint):
        raise ApiError.invalid(
            f"Unsupported push_endpoint {endpoint!r}: the local cloud pushes only to http:// on"
            " loopback (localhost, 127.0.0.0/8 or [::1]).",
            ["pushConfig.pushEndpoint: must be http:// on a loopback host"],
        )


def _refuse_unsupported(body: Json) -> None:
    # Client libraries send unset fields as empty values; those are accepted.
    wanted = [field for field in _UNSUPPORTED if body.get(field)]
    if wanted:
        raise ApiError.invalid(
            f"Not supported by the local cloud: {', '.join(wanted)}",
            [f"{field}: not supported by the local cloud" for field in wanted],
        )


def _check_retention(resource: Json) -> None:
    given = resource["messageRetentionDuration"]
    if not 600 <= seconds(given, "messageRetentionDuration") <= 31 * 86_400:
        raise ApiError.invalid(
            f"Invalid message retention duration: {given}",
            ["messageRetentionDuration: must be from 10 minutes to 31 days"],
        )


def _check_retry(resource: Json) -> None:
    policy = resource.get("retryPolicy")
    if policy is None:
        return
    low, high = POLICY_BACKOFF
    if "minimumBackoff" in policy:
        low = seconds(policy["minimumBackoff"], "retryPolicy.minimumBackoff")
    if "maximumBackoff" in policy:
        high = seconds(policy["maximumBackoff"], "retryPolicy.maximumBackoff")
    for field, value in (("minimum_backoff", low), ("maximum_backoff", high)):
        if not 0 <= value <= 600:
            raise ApiError.invalid(
                f"The value for {field} is out of bounds. You passed {value:g}s in the request, but"
                " the value must be between 0s and 600s."
            )
    if high < low:
        raise ApiError.invalid(
            f"The value for maximum_backoff is too small. You passed {high:g}s in the request, but"
            f" the minimum value is {low:g}s."
        )


def _dead_letter(policy: Json, own: bool) -> Json:
    check_name(policy.get("deadLetterTopic", ""), "topics")
    attempts = policy.get("maxDeliveryAttempts") or 5
    if not own and not 5 <= attempts <= 100:
        raise ApiError(
            "OUT_OF_RANGE",
            f"The value for max_delivery_attempts is out of range. You passed {attempts} in the"
            " request, but the value must be between 5 and 100.",
        )
    return {**policy, "maxDeliveryAttempts": attempts}


def _is_local_url(url: str) -> bool:
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        return (
            parts.scheme == "http"
            and port != 0
            and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
        )
    except ValueError:
        return False
