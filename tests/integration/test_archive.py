"""The archive boots by itself, every entry point of it works, and its byte code is used."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tools.package import ROOT, build, contents
from tools.smoke.__main__ import main, run
from tools.smoke.deployed import deploy
from tools.smoke.entry_points import entry_points
from tools.smoke.python import environment
from tools.smoke.server import DidNotStart
from tools.smoke.stage import Failed
from tools.smoke.story import STORY, tell

# Loads most of what the entry points load, and needs no settings for it.
_LOADING = "import functions.onboard, functions.fleet.entry_point, shared.adapters.sqlite_store"


@pytest.fixture(scope="module")
def python() -> Path:
    return environment(ROOT / "requirements.txt") / "bin" / "python"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    build(tmp_path / "benchkeeper.zip")
    return tmp_path / "benchkeeper.zip"


def without(archive: Path, left_out: str) -> Path:
    """The archive with one file less."""
    smaller = archive.with_name("smaller.zip")
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(smaller, "w") as file:
        for name in whole.namelist():
            if name != left_out:
                file.writestr(name, whole.read(name))
    return smaller


def test_every_entry_point_boots_from_the_archive_and_its_push_has_its_effect(
    archive: Path, tmp_path: Path
) -> None:
    lines = run(archive, tmp_path / "work")
    names = [each.name for each in entry_points()]
    pushed = [each.name for each in entry_points() if each.topic is not None]
    assert sorted(line.partition(":")[0] for line in lines) == sorted(names + pushed)


def test_an_archive_that_lacks_a_file_fails(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(without(archive, "shared/services/tick.py"))]) == 1
    assert "reconcile" in capsys.readouterr().err


def test_an_archive_whose_entry_points_cannot_be_loaded_does_not_start(
    archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(DidNotStart, match=r"No module named 'functions\.pubsub_request'"):
        run(without(archive, "functions/pubsub_request.py"), tmp_path / "work")


def test_an_entry_point_without_a_push_of_its_own_is_reported() -> None:
    with pytest.raises(Failed, match="sweep: no push is written for it"):
        tell(None, [*STORY, "sweep"])  # type: ignore[arg-type] # nothing is pushed before that


def loaded_from(source: Path, python: Path) -> tuple[set[str], set[str]]:
    """Which of our files are compiled when they are loaded, and which come as byte code."""
    done = subprocess.run(
        [python, "-B", "-v", "-c", _LOADING], cwd=source, capture_output=True, text=True, check=True
    )
    marked = "# code object from "
    lines = [line for line in done.stderr.splitlines() if line.startswith(marked)]
    files = {line.removeprefix(marked).strip("'") for line in lines if str(source) in line}
    stale = {file for file in files if file.endswith(".py")}
    return stale, files - stale


def test_byte_code_is_used_after_the_times_of_all_files_are_reset(
    archive: Path, tmp_path: Path, python: Path
) -> None:
    stale, used = loaded_from(deploy(archive, tmp_path / "source", python), python)
    assert stale == set()
    assert len(used) > 30
    compiled = list((tmp_path / "source").rglob("*.pyc"))
    assert len(compiled) == sum(name.endswith(".py") for name in contents())
    assert {path.read_bytes()[4] for path in compiled} == {0b11}, "checked by hash (PEP 552)"


def test_byte_code_would_be_stale_without_the_builds_environment(
    archive: Path, tmp_path: Path, python: Path
) -> None:
    source = deploy(archive, tmp_path / "source", python, build_environment={})
    stale, used = loaded_from(source, python)
    assert len(stale) > 30
    assert used == set()
