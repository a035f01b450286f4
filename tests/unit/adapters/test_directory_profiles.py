"""Profiles in a directory: read again after a change, never replaced by an invalid set."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from shared.adapters.profiles.directory import DirectoryProfiles
from shared.domain.profiles import ProfilesInvalid
from tests.support.small_profiles import BAD, MASTER, actions, profiles_yaml


class TestDirectory:
    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        (tmp_path / "masters").mkdir()
        (tmp_path / "masters" / "session.yaml").write_bytes(MASTER)
        (tmp_path / "profiles.yaml").write_bytes(profiles_yaml("one"))
        return tmp_path

    def test_is_read_once_while_nothing_changes(self, directory: Path) -> None:
        source = DirectoryProfiles(directory)
        assert source.current() is source.current()

    def test_a_change_is_in_force_at_once(self, directory: Path) -> None:
        source = DirectoryProfiles(directory)
        assert source.current().names == ("one",)
        rewrite(directory / "profiles.yaml", profiles_yaml("two"))
        assert source.current().names == ("two",)

    def test_a_changed_master_alone_is_a_change(self, directory: Path) -> None:
        source = DirectoryProfiles(directory)
        first = source.current()
        rewrite(directory / "masters" / "session.yaml", MASTER)
        assert source.current() is not first

    @pytest.mark.parametrize("damage", ["bad", "gone", "huge"])
    def test_an_invalid_set_is_logged_and_the_last_valid_one_stays(
        self, directory: Path, damage: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = DirectoryProfiles(directory)
        first = source.current()
        if damage == "gone":
            (directory / "profiles.yaml").unlink()
        else:
            data = BAD if damage == "bad" else b"x" * (1024 * 1024 + 1)
            rewrite(directory / "profiles.yaml", data)
        with caplog.at_level(logging.INFO):
            assert source.current() is first
            assert source.current() is first
        assert actions(caplog) == [("ERROR", "profiles.invalid")]

    def test_every_fault_of_an_invalid_set_is_logged(
        self, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = DirectoryProfiles(directory)
        source.current()
        rewrite(directory / "profiles.yaml", BAD)
        source.current()
        fields = vars(caplog.records[-1])
        assert [problem.split(": ")[0] for problem in fields["problems"]] == [
            "default",
            "profiles.a.grace",
            "profiles.a",
        ]
        assert fields["problem_count"] == 3

    def test_a_process_that_starts_with_an_invalid_set_uses_the_copy(
        self, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        kept = tmp_path / "kept"
        DirectoryProfiles(directory, copy=kept).current()
        rewrite(directory / "profiles.yaml", BAD)
        later = DirectoryProfiles(directory, copy=kept)
        with caplog.at_level(logging.INFO):
            assert later.current().names == ("one",)
        assert actions(caplog) == [("ERROR", "profiles.invalid")]
        assert "the last good ones stay in force" in caplog.messages[0]
        rewrite(directory / "profiles.yaml", profiles_yaml("two"))
        assert later.current().names == ("two",)

    def test_a_copy_that_is_invalid_for_the_region_is_not_used(
        self, directory: Path, tmp_path: Path
    ) -> None:
        kept = tmp_path / "kept"
        text = b"version: 1\ndefault: a\nprofiles:\n  a:\n    grace: 0\n    workbench: "
        text += b"{zones: [us-east1-b], machine_type: e2-medium}\n"
        rewrite(directory / "profiles.yaml", text)
        DirectoryProfiles(directory, copy=kept).current()
        with pytest.raises(ProfilesInvalid, match="us-east1-b is not in this site's region"):
            DirectoryProfiles(directory, region="us-central1", copy=kept).current()

    def test_a_directory_without_profiles_raises(self, tmp_path: Path) -> None:
        with pytest.raises(ProfilesInvalid, match=r"profiles.yaml: there is none in "):
            DirectoryProfiles(tmp_path / "nowhere").current()

    def test_a_valid_set_is_logged_when_it_comes_into_force(
        self, directory: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = DirectoryProfiles(directory)
        with caplog.at_level(logging.INFO):
            source.current()
            source.current()
        assert actions(caplog) == [("INFO", "profiles.loaded")]


def rewrite(path: Path, data: bytes) -> None:
    """Write with a new time: two writes could get the same time of the file system."""
    later = path.stat().st_mtime_ns + 1_000_000_000
    path.write_bytes(data)
    os.utime(path, ns=(later, later))
