"""Where a tool can't be had, the reason is told in one line; nothing half installed is used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.terraform import environment
from tools.terraform.environment import Unavailable, download, key_of, python_of, run
from tools.terraform.versions import DISTRIBUTIONS, schema_file


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.mark.usefixtures("no_index")
def test_a_package_that_no_index_has_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as raised:
        download("cdktn-provider-google==21.1.0", tmp_path)
    assert str(raised.value) == (
        "cdktn-provider-google==21.1.0 can't be installed: "
        "ERROR: No matching distribution found for cdktn-provider-google==21.1.0"
    )


@pytest.mark.usefixtures("no_index")
def test_an_index_that_cannot_be_reached_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(Unavailable, match=r"^no package index can be reached$"):
        download("cdktn-provider-google==21.1.0", tmp_path)


@pytest.mark.parametrize("major", DISTRIBUTIONS)
@pytest.mark.usefixtures("no_index")
def test_a_schema_that_cannot_be_downloaded_is_unavailable(tmp_path: Path, major: str) -> None:
    with pytest.raises(Unavailable, match=DISTRIBUTIONS[major]):
        schema_file(major, tmp_path)
    assert list(tmp_path.rglob("*.json")) == []


def test_an_environment_that_failed_half_way_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []

    def fails_at_import(command: list[str], what: str) -> None:
        commands.append(" ".join(command))
        if "-c" in command:
            raise Unavailable(f"{what} can't be installed: wrong glibc")

    monkeypatch.setattr(environment, "run", fails_at_import)
    for _ in range(2):
        with pytest.raises(Unavailable, match="wrong glibc"):
            python_of("terraform", tmp_path)
    assert sum("-m venv" in command for command in commands) == 2
    with pytest.raises(Unavailable, match="not installed"):
        python_of("terraform", tmp_path, install=False)


def test_nothing_is_installed_unasked(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="terraform is not installed"):
        python_of("terraform", tmp_path, install=False)
    with pytest.raises(Unavailable, match="schema of google 8"):
        schema_file("8", tmp_path, install=False)
    assert list(tmp_path.iterdir()) == []


def test_the_last_line_of_what_failed_is_the_reason() -> None:
    fails = "import sys; print('progress'); sys.exit('first\\nthe reason')"
    with pytest.raises(Unavailable, match=r"^checkov can't be installed: the reason$"):
        run([sys.executable, "-c", fails], "checkov")


def test_a_command_that_is_missing_is_a_reason() -> None:
    with pytest.raises(Unavailable, match="No such file"):
        run(["/nonexistent/python"], "checkov")


def test_other_requirements_are_another_environment(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("checkov==1\n")
    (tmp_path / "new").write_text("checkov==2\n")
    assert key_of(tmp_path / "old") != key_of(tmp_path / "new")
    assert key_of(tmp_path / "old") == key_of(tmp_path / "old")
