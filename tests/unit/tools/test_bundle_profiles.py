"""`make profiles-bundle`: what is checked is what is written, always in the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shared.adapters.profiles.bucket import BucketProfiles
from shared.adapters.profiles.bundle import BundleProfiles
from shared.adapters.profiles.directory import DirectoryProfiles, read_directory
from shared.bootstrap import App
from shared.domain.profiles import ProfilesInvalid
from shared.domain.profiles.bundle import pack, unpack
from shared.settings import Settings
from tools import check_profiles
from tools.bundle_profiles import main

SHIPPED = Path(__file__).parents[3] / "infra" / "profiles"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "profiles"))


def test_the_bundle_holds_the_files_as_they_are(directory: Path, tmp_path: Path) -> None:
    written = tmp_path / "new" / "profiles.json"
    (directory / "notes.txt").write_text("not a part of the set")
    assert main([str(directory), "--output", str(written)]) == 0
    files = {
        path.relative_to(SHIPPED).as_posix(): path.read_text(encoding="utf-8")
        for path in SHIPPED.rglob("*.yaml")
    }
    assert json.loads(written.read_bytes()) == {"format": 1, "files": files}
    assert unpack(written.read_bytes(), "x") == read_directory(SHIPPED)


def test_the_same_files_make_the_same_bytes() -> None:
    files = read_directory(SHIPPED)
    assert pack(files) == pack(dict(reversed(files.items())))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("profiles.yaml", "default: analyst", "default: nobody"),
        ("profiles.yaml", "version: 1", "version: 1\nversion: 2"),
        ("masters/session-standard.yaml", "runtimeConfig", "runtimeConfg"),
        ("masters/cluster-small.yaml", "machineTypeUri", "machineTypURI"),
    ],
)
def test_profiles_that_the_check_refuses_are_not_written(
    directory: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
) -> None:
    text = (directory / file).read_text()
    assert old in text
    (directory / file).write_text(text.replace(old, new))
    assert check_profiles.main([str(directory)]) == 1
    refused = capsys.readouterr().err
    assert main([str(directory), "--output", str(tmp_path / "profiles.json")]) == 1
    assert capsys.readouterr().err == refused
    assert not (tmp_path / "profiles.json").exists()


def test_the_region_is_that_of_the_deployment(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = ["--output", str(tmp_path / "profiles.json")]
    assert main([str(directory), "--region", "europe-west1", *output]) == 1
    assert "is not in this site's region" in capsys.readouterr().err
    assert main([str(directory), "--region", "Iowa", *output]) == 1
    assert "REGION is 'Iowa'" in capsys.readouterr().err


def test_a_file_that_is_not_utf8_is_not_packed() -> None:
    files = {"profiles.yaml": b"\xff", "masters/a.yaml": b"ok\n", "masters/b.yaml": b"\xfe"}
    with pytest.raises(ProfilesInvalid) as caught:
        pack(files)
    assert [message.split(":")[0] for message in caught.value.messages] == [
        "masters/b.yaml",
        "profiles.yaml",
    ]


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("gs://acme/live/profiles.json", BundleProfiles),
        ("gs://acme/profiles.json", BundleProfiles),
        ("gs://acme/live", BucketProfiles),
        ("gs://acme", BucketProfiles),
        ("file:profiles", DirectoryProfiles),
    ],
)
def test_the_setting_says_where_profiles_are(
    monkeypatch: pytest.MonkeyPatch, where: str, kind: type
) -> None:
    settings = Settings(
        project="demo",
        allowed_domains=frozenset({"example.com"}),
        profiles=where,
        templates_bucket="demo-templates",
    )
    app = App(settings)
    monkeypatch.setattr(app, "storage", lambda: None)
    assert type(app.profiles) is kind
