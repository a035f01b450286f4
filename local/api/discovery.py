"""Checks of requests against Google's discovery documents.

The documents are files of the package google-api-python-client; nothing is downloaded. It must not
know any service.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local.api.enum_numbers import number_enums
from local.api.json_values import as_bytes, complaint, named
from local.errors import ApiError

Json = dict[str, Any]


@cache
def _document(service: str, version: str) -> Json:
    # Found without an import, which would load an HTTP client just to read one JSON file.
    spec = find_spec("googleapiclient")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("google-api-python-client is not installed")
    root = Path(spec.submodule_search_locations[0])
    path = root / "discovery_cache" / "documents" / f"{service}.{version}.json"
    document: Json = json.loads(path.read_text(encoding="utf-8"))
    number_enums(document["schemas"])
    return document


class Discovery:
    """One service's discovery document: `Discovery("notebooks", "v2")`."""

    def __init__(self, service: str, version: str) -> None:
        document = _document(service, version)
        self._schemas: dict[str, Json] = document["schemas"]
        self._common: dict[str, Json] = document["parameters"]
        self._methods = {method["id"]: method for method in _methods(document)}

    def violations(
        self, schema: str, body: object, *, int_enums: bool = False, partial: bool = False
    ) -> list[str]:
        """What is wrong with a request body, each as "path: complaint"; empty if it is valid.

        `int_enums` accepts enum numbers, which clients send with enum-encoding=int; `partial` (for
        PATCH) doesn't check required fields.
        """
        validation = _Validation(self._schemas, int_enums, partial)
        return list(validation.value({"$ref": schema}, body, ""))

    def check(
        self, schema: str, body: object, *, int_enums: bool = False, partial: bool = False
    ) -> None:
        """400 INVALID_ARGUMENT with fieldViolations unless `body` fits `schema`."""
        refuse(self.violations(schema, body, int_enums=int_enums, partial=partial))

    def query_violations(self, method: str, query: Iterable[tuple[str, str]]) -> list[str]:
        """What is wrong with a query of `method`, an id such as "compute.disks.list"."""
        known = {
            name: parameter
            for name, parameter in self._methods[method].get("parameters", {}).items()
            if parameter["location"] == "query"
        }
        found = []
        given = set()
        for name, text in query:
            given.add(name)
            parameter = known.get(name) or self._common.get(name)
            if parameter is None and name.startswith("$"):  # "$alt" and others, undocumented
                continue
            if parameter is None:
                found.append(f'{name}: unknown name "{name}": Cannot bind query parameter.')
            elif name == "alt" and text.split(";")[0] == "json":
                continue  # may carry ";enum-encoding=int"
            elif (wrong := complaint(parameter, _typed(parameter, text))) is not None:
                found.append(f"{name}: {wrong}")
        missing = [n for n, p in known.items() if _required(p) and n not in given]
        return found + [f"{name}: is required" for name in missing]

    def check_query(self, method: str, query: Iterable[tuple[str, str]]) -> None:
        """400 INVALID_ARGUMENT unless `query` fits `method`."""
        refuse(self.query_violations(method, query))

    def enum_numbers(self, schema: str, field: str) -> dict[int, str]:
        """Number and name of each value of an enum `field`; empty if it is no enum."""
        found = self._schemas.get(schema, {}).get("properties", {}).get(field, {})
        numbers: dict[int, str] = found.get("items", found).get("enumNumbers", {})
        return numbers

    def enum_names(self, schema: str, field: str) -> list[str]:
        """The values of an enum `field` of `schema`, without the unspecified one."""
        values: list[str] = self._schemas[schema]["properties"][field]["enum"]
        return [value for value in values if not value.endswith("_UNSPECIFIED")]

    def normalised(self, schema: str, body: Json) -> Json:
        """A valid body in the canonical JSON mapping: enum names, int64 as text, no nulls.

        Bytes become standard base64 with padding; gcloud sends the URL-safe form, and fingerprints
        must compare equal in both.
        """
        value = _canonical(self._schemas, {"$ref": schema}, body)
        assert isinstance(value, dict)
        return value


def refuse(violations: list[str]) -> None:
    """Raise 400 INVALID_ARGUMENT naming every violation, if there are any."""
    if violations:
        raise ApiError.invalid("Invalid request: " + "; ".join(violations), violations)


class _Validation:
    """Walks through a body and its schema, and yields "path: complaint"."""

    def __init__(self, schemas: dict[str, Json], int_enums: bool, partial: bool) -> None:
        self._schemas = schemas
        self._int_enums = int_enums
        self._partial = partial

    def value(self, schema: Json, value: object, path: str) -> Iterator[str]:
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"]]
        kind = schema.get("type")
        if kind == "object":
            yield from self._object(schema, value, path)
        elif kind == "array":
            yield from self._array(schema, value, path)
        elif (wrong := complaint(schema, value, self._int_enums)) is not None:
            yield f"{path}: {wrong}"

    def _object(self, schema: Json, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path or 'body'}: must be an object, not {named(value)}"
            return
        known: Mapping[str, Json] = schema.get("properties", {})
        others: Json | None = schema.get("additionalProperties")
        for key, item in value.items():
            where = f"{path}.{key}" if path else str(key)
            field = known.get(key, others)
            if field is None:
                yield f'{where}: unknown name "{key}": Cannot find field.'
            elif _read_only(field):
                yield f"{where}: is output only and can't be set"
            elif item is not None:  # in the JSON mapping null means "not set"
                yield from self.value(field, item, where)
            elif key not in known:
                yield f"{where}: must not be null"
        if self._partial:
            return
        for key, field in known.items():
            if _required(field) and not _read_only(field) and value.get(key) is None:
                yield f"{path}.{key}: is required" if path else f"{key}: is required"

    def _array(self, schema: Json, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path}: must be a list, not {named(value)}"
            return
        for index, item in enumerate(value):
            yield from self.value(schema["items"], item, f"{path}[{index}]")


def _canonical(schemas: dict[str, Json], schema: Json, value: object) -> object:
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    if isinstance(value, dict):
        known: Mapping[str, Json] = schema.get("properties", {})
        others: Json = schema.get("additionalProperties", {})
        return {
            key: _canonical(schemas, known.get(key, others), item)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [_canonical(schemas, schema.get("items", {}), item) for item in value]
    if schema.get("format") == "byte" and isinstance(value, str):
        return base64.b64encode(as_bytes(value)).decode("ascii")
    if schema.get("type") == "string" and type(value) is int:
        return schema["enumNumbers"][value] if "enum" in schema else str(value)
    return value


def described_methods(service: str, version: str) -> Iterator[Json]:
    """Every method of an API, as in its document: id, httpMethod, path, flatPath."""
    return _methods(_document(service, version))


def _methods(node: Json) -> Iterator[Json]:
    yield from node.get("methods", {}).values()
    for child in node.get("resources", {}).values():
        yield from _methods(child)


def _typed(parameter: Json, text: str) -> object:
    """The JSON value of a query parameter; the text itself if it can't be parsed."""
    if parameter["type"] == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if parameter["type"] in ("integer", "number"):
        try:
            return int(text)
        except ValueError:
            return text
    return text


def _read_only(field: Json) -> bool:
    # Some fields are marked only by the first words of their description.
    return bool(field.get("readOnly")) or field.get("description", "").startswith("Output only")


def _required(field: Json) -> bool:
    return field.get("required") is True or field.get("description", "").startswith("Required.")
