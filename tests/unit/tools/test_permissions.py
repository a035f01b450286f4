"""The comparison of needs with grants, the files both are read from, and the page's tables."""

from __future__ import annotations

from pathlib import Path

import pytest

import main
from local.iam.needs import Needed, Needs, read
from local.iam.permissions import NEEDS, Permitted
from local.stack.deployment import Grant, functions, grants, permitted
from tools import permissions
from tools.permission_tables import PAGE, with_tables
from tools.permissions import CONVERGING, exceeding, lacking, report

CONVERGE = Grant("run", "project", ("onboard", "converge", "reconcile"), ("a.b.get",), None)
BUCKET = Grant("files", "templates", ("converge",), ("s.o.get", "s.o.list"), None)


def test_a_need_is_covered_by_a_grant_on_its_place_or_on_the_project() -> None:
    covered = [
        Needed("converge", "a.b.get", "anywhere"),
        Needed("converge", "s.o.get", "templates"),
    ]
    assert lacking(covered, [CONVERGE, BUCKET]) == []
    assert lacking(
        [
            Needed("converge", "s.o.get", "profiles"),
            Needed("fleet", "a.b.get", "project"),
            Needed("onboard", "a.b.put", "project"),
        ],
        [CONVERGE, BUCKET],
    ) == [
        "converge needs s.o.get on profiles, and no grant gives it",
        "fleet needs a.b.get on project, and no grant gives it",
        "onboard needs a.b.put on project, and no grant gives it",
    ]


def test_a_grant_is_needed_by_one_of_those_that_converge_and_by_each_other_one() -> None:
    needs = [Needed("onboard", "a.b.get", "project"), Needed("converge", "s.o.get", "templates")]
    assert exceeding(needs, [CONVERGE, BUCKET]) == [
        "run grants a.b.get, and reconcile did not need it",
        "files grants s.o.list, and converge did not need it",
    ]
    by_all = [
        *needs,
        Needed("reconcile", "a.b.get", "x"),
        Needed("converge", "s.o.list", "templates"),
    ]
    assert exceeding(by_all, [CONVERGE, BUCKET]) == []


def everything() -> set[Needed]:
    """Needs that fit the grants exactly."""
    return {
        Needed(function, permission, grant.place)
        for grant in grants()
        for function in grant.functions
        for permission in grant.permissions
    }


def noted(directory: Path, needs: set[Needed]) -> None:
    book = Needs(directory)
    for need in needs:
        book.note(*need)


def test_needs_are_written_down_once_and_read_again(tmp_path: Path) -> None:
    noted(tmp_path, everything())
    noted(tmp_path, everything())
    assert read(tmp_path) == everything()
    book = Needs(tmp_path / "new")
    for _ in range(2):
        book.note("a", "b", "c")
    (file,) = (tmp_path / "new").iterdir()
    assert file.read_text() == '["a", "b", "c"]\n'


def test_a_run_that_fits_is_one_line_and_one_that_does_not_names_each_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noted(tmp_path, everything())
    monkeypatch.setattr("sys.argv", ["permissions", str(tmp_path)])
    assert permissions.main() == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("permissions: ")

    noted(tmp_path, {Needed("fleet", "notebooks.instances.get", "project")})
    assert permissions.main() == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "permissions: fleet needs notebooks.instances.get on project, and no grant gives it"
    ]


def test_without_an_emulator_what_is_granted_on_the_database_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted(tmp_path, {need for need in everything() if need.place != "database"})
    monkeypatch.setattr(permissions, "find_emulator", lambda _: "not found (no java)")
    faults, line = report(tmp_path)
    assert faults == []
    assert line.endswith("Firestore's not judged, emulator not found (no java)")


def test_a_run_without_notes_fails(tmp_path: Path) -> None:
    assert report(tmp_path)[0] == [f"no need was noted in {tmp_path}"]


def test_the_page_shows_what_is_granted_and_checked() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_tables(page) == page, "run `python -m tools.permissions --write`"
    for permission in {permission for grant in grants() for permission in grant.permissions}:
        assert f"| `{permission}` |" in page


def test_every_permission_that_is_granted_is_one_that_the_local_cloud_checks() -> None:
    known = {need.permission for need in NEEDS}
    granted = {permission for grant in grants() for permission in grant.permissions}
    assert granted <= known


def test_the_functions_are_those_of_main_and_each_grant_is_for_some_of_them() -> None:
    names = {function.name for function in functions()}
    assert names == set(main.__all__)
    assert set(CONVERGING) < names
    for grant in grants():
        assert set(grant.functions) <= names
    assert [function.name for function in functions() if function.topic is None] == ["fleet"]


def test_a_grant_with_a_setting_holds_only_with_it() -> None:
    older = Permitted("notebooks.runtimes.get", "project")
    assert older not in permitted("converge", grants(), set())
    assert older in permitted("converge", grants(), {"older_kinds"})
    assert permitted("fleet", grants(), {"older_kinds"}) == {
        Permitted("datastore.entities.get", "database"),
        Permitted("datastore.entities.list", "database"),
    }
