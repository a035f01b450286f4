"""Terraform's commands on one version of the provider's schema, and what they find.

Nothing of the caller reaches Terraform, and nothing of Terraform the network or the directory that
it checks: its environment, its configuration and its working data are temporary.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.terraform.environment import HERE
from tools.terraform.findings import Finding, place_of
from tools.terraform.isolation import isolated

_SECONDS = 300


class Terraform:
    """A context in which directories are checked; ``python`` is the tools' interpreter.

    ``schema`` is the provider's, as JSON. Findings are empty where all is well.
    """

    def __init__(self, python: Path, schema: Path) -> None:
        self._python = python
        self._schema = schema
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            reattach = stack.enter_context(stand_in(self._python, self._schema))
            self._environment = isolated(self._scratch) | {"TF_REATTACH_PROVIDERS": reattach}
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()

    def init(self, directory: Path) -> list[Finding]:
        """Reads the modules and looks for the providers; the other two need it."""
        return self._found(directory, "init", "-backend=false", "-input=false", "-json")

    def validate(self, directory: Path) -> list[Finding]:
        return self._found(directory, "validate", "-json")

    def test(self, directory: Path) -> list[Finding]:
        """Runs ``tests/*.tftest.hcl``; that none ran is a finding, too."""
        done = self._run(directory, "test", "-json")
        messages = _messages(done.stdout)
        passed = sum(m.get("test_summary", {}).get("passed", 0) for m in messages)
        if not (found := _findings(directory, messages, done)) and not passed:
            return [Finding(place_of(directory / "tests"), "no test ran")]
        return found

    def modules(self, directory: Path) -> set[Path]:
        """The directories that ``directory`` is made of after ``init``, itself among them."""
        listed = self._data(directory) / "modules" / "modules.json"
        if not listed.exists():
            return {directory.resolve()}
        modules = json.loads(listed.read_text())["Modules"]
        return {directory.resolve()} | {(directory / m["Dir"]).resolve() for m in modules}

    def _found(self, directory: Path, *words: str) -> list[Finding]:
        done = self._run(directory, *words)
        return _findings(directory, _messages(done.stdout), done)

    def _run(self, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
        environment = self._environment | {"TF_DATA_DIR": str(self._data(directory))}
        return run_core(self._python, directory, environment, *words)

    def _data(self, directory: Path) -> Path:
        return self._scratch / sha256(str(directory.resolve()).encode()).hexdigest()[:12]


def fmt(python: Path, directory: Path, *, write: bool = False) -> list[Finding]:
    """Files below ``directory`` that aren't formatted; then they are, if ``write``."""
    words = ["-recursive", "-list=true", f"-write={str(write).lower()}"]
    with tempfile.TemporaryDirectory() as scratch:
        environment = isolated(Path(scratch))
        done = run_core(python, directory, environment, "fmt", "-no-color", *words)
    if done.returncode:
        return [_unformattable(directory, done.stderr)]
    return [
        Finding(place_of(directory / name), "is not formatted") for name in done.stdout.splitlines()
    ]


def _unformattable(directory: Path, errors: str) -> Finding:
    """fmt knows no JSON: `Error: TEXT … on FILE line NUMBER`."""
    text = " ".join(errors.replace("│", " ").split())
    if where := re.search(r" on (\S+) line (\d+)", text):
        return Finding(place_of(directory / where[1], int(where[2])), text[: where.start()])
    return Finding(place_of(directory), text)


@contextmanager
def stand_in(python: Path, schema: Path) -> Iterator[str]:
    """A running stand-in provider; the value for TF_REATTACH_PROVIDERS."""
    command = [str(python), "-m", "tools.terraform.provider", str(schema.resolve())]
    with subprocess.Popen(
        command, cwd=HERE.parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            reattach = process.stdout.readline().strip()
            if not reattach:
                raise RuntimeError("the stand-in provider did not start")
            yield reattach
        finally:
            process.stdin.close()


def run_core(
    python: Path, directory: Path, environment: Mapping[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    """One command in ``directory``."""
    command = [str(python), str(HERE / "core.py"), str(directory.resolve()), *words]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=_SECONDS, env=environment
    )


def _messages(output: str) -> list[dict[str, Any]]:
    """The JSON objects in ``output``: one, or one a line."""
    try:
        return [json.loads(output)]
    except ValueError:
        lines = [line for line in output.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines]


def _findings(
    directory: Path, messages: list[dict[str, Any]], done: subprocess.CompletedProcess[str]
) -> list[Finding]:
    diagnostics = [d for m in messages for d in m.get("diagnostics", [])]
    diagnostics += [m["diagnostic"] for m in messages if "diagnostic" in m]
    errors = [d for d in diagnostics if d["severity"] == "error"]
    # A summary without detail or place only announces those that follow.
    told = [d for d in errors if d.get("detail") or d.get("range")] or errors
    found = [_finding(directory, d) for d in told]
    if done.returncode and not found:
        text = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
        return [Finding(place_of(directory), text)]
    return found


def _finding(directory: Path, diagnostic: Mapping[str, Any]) -> Finding:
    text = ": ".join(filter(None, [diagnostic["summary"], diagnostic.get("detail")]))
    text = " ".join(text.split())
    where = diagnostic.get("range")
    if where is None:
        return Finding(place_of(directory), text)
    return Finding(place_of(directory / where["filename"], where["start"]["line"]), text)
