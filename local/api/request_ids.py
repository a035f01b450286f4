"""The form of a `requestId`, for services that require a UUID.

It must not know any service or how a repeated request is handled.
"""

import uuid


def request_id_violations(request_id: str) -> list[str]:
    """The documents require "a valid UUID"; AIP-155 excludes the zero UUID."""
    try:
        valid = not request_id or uuid.UUID(request_id).int != 0
    except ValueError:
        valid = False
    return [] if valid else [f'requestId: "{request_id}" is not a UUID']
