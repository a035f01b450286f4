"""Plain values into typed parts, with everything that is wrong named at once, each with its place.

msgspec knows the types but stops at the first fault; somebody mending a file wants them all. So we
walk structs, lists and maps ourselves and let msgspec judge one single value at a time. Must not
know what the parts are about.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from shared.domain.suggest import suggestion

T = TypeVar("T")

_WORDS = {str: "text", bool: "true or false", int: "int", float: "a number"}


class Problems(list[str]):
    """The located messages so far."""

    def add(self, path: str, message: str) -> None:
        """Note ``message`` as being about ``path``."""
        self.append(f"{path}: {message}" if path else message)


def read_as(wanted: type[T], value: Any, path: str, problems: Problems) -> T | None:
    """``value`` as ``wanted`` (a struct), or None with the reasons added to ``problems``."""
    before = len(problems)
    result: T = _read(wanted, value, path, problems)
    return result if len(problems) == before else None


def _read(wanted: Any, value: Any, path: str, problems: Problems) -> Any:
    origin, arguments = get_origin(wanted), get_args(wanted)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _struct(wanted, value, path, problems)
    if origin in (Union, types.UnionType) and len(_some(arguments)) == 1:  # X | None
        if value is None:
            problems.add(path, "is empty; leave the key out or give it a value")
            return None
        return _read(_some(arguments)[0], value, path, problems)
    if origin is tuple:
        return _list(arguments[0], value, path, problems)
    if origin is dict:
        return _map(arguments, value, path, problems)
    return _single(wanted, value, path, problems)


def _some(arguments: tuple[Any, ...]) -> list[Any]:
    return [argument for argument in arguments if argument is not types.NoneType]


def _struct(wanted: Any, value: Any, path: str, problems: Problems) -> Any:
    if not isinstance(value, Mapping):
        problems.add(path, f"expected a map of keys and values, got {shown(value)}")
        return None
    before = len(problems)
    fields = {field.name: field for field in msgspec.structs.fields(wanted)}
    for key in value:
        if key not in fields:
            problems.add(_join(path, key), f"unknown key; {suggestion(key, fields)}")
    given = {
        name: _read(field.type, value[name], _join(path, name), problems)
        for name, field in fields.items()
        if name in value
    }
    for name, field in fields.items():
        if field.required and name not in value:
            problems.add(_join(path, name), "is missing")
    return wanted(**given) if len(problems) == before else None


def _list(wanted: Any, value: Any, path: str, problems: Problems) -> Any:
    if not isinstance(value, list):
        problems.add(path, f"expected a list, got {shown(value)}")
        return ()
    return tuple(_read(wanted, item, f"{path}[{i}]", problems) for i, item in enumerate(value))


def _map(wanted: tuple[Any, ...], value: Any, path: str, problems: Problems) -> Any:
    if not isinstance(value, Mapping):
        problems.add(path, f"expected a map of keys and values, got {shown(value)}")
        return {}
    for key in value:
        _single(wanted[0], key, _join(path, key), problems)
    return {k: _read(wanted[1], item, _join(path, k), problems) for k, item in value.items()}


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
    return ""


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
