"""checkov over a directory: failed checks, files it can't read, and skips that don't say why.

By itself checkov passes what it can't parse, skips without a reason, and whatever a .checkov.yaml
tells it to skip; here all three are findings.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.terraform.findings import Finding, place_of
from tools.terraform.isolation import isolated

_SECONDS = 300
_SETTINGS = (".checkov.yaml", ".checkov.yml")
_SKIP = re.compile(r"(?:checkov|bridgecrew):skip=([\w,]+)(?:\s*:\s*(.*))?")


def checkov(python: Path, directory: Path) -> list[Finding]:
    """What is wrong below ``directory``; ``python`` is the interpreter that has checkov."""
    report = _report(python, directory)
    return [
        *unexplained(directory),
        *_failed(directory, report),
        *_unread(directory, report),
        *_useless_skips(directory, report),
    ]


def unexplained(directory: Path) -> list[Finding]:
    """Skips without a reason, and settings that skip for all; needs no checkov."""
    settings = [file for name in _SETTINGS for file in sorted(directory.rglob(name))]
    return [
        *(
            Finding(place_of(file), "skip a check where it applies, not in a file")
            for file in settings
        ),
        *(
            Finding(
                place_of(file, line), f"no reason to skip {check}: #checkov:skip={check}:reason"
            )
            for file, line, check, reason in _written_skips(directory)
            if not reason
        ),
    ]


def _report(python: Path, directory: Path) -> dict[str, Any]:
    words = ["--framework", "terraform", "--compact", "--skip-download", "-o", "json"]
    command = [str(python), "-m", "checkov.main", *words, "-d", str(directory.resolve())]
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            cwd=scratch,
            env=isolated(Path(scratch)),
        )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"checkov failed: {(done.stderr or done.stdout).strip()}") from None
    assert isinstance(report, dict), "one framework, one report"
    return report


def _failed(directory: Path, report: dict[str, Any]) -> Iterator[Finding]:
    for check in report.get("results", {}).get("failed_checks", []):
        file = directory / check["file_path"].lstrip("/")
        text = f"{check['check_id']}: {check['check_name']} ({check['resource']})"
        yield Finding(place_of(file, check["file_line_range"][0]), text)


def _unread(directory: Path, report: dict[str, Any]) -> Iterator[Finding]:
    unread = report.get("results", {}).get("parsing_errors", [])
    for name in unread:
        yield Finding(place_of(Path(name)), "checkov can't parse it")
    # Where it has read nothing at all, the report is only the summary.
    if report.get("summary", report).get("parsing_errors", 0) > len(unread):
        yield Finding(place_of(directory), "checkov can't parse some file in it")


def _useless_skips(directory: Path, report: dict[str, Any]) -> Iterator[Finding]:
    used = {
        (Path(check["file_abs_path"]).resolve(), check["check_id"])
        for check in report.get("results", {}).get("skipped_checks", [])
    }
    for file, line, check, _ in _written_skips(directory):
        if (file.resolve(), check) not in used:
            yield Finding(place_of(file, line), f"the skip of {check} skips nothing")


def _written_skips(directory: Path) -> Iterator[tuple[Path, int, str, str]]:
    """File, line, check and reason of each skip."""
    for file in sorted(directory.rglob("*.tf")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for checks, reason in _SKIP.findall(line):
                for check in checks.split(","):
                    yield file, number, check, reason.strip()
