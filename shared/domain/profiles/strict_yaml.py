"""Reads YAML as configuration: plain data, no duplicates, limited in size.

Usual YAML readers silently keep the last of two equal keys, create objects from tags and expand a
page of aliases to gigabytes. In a file that decides what people get this is dangerous, so we
reject it, with the place. We make values from the parser's events ourselves; ``plain_values``
defines the meaning of unquoted ones. Must not know what the file is about.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from shared.domain.profiles.plain_values import Ambiguous, plain_value

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
_MOST_FAULTS = 200

# libyaml is ten times faster; both produce the same events.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable:
    """Marks a rejected value, so that later checks don't report it again."""

    def __repr__(self) -> str:
        return "a value that was rejected"


UNREADABLE: Final = Unreadable()


class YamlRefused(Exception):
    """The text is not plain YAML; ``messages`` has every error with its place."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("; ".join(messages))
        self.messages = tuple(messages)


def read_yaml(data: bytes) -> Any:
    """The value of a YAML document of dicts, lists, str, int, float and bool.

    Raises ``YamlRefused``, see ``read_with_faults``.
    """
    value, messages = read_with_faults(data)
    if messages:
        raise YamlRefused(messages)
    return value


def read_with_faults(data: bytes) -> tuple[Any, list[str]]:
    """The readable part of a YAML document, and a message with its place for every error.

    Rejected are: too large, not UTF-8, not YAML, several documents, anchors, aliases, tags, merges,
    duplicate or non-text keys, empty values, too deep, and what ``plain_values`` rejects.
    ``UNREADABLE`` replaces a rejected value, or the whole document if it isn't YAML.
    """
    if len(data) > MAX_BYTES:
        return UNREADABLE, [f"is {len(data)} bytes; at most {MAX_BYTES} are read"]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return UNREADABLE, [f"is not UTF-8 (byte {error.start})"]
    reader = _Reader(text)
    try:
        return reader.document(), reader.messages
    except yaml.YAMLError as error:
        return UNREADABLE, [*reader.messages, _explained(error)]
    except YamlRefused as refused:
        return UNREADABLE, list(refused.messages)


class _Reader:
    """Makes plain values from the parser's events, and collects messages about all errors."""

    def __init__(self, text: str) -> None:
        self._events = yaml.parse(text, Loader=_Loader)
        self.messages: list[str] = []

    def document(self) -> Any:
        next(self._events)  # the stream begins
        if not isinstance(next(self._events), yaml.DocumentStartEvent):
            self.messages.append("is empty")
            return UNREADABLE
        first = next(self._events)
        if _is_nothing(first):
            self.messages.append("is empty")
            return UNREADABLE
        value = self._value(first, 1)
        next(self._events)  # the document ends
        if not isinstance(another := next(self._events), yaml.StreamEndEvent):
            self._note(another, "another document begins (---); a file holds only one")
        return value

    def _value(self, event: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:  # stop before Python's limit of recursion
            raise YamlRefused([*self.messages, f"{_place(event)}: nested deeper than {MAX_DEPTH}"])
        self._refuse_extras(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth)
        return self._scalar(event) if isinstance(event, yaml.ScalarEvent) else UNREADABLE

    def _refuse_extras(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._note(event, "anchors and aliases (& and *) are not supported; write the value")
        elif event.tag is not None:
            self._note(event, f"the tag {event.tag} is not supported; leave it out")

    def _mapping(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            value = self._value(next(self._events), depth + 1)
            if isinstance(key, dict | list):
                self._note(event, "a key must be text")
            elif isinstance(key, bool | int | float):
                self._note(event, f"the key {str(key).lower()} is not text; put it in quotes")
            elif key in result:
                self._note(event, f"the key {key!r} is given twice; keep one of them")
            elif isinstance(key, str):
                result[key] = value
        return result

    def _sequence(self, depth: int) -> list[Any]:
        result = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            result.append(self._value(event, depth + 1))
        return result

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if event.tag is not None:
            return UNREADABLE
        if any("\ud800" <= letter <= "\udfff" for letter in event.value):
            self._note(event, "has half of a surrogate pair, which is not a character")
            return UNREADABLE
        if event.style:  # in quotes, or a block
            return event.value
        try:
            return plain_value(event.value)
        except Ambiguous as refused:
            self._note(event, str(refused))
            return UNREADABLE

    def _note(self, event: Any, message: str) -> None:
        self.messages.append(f"{_place(event)}: {message}")
        if len(self.messages) >= _MOST_FAULTS:
            raise YamlRefused([*self.messages, f"reading stopped after {_MOST_FAULTS} faults"])


def _is_nothing(event: Any) -> bool:
    if not isinstance(event, yaml.ScalarEvent) or event.style or event.tag is not None:
        return False
    return event.value.lower() in ("", "~", "null")


def _place(event: Any) -> str:
    mark = event.start_mark
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _explained(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    if mark is None:
        return f"is not YAML: {problem}"
    return f"line {mark.line + 1}, column {mark.column + 1}: is not YAML: {problem}"
