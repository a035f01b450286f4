"""A provider's schema, as Terraform describes one in JSON, from generated code.

Of the values that an argument may have it knows those that the documentation lists. Which arguments
exclude each other, ranges, and what is deprecated or sensitive the generated code doesn't say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypedDict

from tools.terraform.typescript import Argument, Flags, GeneratedClass, Nested, classes_of

# A type as Terraform writes it in JSON: "string", ["list", "string"], ["object", {…}].
Type = Any

_KINDS = {
    "TerraformProvider": "provider",
    "TerraformResource": "resource",
    "TerraformDataSource": "data",
}
_SIMPLE: dict[str, Type] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "any": "dynamic",
}
_BY_GETTER: dict[str, Type] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
}
_MAP_OF = {"String": "string", "Boolean": "bool", "Number": "number", "Any": "string"}
# One resource of 1,375 nests deeper, by way of a type that contains itself.
_DEPTH = 12


class Attribute(TypedDict, total=False):
    type: Type
    computed: bool
    optional: bool
    required: bool
    values: list[str]  # the only ones, if it is there


class Block(TypedDict):
    attributes: dict[str, Attribute]
    block_types: dict[str, NestedBlock]


class NestedBlock(TypedDict):
    nesting_mode: str  # single, list, set or map
    block: Block
    min_items: int
    max_items: int  # 0 for no limit


class Schema(TypedDict):
    version: str
    provider: dict[str, Block]
    resource: dict[str, Block]
    data: dict[str, Block]


def schema_of(modules: Iterable[str]) -> Schema:
    """The schema in the TypeScript ``modules``; raises ``ValueError`` if there is no provider."""
    schema = Schema(version="", provider={}, resource={}, data={})
    parts = {"provider": schema["provider"], "resource": schema["resource"], "data": schema["data"]}
    for typescript in modules:
        for kind, name, block in _definitions(typescript):
            parts[kind][name] = block
            if kind == "provider" and (version := _VERSION.search(typescript)):
                schema["version"] = version[1]
    if not schema["version"] or not schema["provider"]:
        raise ValueError("there is no provider in the generated code: has its layout changed?")
    return schema


_NAME = re.compile(r'tfResourceType = "(\w+)"')
_VERSION = re.compile(r"providerVersion: '([\w.-]+)'")


def _definitions(typescript: str) -> Iterator[tuple[str, str, Block]]:
    classes = classes_of(typescript)
    for name, generated in classes.items():
        if generated.base in _KINDS and (type_name := _NAME.search(typescript)):
            yield _KINDS[generated.base], type_name[1], _Blocks(classes).block(name)


class _Blocks:
    """Blocks from the classes of one module, by following the names they nest."""

    def __init__(self, classes: Mapping[str, GeneratedClass]) -> None:
        self._classes = classes

    def block(self, name: str, depth: int = 0) -> Block:
        generated = self._classes[name]
        block = Block(attributes={}, block_types={})
        for attribute, flags in generated.flags.items():
            argument = generated.arguments.get(attribute)
            if argument and argument.is_block:
                nested = generated.nested.get(attribute)
                if below := self._nested_block(argument, nested, flags, depth):
                    block["block_types"][attribute] = below
                continue
            type_ = self._type(generated, attribute, depth)
            words: dict[str, Any] = {word: True for word, value in vars(flags).items() if value}
            if attribute in generated.values:
                words["values"] = generated.values[attribute]
            block["attributes"][attribute] = Attribute(type=type_, **words)  # type: ignore[typeddict-item] # the words are its keys
        return block

    def _nested_block(
        self, argument: Argument, nested: Nested | None, flags: Flags, depth: int
    ) -> NestedBlock | None:
        name = nested.name if nested else argument.storage.removesuffix("List")
        below = f"{name}OutputReference"
        if below not in self._classes or depth > _DEPTH:
            return None
        mode = "single" if argument.container == "struct" else argument.container
        one = nested is None or nested.form == "OutputReference"
        return NestedBlock(
            nesting_mode=mode,
            block=self.block(below, depth + 1),
            min_items=int(flags.required and mode != "single"),
            max_items=int(one and mode != "single"),
        )

    def _type(self, generated: GeneratedClass, attribute: str, depth: int) -> Type:
        argument = generated.arguments.get(attribute)
        if argument and (simple := _argument_type(argument)):
            return simple
        nested = generated.nested.get(attribute)
        if nested and f"{nested.name}OutputReference" in self._classes and depth < _DEPTH:
            fields = _object(self.block(f"{nested.name}OutputReference", depth + 1))
            return ["set" if nested.is_set else "list", fields]
        if nested and nested.form == "Map":
            return ["map", _MAP_OF[nested.name]] if nested.name in _MAP_OF else "dynamic"
        if nested and nested.form == "StringMapList":
            return ["list", ["map", "string"]]
        getter, is_set = generated.getters.get(attribute, ("", False))
        type_ = _BY_GETTER.get(getter, "dynamic")
        return ["set", type_[1]] if is_set and isinstance(type_, list) else type_


def _argument_type(argument: Argument) -> Type | None:
    storage = argument.storage
    if storage in _SIMPLE:
        return _SIMPLE[storage]
    if (of := storage.removesuffix("List")) in _SIMPLE:
        return ["set" if argument.container == "set" else "list", _SIMPLE[of]]
    if (of := storage.removesuffix("Map")) in _SIMPLE:
        return ["map", _SIMPLE[of]]
    return None


def _object(block: Block) -> Type:
    """The type of a value that has the fields of ``block``."""
    fields = {name: attribute["type"] for name, attribute in block["attributes"].items()}
    for name, below in block["block_types"].items():
        fields[name] = _object(below["block"])
        if below["nesting_mode"] != "single":
            fields[name] = [below["nesting_mode"], fields[name]]
    return ["object", fields]
