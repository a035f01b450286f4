"""The archive: the same sources give the same bytes, and `.gcloudignore` uploads the same files."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.gcloud import Gcloud
from tools.package import ROOT, build, contents, main

SOURCES = (
    "main.py",
    "requirements.txt",
    "functions/__init__.py",
    "functions/fleet/entry_point.py",
    "functions/templates/desk.html",
    "shared/__init__.py",
    "shared/domain/names.py",
)
STRAYS = (
    ".env",
    ".venv/lib/site.py",
    "README.md",
    "pyproject.toml",
    "requirements-dev.txt",
    "docs/main.py",
    "local/functions/cloud.py",
    "tests/shared/test_names.py",
    "tools/main.py",
    "functions/.DS_Store",
    "functions/.idea/settings.py",
    "functions/__pycache__/fleet.cpython-311.pyc",
    "shared/domain/__pycache__/names.cpython-313.pyc",
    "shared/old.pyc",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small one, with everything that may lie about in one."""
    root = tmp_path / "checkout"
    for name in (*SOURCES, *STRAYS):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"# {name}\n")
    (root / ".gcloudignore").write_bytes((ROOT / ".gcloudignore").read_bytes())
    return root


def test_the_archive_holds_the_sources_sorted_and_nothing_else(
    checkout: Path, tmp_path: Path
) -> None:
    build(tmp_path / "a.zip", checkout)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == sorted(SOURCES)
        assert archive.read("shared/domain/names.py") == b"# shared/domain/names.py\n"
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == stat.S_IFREG | 0o644


def test_neither_times_nor_modes_nor_the_order_of_a_directory_change_a_byte(
    checkout: Path, tmp_path: Path
) -> None:
    build(tmp_path / "a.zip", checkout)
    for number, name in enumerate(reversed(SOURCES)):
        content = (checkout / name).read_bytes()
        (checkout / name).unlink()
        (checkout / name).write_bytes(content)
        (checkout / name).chmod(0o600)
        os.utime(checkout / name, (10**9 + number, 10**9 + number))
    build(tmp_path / "b.zip", checkout)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_another_source_is_another_archive(checkout: Path, tmp_path: Path) -> None:
    build(tmp_path / "a.zip", checkout)
    (checkout / "main.py").write_text("# another\n")
    build(tmp_path / "b.zip", checkout)
    assert (tmp_path / "a.zip").read_bytes() != (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("name", ["main.py", "requirements.txt"])
def test_without_what_the_buildpack_needs_there_is_no_archive(checkout: Path, name: str) -> None:
    (checkout / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        contents(checkout)


def test_gcloudignore_lets_through_what_is_archived_by_gits_rules(checkout: Path) -> None:
    """Git's rules are those that gcloud says it follows."""
    git = ["git", "-c", "core.excludesFile=", "-C", str(checkout)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-from=.gcloudignore"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(listed.stdout.splitlines()) == contents(checkout) == sorted(SOURCES)


@pytest.mark.parametrize("which", ["small", "ours"])
def test_gcloudignore_lets_through_what_is_archived(
    gcloud_command: Gcloud, checkout: Path, which: str
) -> None:
    root = checkout if which == "small" else ROOT
    listed = gcloud_command("meta", "list-files-for-upload", str(root))
    assert sorted(listed.splitlines()) == contents(root)


def test_the_command_writes_the_archive_and_prints_its_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "new" / "a.zip")]) == 0
    said = capsys.readouterr().out
    assert hashlib.sha256((tmp_path / "new" / "a.zip").read_bytes()).hexdigest() in said
    assert f"{len(contents())} files" in said


def test_every_module_that_python_would_import_is_there() -> None:
    names = contents()
    assert {"main.py", "requirements.txt", "functions/pubsub_request.py", "shared/logs.py"} <= set(
        names
    )
    directories = {name.partition("/")[0] for name in names if "/" in name}
    assert directories == {"functions", "shared"}
