"""An archive that can't be booted is refused at once, before anything is installed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tools.smoke import __main__ as smoke


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "is not there"), (b"PK\x03\x04 and no end", "is no zip file")]
)
def test_a_missing_or_broken_archive_is_refused_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    reason: str,
) -> None:
    monkeypatch.setattr(smoke, "environment", lambda _: pytest.fail("it installs packages"))
    archive = tmp_path / "benchkeeper.zip"
    if content is not None:
        archive.write_bytes(content)
    assert smoke.main([str(archive)]) == 1
    assert capsys.readouterr().err == f"{archive}: {reason}; `make package` builds it\n"


def test_a_damaged_archive_is_reported_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "benchkeeper.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("main.py", "import functions")
    archive.write_bytes(archive.read_bytes().replace(b"import", b"export", 1))
    monkeypatch.setattr(smoke, "environment", lambda _: tmp_path / "python")
    assert smoke.main([str(archive)]) == 1
    assert "Bad CRC-32 for file 'main.py'" in capsys.readouterr().err
