"""YAML as configuration: plain data, nothing said twice, nothing larger than a person writes.

A YAML reader silently keeps the last of two equal keys, turns ``1:30`` into ninety, builds objects
from tags and unfolds a page of aliases into gigabytes. None of that belongs in a file that decides
what people get, so all of it is refused, with the place. Must not know what the file is about.
"""

from __future__ import annotations

import math
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40

# libyaml reads ten times faster; both make the same events and nodes.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
_ODD = {
    "tag:yaml.org,2002:timestamp": "is read as a date; put it in quotes",
    "tag:yaml.org,2002:merge": "merges (<<) are not supported; write the keys out",
    "tag:yaml.org,2002:value": "'=' has a meaning of its own in YAML; put it in quotes",
}


class YamlRefused(Exception):
    """The text is not the plain YAML we read; ``messages`` names every place."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("; ".join(messages))
        self.messages = tuple(messages)


def read_yaml(data: bytes) -> Any:
    """The value of a YAML document of dicts, lists, str, int, float, bool and None.

    Raises ``YamlRefused``: too large, not UTF-8, not YAML, several documents, aliases, tags, dates,
    duplicate or non-text keys, too deep.
    """
    if len(data) > MAX_BYTES:
        raise YamlRefused([f"is {len(data)} bytes; at most {MAX_BYTES} are read"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlRefused([f"is not UTF-8 (byte {error.start})"]) from error
    try:
        _refuse_unwanted_events(text)
        loader = _Loader(text)
        try:
            return _read_document(loader)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise YamlRefused([_explained(error)]) from error


def _refuse_unwanted_events(text: str) -> None:
    # Before nodes are made: composing recurses on depth, and an alias is one node many times.
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise YamlRefused([f"{_place(event)}: anchors and aliases (& and *) are not supported"])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise YamlRefused([f"{_place(event)}: nested deeper than {MAX_DEPTH}"])


def _read_document(loader: Any) -> Any:
    node = loader.get_single_node()
    if node is None:
        raise YamlRefused(["is empty"])
    messages: list[str] = []
    value = _Builder(loader, messages).value(node)
    if value is None and not messages:
        messages.append("is empty")
    if messages:
        raise YamlRefused(messages)
    return value


class _Builder:
    """Makes plain values of nodes, noting everything wrong on the way."""

    def __init__(self, loader: Any, messages: list[str]) -> None:
        self._loader = loader
        self._messages = messages

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(item) for item in node.value]
        if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN:
            return self._scalar(node)
        self._note(node, _ODD.get(node.tag, f"the tag {node.tag} is not supported"))
        return None

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.value(key_node)
            value = self.value(value_node)
            if not isinstance(key, str):
                if key_node.tag in _PLAIN:
                    self._note(key_node, f"the key {key!r} is not text; put it in quotes")
                elif not isinstance(key_node, yaml.ScalarNode):
                    self._note(key_node, "a key must be text")
            elif key in result:
                self._note(key_node, f"the key {key!r} is there twice; only one can count")
            else:
                result[key] = value
        return result

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            value = self._loader.construct_object(node)
        except ValueError:  # more digits than Python converts, '0x' without any, ...
            self._note(node, "this number can't be read")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._note(node, "is not a finite number")
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            self._note(node, "has half of a surrogate pair, which is no character")
        return value

    def _note(self, node: yaml.Node, message: str) -> None:
        self._messages.append(f"{_place(node)}: {message}")


def _place(thing: Any) -> str:
    mark = thing.start_mark
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _explained(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    if mark is None:
        return f"is not YAML: {problem}"
    return f"line {mark.line + 1}, column {mark.column + 1}: is not YAML: {problem}"
