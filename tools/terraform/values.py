"""Values that the provider would refuse: an argument whose documentation lists all it may have.

The provider's own check comes from the same list (GoogleCloudPlatform/magic-modules, enum_values).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Attribute names and indices that lead to a value.
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class WrongValue:
    path: Path
    text: str


def wrong_values(
    block: Mapping[str, Any], values: Mapping[str, Any], path: Path = ()
) -> Iterator[WrongValue]:
    """The wrong values in ``values``, which has the schema ``block``.

    A value that is not known yet is no string, list or mapping; it is left alone, and so are null
    and the empty string, which the provider takes as not given.
    """
    for name, attribute in block["attributes"].items():
        if allowed := attribute.get("values"):
            given = values.get(name)
            for value in given if isinstance(given, list) else [given]:
                if isinstance(value, str) and value and value not in allowed:
                    text = f'"{value}" is none of {", ".join(allowed)}.'
                    yield WrongValue((*path, name), text)
    for name, nested in block["block_types"].items():
        for key, below in _blocks(nested["nesting_mode"], values.get(name)):
            yield from wrong_values(nested["block"], below, (*path, name, *key))


def _blocks(mode: str, given: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The blocks in ``given``, each with what leads to it; a member of a set has no name."""
    if mode == "single" and isinstance(given, Mapping):
        yield (), given
    elif isinstance(given, list):
        for index, block in enumerate(given):
            if isinstance(block, Mapping):
                yield ((index,) if mode == "list" else ()), block
