"""Survivors that no test can notice, each with the reason why: ``explained.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from tools.mutants.changes import Mutant

Identity = tuple[str, str, str, str, int]
_FIELDS = {"file", "function", "before", "after", "nth", "reason"}


def read_explained(path: Path) -> dict[Identity, str]:
    """The reasons by the mutant they are for. Raises ``ValueError`` for a faulty entry."""
    found = {}
    for number, entry in enumerate(tomllib.loads(path.read_text()).get("survivor", []), start=1):
        place = f"{path.name}: survivor {number}"
        if unknown := entry.keys() - _FIELDS:
            raise ValueError(f"{place}: unknown field {min(unknown)}; known: {sorted(_FIELDS)}")
        if missing := _FIELDS - {"nth"} - entry.keys():
            raise ValueError(f"{place}: {min(missing)} is missing")
        if not entry["reason"].strip():
            raise ValueError(f"{place}: the reason is empty; say why no test can notice it")
        before, after = entry["before"].strip("\n"), entry["after"].strip("\n")
        identity = (entry["file"], entry["function"], before, after, entry.get("nth", 1))
        if identity in found:
            raise ValueError(f"{place}: the same mutant is explained twice")
        found[identity] = entry["reason"]
    return found


def outdated(explained: Iterable[Identity], mutants: Iterable[Mutant]) -> list[Identity]:
    """The explanations for which there is no mutant any more."""
    there = {mutant.identity for mutant in mutants}
    return [identity for identity in explained if identity not in there]


def as_entry(mutant: Mutant) -> str:
    """The entry to add for ``mutant``, its reason left to be written."""
    lines = ["[[survivor]]", f'file = "{mutant.file}"', f'function = "{mutant.function}"']
    lines += [f"before = {_quoted(mutant.before)}", f"after = {_quoted(mutant.after)}"]
    lines += [f"nth = {mutant.nth}"] if mutant.nth > 1 else []
    return "\n".join([*lines, 'reason = ""', ""])


def _quoted(text: str) -> str:
    """A literal string of TOML: nothing in it is escaped."""
    return f"'''\n{text}'''" if "\n" in text or "'" in text else f"'{text}'"
