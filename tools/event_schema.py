"""Writes ``docs/event.schema.json`` from the event's types, or checks that it is up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shared.domain.events import event_schema

_FILE = Path(__file__).parent.parent / "docs" / "event.schema.json"


def main() -> int:
    """Exit 1 if the file is out of date and ``--check`` was given."""
    text = json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in sys.argv[1:]:
        _FILE.write_text(text, encoding="utf-8")
        return 0
    if _FILE.exists() and _FILE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{_FILE.name} doesn't match the types; run `make schema`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
