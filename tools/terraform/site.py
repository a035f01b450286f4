"""A configuration without what a site adds to it: its values, its lock file, its state.

Terraform and checkov read such files from the directory by themselves. What is checked, and what
comes out, would then be another thing at every site.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.terraform.findings import Finding, place_of

_OF_A_SITE = shutil.ignore_patterns(
    "*.tfvars", "*.tfvars.json", ".terraform", ".terraform.lock.hcl", "*.tfstate*", "__pycache__"
)


@dataclass(frozen=True)
class Copy:
    """``path`` is the copy of ``original``."""

    path: Path
    original: Path

    def told(self, findings: Iterable[Finding]) -> list[Finding]:
        """``findings`` in the copy, as of the original."""
        copy, original = place_of(self.path), place_of(self.original)
        return [
            Finding(found.place.replace(copy, original), found.text.replace(copy, original))
            for found in findings
        ]


@contextmanager
def without_site(directory: Path) -> Iterator[Copy]:
    """A temporary copy of ``directory``; what lies beside it can be read from there, too."""
    original = directory.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch).resolve() / original.name
        for beside in original.parent.iterdir():
            if beside != original:
                (copy.parent / beside.name).symlink_to(beside)
        shutil.copytree(original, copy, ignore=_OF_A_SITE)
        yield Copy(copy, original)
