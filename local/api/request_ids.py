"""What a `requestId` may be, the same for every service that takes a UUID.

It must not know whose requests it names, nor what a repeat of one means.
"""

import uuid


def request_id_violations(request_id: str) -> list[str]:
    """The documents say "a valid UUID"; AIP-155 excludes the zero one."""
    try:
        valid = not request_id or uuid.UUID(request_id).int != 0
    except ValueError:
        valid = False
    return [] if valid else [f'requestId: "{request_id}" is not a UUID']
