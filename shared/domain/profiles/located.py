"""Converts plain values to typed structs, and reports all errors at once, each with its path.

msgspec stops at the first error, but the author of a file needs all of them. So this module walks
structs, lists and maps itself, and msgspec checks single values. Rules that types can't express
are applied to every part that could be read, also if other parts are wrong. Must not know what
the parts mean.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from shared.domain.profiles.strict_yaml import Unreadable
from shared.domain.suggest import suggestion

T = TypeVar("T")

_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


class Problems(list[str]):
    """The messages so far, each with its path."""

    unreadable = 0  # values that were skipped, because the reader of the file reported them

    @property
    def total(self) -> int:
        """The number of messages and of skipped values; it grows with every error."""
        return len(self) + self.unreadable

    def add(self, path: str, message: str) -> None:
        """Add ``message`` about the value at ``path``."""
        self.append(f"{path}: {message}" if path else message)


Rule = Callable[[Any, str, Problems], None]
"""Adds messages about a value that has the right type; arguments: the value, its path, problems."""

Rules = Mapping[tuple[type, str], Rule]
"""Rules by struct and field; a rule is applied if the field's value could be read.

``field[]``: applied to each item of a list; ``field{}``: to each key and value of a map, with None
for a value that couldn't be read. ``""`` instead of a field: applied to the struct; the rule gets
the map as it is written, so that it can check which keys are present."""


def read_as(
    wanted: type[T], value: Any, path: str, problems: Problems, rules: Rules | None = None
) -> T | None:
    """``value`` as ``wanted`` (a struct); None if it can't be, with messages in ``problems``."""
    before = problems.total
    result: T = _Walk(problems, rules or {}).read(wanted, value, path)
    return result if problems.total == before else None


class _Walk:
    """Reads one value. The result for an invalid value is a placeholder and must not be used."""

    def __init__(self, problems: Problems, rules: Rules) -> None:
        self._problems = problems
        self._rules = rules

    def read(self, wanted: Any, value: Any, path: str) -> Any:
        """``value`` as ``wanted``. Its own fields' rules are applied, none to the value itself."""
        return self._read(wanted, value, path, (object, ""))

    def _read(self, wanted: Any, value: Any, path: str, about: tuple[type, str]) -> Any:
        if isinstance(value, Unreadable):  # reported already
            self._problems.unreadable += 1
            return None
        origin, arguments = get_origin(wanted), get_args(wanted)
        if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
            return self._struct(wanted, value, path)
        if origin in (Union, types.UnionType) and len(_some(arguments)) == 1:  # X | None
            return self._read(_some(arguments)[0], value, path, about)
        if origin is tuple:
            return self._list(arguments[0], value, path, about)
        if origin is dict:
            return self._map(arguments, value, path, about)
        return _single(wanted, value, path, self._problems)

    def _struct(self, wanted: Any, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            self._problems.add(path, f"expected a map of keys and values, got {shown(value)}")
            return None
        before = self._problems.total
        fields = {field.name: field for field in msgspec.structs.fields(wanted)}
        given = {}
        for key, item in value.items():
            if key in fields:
                given[key] = self._field(wanted, fields[key], item, _join(path, key))
            else:
                self._problems.add(_join(path, key), f"unknown key; {suggestion(key, fields)}")
        for name, field in fields.items():
            if field.required and name not in value:
                self._problems.add(_join(path, name), "is missing")
        self._ask((wanted, ""), value, path)
        return wanted(**given) if self._problems.total == before else None

    def _field(self, wanted: Any, field: Any, value: Any, path: str) -> Any:
        before = self._problems.total
        read = self._read(field.type, value, path, (wanted, field.name))
        if self._problems.total == before:
            self._ask((wanted, field.name), read, path)
        return read

    def _ask(self, about: tuple[type, str], value: Any, path: str) -> None:
        if rule := self._rules.get(about):
            rule(value, path, self._problems)

    def _list(self, wanted: Any, value: Any, path: str, about: tuple[type, str]) -> Any:
        if not isinstance(value, list):
            self._problems.add(path, f"expected a list, got {shown(value)}")
            return ()
        items = []
        for index, item in enumerate(value):
            place, before = f"{path}[{index}]", self._problems.total
            items.append(self.read(wanted, item, place))
            if self._problems.total == before:
                self._ask((about[0], about[1] + "[]"), items[-1], place)
        return tuple(items)

    def _map(self, wanted: tuple[Any, ...], value: Any, path: str, about: tuple[type, str]) -> Any:
        if not isinstance(value, Mapping):
            self._problems.add(path, f"expected a map of keys and values, got {shown(value)}")
            return {}
        items = {}
        for key, item in value.items():
            place = _join(path, key)
            _single(wanted[0], key, place, self._problems)
            before = self._problems.total
            items[key] = self.read(wanted[1], item, place)
            whole = self._problems.total == before
            self._ask((about[0], about[1] + "{}"), (key, items[key] if whole else None), place)
        return items


def _some(arguments: tuple[Any, ...]) -> list[Any]:
    return [argument for argument in arguments if argument is not types.NoneType]


def _single(wanted: Any, value: Any, path: str, problems: Problems) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        problems.add(
            path, f"expected {_described(wanted)}, got {shown(value)}{_hint(wanted, value)}"
        )
        return None


def _described(wanted: Any) -> str:
    if get_origin(wanted) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(wanted))
    if get_origin(wanted) is Annotated:
        for meta in get_args(wanted)[1:]:
            if isinstance(meta, msgspec.Meta) and meta.description:
                return meta.description
        return _described(get_args(wanted)[0])
    if get_origin(wanted) in (Union, types.UnionType):
        return " or ".join(_described(choice) for choice in get_args(wanted))
    return _WORDS.get(wanted, getattr(wanted, "__name__", "something else"))


def _hint(wanted: Any, value: Any) -> str:
    base = get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted
    if base is str and isinstance(value, bool | int | float):
        return "; put it in quotes"
    if base in (int, bool) and isinstance(value, str) and _is_plain(base, value):
        return "; leave the quotes out"
    return ""


def _is_plain(base: type, text: str) -> bool:
    return text in ("true", "false") if base is bool else text.isdecimal()


def _join(path: str, key: Any) -> str:
    return f"{path}.{shown_key(key)}" if path else shown_key(key)


def shown_key(key: Any) -> str:
    """A key as part of a path, cut to a readable length."""
    text = str(key)
    return text if len(text) <= 60 else text[:57] + "..."


def shown(value: Any) -> str:
    """A value as it appears in a message: short, and in quotes where it is text."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
