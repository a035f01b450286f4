"""The schema is read out of generated code: here a small package in the generator's layout.

Blocks of a large module stand in files beside its index, as those of the topic do.
"""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest

from tools.terraform.schema import schema_of
from tools.terraform.wheels import modules_of

GENERATED = Path(__file__).parent / "fixtures" / "generated"
PROVIDER = (GENERATED / "provider" / "index.ts").read_text()
TOPIC = (GENERATED / "pubsub-topic" / "index.ts").read_text()


def compiled(typescript: str) -> str:
    """JavaScript as the compiler leaves it: the source is in the map at its end."""
    source_map = b64encode(json.dumps({"sourcesContent": [typescript]}).encode()).decode()
    return f'"use strict";\n//# sourceMappingURL=data:application/json;base64,{source_map}'


def wheel(directory: Path, files: dict[str, str]) -> Path:
    """A wheel with ``files`` where the generator puts them."""
    package = io.BytesIO()
    with tarfile.open(fileobj=package, mode="w:gz") as archive:
        for name, content in {"index.js": "not a module", **files}.items():
            member = tarfile.TarInfo(f"package/lib/{name}")
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    path = directory / "provider-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive_file:
        archive_file.writestr("provider/_jsii/provider@1.0.jsii.tgz", package.getvalue())
    return path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        str(file.relative_to(GENERATED).with_suffix(".js")): compiled(file.read_text())
        for file in sorted(GENERATED.rglob("*.ts"))
    }
    return wheel(tmp_path, files)


def test_provider_resources_and_data_sources_are_told_apart(package: Path) -> None:
    schema = schema_of(modules_of(package))
    assert schema["version"] == "9.1.0"
    assert schema["provider"]["google"] == {
        "attributes": {"project": {"type": "string", "optional": True}},
        "block_types": {
            "batching": {
                "nesting_mode": "list",
                "block": {
                    "attributes": {"send_after": {"type": "string", "optional": True}},
                    "block_types": {},
                },
                "min_items": 0,
                "max_items": 1,
            }
        },
    }
    assert list(schema["resource"]) == ["google_pubsub_topic"]
    assert schema["data"]["google_project"]["attributes"] == {
        "number": {"type": "string", "computed": True}
    }


def test_attributes_have_their_type_and_flags(package: Path) -> None:
    topic = schema_of(modules_of(package))["resource"]["google_pubsub_topic"]
    assert topic["attributes"] == {
        "id": {"type": "string", "computed": True, "optional": True},
        "labels": {"type": ["map", "string"], "optional": True},
        "name": {"type": "string", "required": True, "values": ["IN", "OUT"]},
        "seen": {"type": ["set", "string"], "computed": True},
        "state": {"type": ["list", ["object", {"code": "number"}]], "computed": True},
        "tags": {"type": ["map", "string"], "computed": True},
    }


def test_blocks_have_their_number_and_nesting(package: Path) -> None:
    topic = schema_of(modules_of(package))["resource"]["google_pubsub_topic"]
    regions = {"type": ["set", "string"], "required": True, "values": ["EU", "US"]}
    policy = {"attributes": {"regions": regions}, "block_types": {}}
    assert topic["block_types"] == {
        "policy": {"nesting_mode": "list", "block": policy, "min_items": 1, "max_items": 1},
        "rules": {"nesting_mode": "set", "block": policy, "min_items": 0, "max_items": 0},
        "timeouts": {
            "nesting_mode": "single",
            "block": {
                "attributes": {"create": {"type": "string", "optional": True}},
                "block_types": {},
            },
            "min_items": 0,
            "max_items": 0,
        },
    }


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"pubsub-topic/index.js": compiled(TOPIC)}, "no provider"),
        ({"provider/index.js": compiled("export class Other {}")}, "no provider"),
        ({"provider/index.js": PROVIDER}, "without its source"),
    ],
)
def test_another_layout_is_an_error_and_no_empty_schema(
    tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        schema_of(modules_of(wheel(tmp_path, files)))


def test_a_wheel_without_generated_code_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "other-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other/__init__.py", "")
    with pytest.raises(ValueError, match="no generated code"):
        list(modules_of(path))
