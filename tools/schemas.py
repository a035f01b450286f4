"""Writes the published JSON Schemas from their types, or checks that they are up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from shared.domain.contracts.json_schemas import admin_event_schema, event_schema
from shared.services.announce import announcement_schema

_DOCS = Path(__file__).parent.parent / "docs"


def schemas() -> dict[str, dict[str, Any]]:
    """What is published, by file name."""
    return {
        "event.schema.json": event_schema(),
        "admin-event.schema.json": admin_event_schema(),
        "announcement.schema.json": announcement_schema(),
    }


def main() -> int:
    """Exit 1 if a file is out of date and ``--check`` was given."""
    stale = []
    for name, schema in schemas().items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        file = _DOCS / name
        if "--check" not in sys.argv[1:]:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"{', '.join(stale)}: not what the types say; run `make schema`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
