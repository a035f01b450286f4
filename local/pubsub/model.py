"""Messages, and a subscription's settings for delivery.

Resources are stored as JSON in the form of the API; `Settings` is parsed from a subscription's
resource once. It must not know transports or clocks.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.errors import ApiError

Json = dict[str, Any]

# The local cloud's own key in pushConfig.attributes (Google documents only "x-goog-version").
FORMAT_ATTRIBUTE = "x-local-format"
EVENTARC, WRAPPED = "eventarc", "pubsub"
FORMATS = (EVENTARC, WRAPPED)

# Without a retry policy Pub/Sub redelivers at once. Here pushes wait at least 0.1 s, to limit the
# load on an endpoint that is down. POLICY_BACKOFF has the API's defaults of a retry policy.
PUSH_BACKOFF = (0.1, 60.0)
POLICY_BACKOFF = (10.0, 600.0)

_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")


@dataclass(frozen=True, slots=True)
class Message:
    """One published message; immutable, shared by all subscriptions of its topic."""

    id: str
    topic: str
    data: bytes
    attributes: Mapping[str, str]
    published: datetime
    ordering_key: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to publish, before it has an id."""

    data: bytes = b""
    attributes: Mapping[str, str] = field(default_factory=dict)
    ordering_key: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one subscription delivers. Times in seconds."""

    push_endpoint: str = ""  # "" = a pull subscription
    push_format: str = WRAPPED
    ack_deadline: float = 10.0
    min_backoff: float = 0.0
    max_backoff: float = 0.0
    dead_letter_topic: str = ""
    max_attempts: int = 0  # 0 = no dead-letter policy
    ordered: bool = False
    retention: float = 604_800.0
    retain_acked: bool = False

    @property
    def is_push(self) -> bool:
        return bool(self.push_endpoint)

    def backoff(self, attempts: int) -> float:
        """Seconds until the next delivery after `attempts` failed ones."""
        # The exponent is limited, so that many failures don't overflow a float.
        return min(self.max_backoff, self.min_backoff * 2.0 ** min(attempts - 1, 40))


def settings_of(resource: Json) -> Settings:
    """The settings in a checked Subscription resource."""
    push: Json = resource.get("pushConfig", {})
    endpoint: str = push.get("pushEndpoint", "")
    dead: Json = resource.get("deadLetterPolicy", {})
    low, high = _backoff(resource, bool(endpoint))
    return Settings(
        push_endpoint=endpoint,
        push_format=push.get("attributes", {}).get(FORMAT_ATTRIBUTE, WRAPPED),
        ack_deadline=float(resource["ackDeadlineSeconds"]),
        min_backoff=low,
        max_backoff=high,
        dead_letter_topic=dead.get("deadLetterTopic", ""),
        max_attempts=dead.get("maxDeliveryAttempts", 0),
        ordered=resource.get("enableMessageOrdering", False),
        retention=seconds(resource["messageRetentionDuration"]),
        retain_acked=resource.get("retainAckedMessages", False),
    )


def seconds(duration: str, where: str = "duration") -> float:
    """Seconds of a google-duration ("3.5s"); ApiError INVALID_ARGUMENT if it is not valid."""
    if not isinstance(duration, str) or not _DURATION.fullmatch(duration):
        raise ApiError.invalid(
            f"Invalid duration: {duration!r}", [f'{where}: must be a duration such as "3.5s"']
        )
    return float(duration[:-1])


def duration(value: float) -> str:
    """Seconds as a google-duration: whole seconds, or three digits after the point."""
    return f"{int(value)}s" if value == int(value) else f"{value:.3f}s"


def _backoff(resource: Json, push: bool) -> tuple[float, float]:
    policy = resource.get("retryPolicy")
    if policy is None:
        return PUSH_BACKOFF if push else (0.0, 0.0)
    low = seconds(policy["minimumBackoff"]) if "minimumBackoff" in policy else POLICY_BACKOFF[0]
    high = seconds(policy["maximumBackoff"]) if "maximumBackoff" in policy else POLICY_BACKOFF[1]
    return low, high
