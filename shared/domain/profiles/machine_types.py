"""The forms of Compute Engine's machine types, so that a mistyped one is found before a join.

Only the form is checked, because the families and sizes change every few months and differ between
zones. A name of the right form is accepted even if its family is unknown.

Sources: the examples in Compute Engine's, Dataproc's and Notebooks' discovery documents, and
Compute Engine's "Machine families resource and comparison guide" as of 2026-11.
"""

from __future__ import annotations

import re

_FAMILY = r"[a-z]{1,4}[0-9]{1,2}[a-z]{0,3}"  # e2, n2d, c4a, a4x, ct5lp, tpu7x
_CLASS = r"(standard|(high|mega|ultra|hyper|edge|max)(mem|cpu|gpu|tpu))"
_COUNT = r"[1-9][0-9]{0,3}"
_EXTRAS = r"(-([a-z]*lssd|metal|nolssd))*"
_FORMS = (
    rf"{_FAMILY}-{_CLASS}-{_COUNT}[gt]?{_EXTRAS}",  # e2-standard-4, a2-highgpu-1g, c3-…-4-lssd
    r"(e2|f1|g1)-(micro|small|medium)",
    rf"{_FAMILY}-{_COUNT}(-{_COUNT}t)?-metal",  # x4-480-6t-metal
    rf"({_FAMILY}-)?custom-{_COUNT}-[1-9][0-9]{{2,7}}(-ext)?",  # n2-custom-8-16384
    r"e2-custom-(micro|small|medium)-[1-9][0-9]{2,4}",
)
_MACHINE_TYPE = re.compile("|".join(f"({form})" for form in _FORMS))
_EXPECTED = "expected a machine type such as e2-standard-4, n2-custom-8-16384 or a2-highgpu-1g"


def objection(name: str) -> str | None:
    """Why ``name`` can't be the short name of a machine type; None if it can."""
    if _MACHINE_TYPE.fullmatch(name):
        memory = re.search(r"custom-[0-9a-z]+-([0-9]+)", name)
        if memory and int(memory[1]) % 256:
            return f"{name} has {memory[1]} MB of memory, which must be a multiple of 256"
        return None
    shown = repr(name if len(name) <= 60 else name[:57] + "...")
    meant = _tidied(name)
    hint = f"; did you mean {meant!r}?" if _MACHINE_TYPE.fullmatch(meant) else ""
    return f"{_EXPECTED}, got {shown}{hint}"


def _tidied(name: str) -> str:
    """A mistyped name, corrected: ``E2_Standard4`` becomes ``e2-standard-4``."""
    words = re.sub(r"[\s_-]+", "-", name[:60].strip().lower())
    words = re.sub(rf"({_CLASS}|custom)-?(?=[0-9])", r"\1-", words)
    return re.sub(rf"^([a-z]+[0-9]+[a-z]?)-?(?=({_CLASS}|custom)-)", r"\1-", words)
