"""``make mutants`` on a project of one module: detected, surviving and endless mutants."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AGES = """
def is_adult(age):
    return age >= 18


def countdown(n):
    steps = 0
    while n > 0:
        n = n - 1
        steps += 1
    return steps
"""
TESTS = """
import pytest
from shared.domain.ages import countdown, is_adult


@pytest.mark.parametrize("age, adult", [(3, False), (30, True)])
def test_age(age, adult):
    assert is_adult(age) is adult


def test_countdown():
    assert countdown(3) == 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one module and its tests."""
    for file, text in {
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
        "shared/__init__.py": "",
        "shared/domain/__init__.py": "",
        "shared/domain/ages.py": AGES,
        "tests/unit/test_ages.py": TESTS,
        "explained.toml": "",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


def run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.mutants", "--root", str(project), "--tests"]
    command += ["tests/unit", "--explained", str(project / "explained.toml"), *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


def test_survivors_are_shown_and_endless_mutants_are_ended(project: Path) -> None:
    done = run(project)
    assert done.returncode == 1, done.stderr
    assert (
        "ages.py:3 boundary; 2 tests reach it\n- return age >= 18\n+ return age > 18" in done.stdout
    )
    survivors = [line for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert sorted(survivors) == ["+ return age > 18", "+ return age >= 17", "+ return age >= 19"]


def test_explained_mutants_are_accepted(project: Path) -> None:
    entries = [line for line in run(project, "--entries").stdout.splitlines() if " = " in line]
    text = "\n".join(
        f"[[survivor]]\n{line}" if line.startswith("file") else line for line in entries
    )
    (project / "explained.toml").write_text(text.replace('reason = ""', 'reason = "as it may be"'))
    done = run(project)
    assert (done.returncode, "3 of these explained" in done.stdout) == (0, True), done.stdout


def test_tests_that_cannot_be_imported_are_named(project: Path) -> None:
    (project / "tests/unit/test_ages.py").write_text("import nothing_of_that_name\n")
    done = run(project)
    assert done.returncode == 2
    assert "tests/unit/test_ages.py: " in done.stderr
    assert "No module named 'nothing_of_that_name'" in done.stderr


def test_tests_that_fail_without_a_mutant_are_named(project: Path) -> None:
    (project / "tests/unit/test_ages.py").write_text(TESTS.replace("30, True", "30, False"))
    done = run(project)
    assert done.returncode == 2
    assert "test_age[30-False]" in done.stderr


def test_a_call_of_the_base_class_that_is_dropped_is_a_change_like_any_other(project: Path) -> None:
    (project / "shared/domain/ages.py").write_text(
        "class TooYoung(Exception):\n"
        "    def __init__(self, age):\n"
        "        super().__init__(age)\n"
        "        self.age = age\n"
    )
    (project / "tests/unit/test_ages.py").write_text(
        "from shared.domain.ages import TooYoung\n\n\n"
        "def test_too_young():\n"
        "    assert TooYoung(age=3).args == (3,)\n"
    )
    done = run(project)
    assert done.returncode == 1, done.stderr
    survivors = [line for line in done.stdout.splitlines() if line.startswith("- ")]
    assert survivors == ["- self.age = age"]
