"""The limits of publish requests, from Google's Pub/Sub quotas page.

Pure functions; it must not know topics.
"""

from collections.abc import Sequence

from local.errors import ApiError
from local.pubsub.model import Draft

MAX_MESSAGES = 1_000
MAX_REQUEST_BYTES = 10_000_000
MAX_MESSAGE_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_VALUE_BYTES = 1_024
MAX_ORDERING_KEY_BYTES = 1_024


def check_drafts(drafts: Sequence[Draft]) -> None:
    """400 if a publish request is beyond the limits."""
    if not drafts:
        raise ApiError.invalid("No messages to publish")
    if len(drafts) > MAX_MESSAGES:
        raise ApiError.invalid(f"Too many messages to publish: at most {MAX_MESSAGES} a request")
    if len({draft.ordering_key for draft in drafts}) > 1:
        raise ApiError.invalid("All messages of a publish request must have the same ordering key")
    total = sum(_check_draft(draft) for draft in drafts)
    if total > MAX_REQUEST_BYTES:
        raise ApiError.invalid(f"The request has {total} bytes: at most {MAX_REQUEST_BYTES}")


def _check_draft(draft: Draft) -> int:
    """Check one message; its size in bytes."""
    if not draft.data and not draft.attributes:
        raise ApiError.invalid("Some messages are empty: a message needs data or an attribute")
    if len(draft.attributes) > MAX_ATTRIBUTES:
        raise ApiError.invalid(f"Too many attributes: at most {MAX_ATTRIBUTES} a message")
    size = len(draft.data) + len(draft.ordering_key.encode())
    for key, value in draft.attributes.items():
        size += _check_attribute(key, value)
    if len(draft.ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
        raise ApiError.invalid(f"An ordering key has at most {MAX_ORDERING_KEY_BYTES} bytes")
    if size > MAX_MESSAGE_BYTES:
        raise ApiError.invalid(f"A message has {size} bytes: at most {MAX_MESSAGE_BYTES}")
    return size


def _check_attribute(key: str, value: str) -> int:
    key_bytes, value_bytes = len(key.encode()), len(value.encode())
    if not 1 <= key_bytes <= MAX_ATTRIBUTE_KEY_BYTES:
        raise ApiError.invalid(f"An attribute's key has 1 to {MAX_ATTRIBUTE_KEY_BYTES} bytes")
    if key.startswith("goog"):
        raise ApiError.invalid(f"Attribute key {key!r}: keys must not start with 'goog'")
    if value_bytes > MAX_ATTRIBUTE_VALUE_BYTES:
        raise ApiError.invalid(
            f"Attribute {key!r} has {value_bytes} bytes: at most {MAX_ATTRIBUTE_VALUE_BYTES}"
        )
    return key_bytes + value_bytes
