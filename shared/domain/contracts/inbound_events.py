"""The events that come in: joins and leaves (``NativeEvent``), admin commands (``AdminEvent``).

They are read strictly, because a typo must never silently change what somebody gets: unknown
fields are rejected by name, texts must not contain control characters, times must have a zone.
The published JSON Schemas are generated from the same types (``json_schemas``).
"""

from __future__ import annotations

import re
import threading
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from shared.domain.commands.admin_action import AdminAction
from shared.domain.contracts.blanks import BLANK, without_blanks
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.contracts.schema_errors import explained
from shared.domain.names import PERSON_KEY
from shared.domain.suggest import closest

MAX_EVENT_BYTES = 64 * 1024

# Without control characters and bidirectional overrides, so that people read what was sent.
# The last part: in Python `$` also matches before a final newline. In JSON Schema it has no effect.
_TEXT = r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$(?!\n)"
_FILLED = rf"^(?!{BLANK}$){_TEXT[1:]}"
_ID = rf"^(?:[!-~]+|{BLANK})$(?!\n)"
_KEY = rf"^(?:{PERSON_KEY}|{BLANK})$(?!\n)"

Shape = TypeVar("Shape", bound=msgspec.Struct)
Text = Annotated[str, Meta(max_length=200, pattern=_TEXT)]
Reason = Annotated[str, Meta(max_length=1000, pattern=_TEXT)]
Identifier = Annotated[str, Meta(max_length=200, pattern=_ID)]
Key = Annotated[str, Meta(pattern=_KEY)]
Group = Annotated[str, Meta(max_length=254, pattern=_TEXT)]
Groups = Annotated[tuple[Group, ...], Meta(max_length=500)]
Moment = Annotated[datetime, Meta(tz=True)]


class NativeEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody joins (topic `onboarding`) or leaves (topic `offboarding`).

    Only `email` is required; a field with empty or blank text counts as left out. A join describes
    the person completely: a field that is left out is empty, not "as before". In a leave, fields
    that describe the person (`profile`, `groups`, `team` …) have no effect.
    """

    email: Annotated[
        str, Meta(min_length=3, max_length=254, description="Whose environment: one individual.")
    ]
    event_id: Annotated[
        Identifier | None,
        Meta(
            description="Identifies the event, so that a repeat is recognised, within `source` and "
            "topic. Default: the Pub/Sub message id."
        ),
    ] = None
    source: Annotated[
        Identifier | None,
        Meta(description="The system that sends it; two systems may use the same ids."),
    ] = None
    occurred_at: Annotated[
        Moment | None,
        Meta(description="When it happened; the newest wins. Default: the publish time."),
    ] = None
    profile: Annotated[
        Identifier | None,
        Meta(description="A profile by name. Default: by the person's groups, else the default."),
    ] = None
    groups: Annotated[
        Groups | None, Meta(description="The person's groups, as profiles.yaml names them.")
    ] = None
    person_id: Annotated[
        Identifier | None, Meta(description="The person's stable id in HR or the directory.")
    ] = None
    display_name: Annotated[Text | None, Meta(description="The person's name, for people.")] = None
    team: Annotated[Text | None, Meta(description="For cost allocation and filters.")] = None
    cost_center: Annotated[Text | None, Meta(description="Who pays; becomes a label.")] = None
    effective_at: Annotated[
        Moment | None,
        Meta(description="When it takes effect, if not at once; may be in the future."),
    ] = None
    immediate: Annotated[
        bool, Meta(description="Leaving only: remove without the profile's grace period.")
    ] = False
    reason: Annotated[Reason | None, Meta(description="Why; kept in the history.")] = None
    previous_email: Annotated[
        Annotated[str, Meta(max_length=254)] | None,
        Meta(
            description="Joining only: the person's former address. They keep their environment "
            "under the new address; the notebook is replaced by one with the same data.",
        ),
    ] = None


class AdminEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An admin command about somebody who has an environment (topic `admin-events`).

    `email`, `person_id` or `key` identifies the person: at least one is required, and all that are
    given must be of one person. A `retry` may have a `problem` instead: it is for everybody whose
    record shows it. A field with empty or blank text counts as left out.
    """

    action: Annotated[
        AdminAction,
        Meta(
            description="`hold`: nothing of theirs is deleted until every hold is released. "
            "`release`: lifts one hold or all, and ends quarantine. `retry`: failed steps are "
            "tried again now. `recreate`: the notebook is replaced by a new one made from the "
            "profile, with the same data."
        ),
    ]
    email: Annotated[
        Annotated[str, Meta(max_length=254)] | None,
        Meta(description="Whose environment: their present address, or a former one."),
    ] = None
    person_id: Annotated[
        Identifier | None,
        Meta(description="Whose environment: their id in HR or the directory."),
    ] = None
    key: Annotated[
        Key | None, Meta(description="Whose environment: the key of the record, as fleet shows it.")
    ] = None
    problem: Annotated[
        Identifier | None,
        Meta(
            description="With `retry`, instead of a person: the code of a problem, as fleet shows "
            "it (`problem_codes`). Everybody whose record shows it gets a `retry` of their own."
        ),
    ] = None
    reason: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1000, pattern=_FILLED)],
        Meta(description="Why; kept in the history and announced."),
    ]
    hold: Annotated[
        Text | None,
        Meta(
            description="With `hold`: its id, such as a case number; default: the event's id. With "
            "`release`: the hold to lift, or `all`; default: the only one."
        ),
    ] = None
    by: Annotated[Text | None, Meta(description="Who gives the command; kept in the history.")] = (
        None
    )
    event_id: Annotated[
        Identifier | None,
        Meta(
            description="Identifies the command, so that a repeat is recognised, within `source` "
            "and action. Default: the Pub/Sub message id."
        ),
    ] = None
    source: Annotated[
        Identifier | None,
        Meta(description="The system that sends it; two systems may use the same ids."),
    ] = None
    occurred_at: Annotated[
        Moment | None,
        Meta(
            description="When it was given; of hold and release the newest wins. "
            "Default: the publish time."
        ),
    ] = None
    after: Annotated[
        Identifier | None,
        Meta(
            description="Set by the admin function itself, when a `retry` with a `problem` goes on "
            "with the next people."
        ),
    ] = None


