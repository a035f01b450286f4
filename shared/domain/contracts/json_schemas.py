"""Makes the published JSON Schemas from the types that read the events (see ``tools.schemas``)."""

from __future__ import annotations

import inspect
import json
from typing import Any

import msgspec

from shared.domain.commands.admin_action import AdminAction
from shared.domain.contracts.blanks import BLANK
from shared.domain.contracts.inbound_events import AdminEvent, NativeEvent

# An admin event has at least one of these, or it is a retry with a problem and has none.
_PERSON_FIELDS = ("email", "person_id", "key")


def event_schema() -> dict[str, Any]:
    """The JSON Schema of the native event, as published in ``docs/event.schema.json``."""
    return schema_of(NativeEvent, "Benchkeeper join or leave event")


def admin_event_schema() -> dict[str, Any]:
    """The JSON Schema of the admin event, as published in ``docs/admin-event.schema.json``."""
    filled = {"type": "string", "pattern": rf"^(?!{BLANK}$)"}
    named = [{"required": [name], "properties": {name: filled}} for name in _PERSON_FIELDS]
    left_out = {"anyOf": [{"type": "null"}, {"type": "string", "pattern": rf"^{BLANK}$"}]}
    bulk = {
        "required": ["problem"],
        "properties": {
            "action": {"const": AdminAction.RETRY.value},
            "problem": filled,
            **dict.fromkeys((*_PERSON_FIELDS, "hold"), left_out),
        },
    }
    one = {
        "anyOf": named,
        "properties": {"problem": left_out, "after": left_out},
    }
    return schema_of(AdminEvent, "Benchkeeper admin event") | {"oneOf": [one, bulk]}


def schema_of(shape: type[msgspec.Struct], title: str) -> dict[str, Any]:
    """The JSON Schema of ``shape``, in one document."""
    _, definitions = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    schema = definitions.pop(shape.__name__)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": title,
        "description": inspect.cleandoc(schema["description"]),
    }
    whole |= {"$defs": definitions} if definitions else {}
    return dict(json.loads(json.dumps(whole)))  # plain JSON types: lists instead of tuples
