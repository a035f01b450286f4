"""Reads the classes that CDK Terrain generates in TypeScript from a provider's schema.

The generator's layout is fixed, so regular expressions are enough; nothing is executed. Per
resource and per nested block there is a class. A comment before each of its attributes has the
flags of the schema, and a table has the type of what can be written:

    // ack_deadline_seconds - computed: true, optional: true, required: false

    ack_deadline_seconds: { value: …, isBlock: false, type: "simple", storageClassType: "number" },
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

_CLASS = re.compile(r"^export class (\w+) extends \w+\.(\w+) \{\n(.*?)^\}", re.M | re.S)
_TABLE = re.compile(r"^export function (\w+)ToHclTerraform\(.*?\{\n(.*?)^\}", re.M | re.S)
_INTERFACE = re.compile(r"^export interface (\w+)[^{\n]* \{\n(.*?)^\}", re.M | re.S)
_VALUES = re.compile(
    r"Possible values: (\[\"[^\]\n]*\"\])\n(?:(?!\*/).)*?\{@link \S+?#(\w+) ", re.S
)  # within one comment
_ENTRY = re.compile(
    r"^ +([a-z0-9_]+): \{\n"
    r"\s+value: .*,\n"
    r"\s+isBlock: (true|false),\n"
    r"\s+type: \"(\w+)\",\n"
    r"\s+storageClassType: \"(\w+)\",",
    re.M,
)
_FLAGS = re.compile(
    r"^ +// ([a-z0-9_]+) - computed: (true|false), optional: (true|false), required: (true|false)$",
    re.M,
)
_NESTED = re.compile(
    r"= new (?:\w+\.)?(\w+?)(OutputReference|StringMapList|List|Map)"
    r"\(this, \"([a-z0-9_]+)\"(?:, (true|false))?\)"
)
_GETTER = re.compile(r"^  public get \w+\(\) \{\n\s+return (.*);", re.M)
_READ = re.compile(r"(?:get(\w+)|interpolationFor)Attribute\('([a-z0-9_]+)'\)")


@dataclass(frozen=True)
class Argument:
    """What can be written: ``container`` is simple, list, set, map or struct."""

    is_block: bool
    container: str
    storage: str  # string, numberList …, or the class of a block


@dataclass(frozen=True)
class Nested:
    """A value with fields of its own: ``form`` is OutputReference (one), List or Map."""

    name: str
    form: str
    is_set: bool


@dataclass(frozen=True)
class Flags:
    """Who gives an attribute its value: the configuration, the provider, or either."""

    computed: bool
    optional: bool
    required: bool


@dataclass(frozen=True)
class GeneratedClass:
    """One class: a resource, a data source, the provider, or a block in one of them."""

    base: str
    body: str
    arguments: Mapping[str, Argument]
    values: Mapping[str, list[str]]  # that an argument may have, where they are listed

    @cached_property
    def flags(self) -> Mapping[str, Flags]:
        """Of every attribute and block."""
        found = _FLAGS.findall(self.body)
        return {name: Flags(*(word == "true" for word in words)) for name, *words in found}

    @cached_property
    def nested(self) -> Mapping[str, Nested]:
        found = _NESTED.findall(self.body)
        return {name: Nested(type_, form, set_ == "true") for type_, form, name, set_ in found}

    @cached_property
    def getters(self) -> Mapping[str, tuple[str, bool]]:
        """By attribute: String, Number, List …, or "" if unknown; and whether it is a set."""
        found = {}
        for expression in _GETTER.findall(self.body):
            if read := _READ.search(expression):
                found[read[2]] = (read[1] or "", "tolist(" in expression)
        return found


def classes_of(typescript: str) -> dict[str, GeneratedClass]:
    """The classes of one module, by name."""
    tables = {
        name[0].upper() + name[1:]: _arguments(body) for name, body in _TABLE.findall(typescript)
    }
    values = {name: _values(body) for name, body in _INTERFACE.findall(typescript)}
    classes = {}
    for name, base, body in _CLASS.findall(typescript):
        own = _arguments(body[at:]) if (at := body.find("synthesizeHclAttributes()")) >= 0 else {}
        block = name.removesuffix("OutputReference")
        written_as = block if block != name else f"{name}Config"
        classes[name] = GeneratedClass(
            base, body, own or tables.get(block, {}), values.get(written_as, {})
        )
    return classes | _only_written(tables, classes)


def _only_written(
    tables: Mapping[str, Mapping[str, Argument]], classes: Mapping[str, GeneratedClass]
) -> dict[str, GeneratedClass]:
    """The provider's own blocks: nothing can read them, so they have a table and no class."""
    if not any(generated.base == "TerraformProvider" for generated in classes.values()):
        return {}
    return {
        f"{name}OutputReference": GeneratedClass(
            "ComplexObject", _optional(arguments), arguments, {}
        )
        for name, arguments in tables.items()
        if f"{name}OutputReference" not in classes
    }


def _optional(names: Iterable[str]) -> str:
    """Flags as the generator writes them."""
    return "".join(
        f"  // {name} - computed: false, optional: true, required: false\n" for name in names
    )


def _arguments(text: str) -> dict[str, Argument]:
    return {
        name: Argument(is_block == "true", container, storage)
        for name, is_block, container, storage in _ENTRY.findall(text)
    }


def _values(text: str) -> dict[str, list[str]]:
    return {name: json.loads(listed) for listed, name in _VALUES.findall(text)}