def read_event(data: bytes) -> NativeEvent:
    """The event in the bytes of a message; raises ``Rejected`` with what is wrong, and where."""
    return read_typed(data, NativeEvent)


def read_typed(data: bytes, shape: type[Shape]) -> Shape:
    """JSON ``data`` as ``shape``; raises ``Rejected`` with what is wrong, and where."""
    if len(data) > MAX_EVENT_BYTES:
        raise Rejected(
            RejectionCode.TOO_LARGE,
            f"the event has {len(data)} bytes; at most {MAX_EVENT_BYTES} are read",
        )
    filled = without_blanks(data, shape)
    try:
        return _decoder(shape).decode(filled)
    except msgspec.ValidationError as error:
        raise _located(str(error), filled, shape) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(
            RejectionCode.NOT_JSON,
            f"the message is not JSON in UTF-8 ({error}); "
            f'send an object such as {{"{msgspec.structs.fields(shape)[0].name}": …}}',
        ) from error


_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}
_preparing = threading.Lock()


def _decoder(shape: type[Shape]) -> msgspec.json.Decoder[Shape]:
    """The decoder of ``shape``, created once: creating one is not thread-safe in msgspec."""
    with _preparing:
        if shape not in _decoders:
            _decoders[shape] = msgspec.json.Decoder(shape)
        return _decoders[shape]


def claimed_email(data: bytes) -> str:
    """The address in a rejected event, unchecked; '' if it can't be read."""
    if len(data) > MAX_EVENT_BYTES:
        return ""
    try:
        email = msgspec.json.decode(data).get("email")
    except (AttributeError, ValueError, RecursionError):
        return ""
    return email[:254] if isinstance(email, str) else ""


def _located(error: str, data: bytes, shape: type[Any]) -> Rejected:
    """The rejection of ``data`` for msgspec's ``error``."""
    unknown = re.search(r"unknown field `(.*)`", error, re.DOTALL)
    if unknown:
        return Rejected(RejectionCode.UNKNOWN_FIELD, _unknown(unknown[1], shape))
    missing = re.search(r"missing required field `(.*)`", error)
    if missing:
        topic = f"; {_ELSEWHERE[AdminEvent]}" if missing[1] == "action" else ""
        return Rejected(
            RejectionCode.WRONG_SHAPE, f"{missing[1]}: is missing; it has no default{topic}"
        )
    return Rejected(RejectionCode.WRONG_SHAPE, explained(error, data, shape))


# The advice for a field that belongs to the other event.
_ELSEWHERE: dict[type[Any], str] = {
    NativeEvent: "it belongs in an admin command: publish it on admin-events",
    AdminEvent: "a join is published on topic onboarding, a leave on offboarding",
}


def _unknown(name: str, shape: type[Any]) -> str:
    names = _names(shape)
    if shape in _ELSEWHERE and any(name in _names(other) for other in _ELSEWHERE):
        hint = _ELSEWHERE[shape]
    elif close := closest(name, names):
        hint = f"did you mean {close!r}?"
    else:
        hint = f"known are: {', '.join(names)}"
    what = "event" if shape in _ELSEWHERE else "message"
    return f"{name[:80]!r} is not a field of the {what}; {hint}"


def _names(shape: type[Any]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(shape)]
