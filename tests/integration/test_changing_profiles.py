"""Profiles that change while the stack runs, from a directory and from a bucket."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import requests

from local.stack.stack import PROFILES, Stack
from tests.integration.client import Client
from tests.integration.conftest import StartStack

OCTAL = (
    "0200 is octal in YAML 1.1 and decimal in YAML 1.2; "
    "write 200 or 128, whichever is meant, or '0200' in quotes for text"
)
ANA, BEN, CLEO = "ana@example.com", "ben@example.com", "cleo@example.com"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what we ship, to be changed."""
    return Path(shutil.copytree(PROFILES, tmp_path_factory.mktemp("profiles") / "ours"))


@pytest.fixture(scope="module")
def client(start_stack: StartStack, directory: Path) -> Client:
    return start_stack(profiles=directory)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_change_of_the_directory_is_in_force_for_the_next_event(
    client: Client, directory: Path
) -> None:
    client.join(ANA)
    assert client.environment(ANA)["profile"] == "analyst"
    change(directory / "profiles.yaml", "default: analyst", "default: data-scientist")
    client.join(BEN)
    assert client.environment(BEN)["profile"] == "data-scientist"


def test_an_invalid_change_leaves_the_last_valid_profiles_in_force_everywhere(
    client: Client, directory: Path
) -> None:
    """Also in `converge`, which has read none until now."""
    change(directory / "profiles.yaml", "grace: 14d", "grace: 0200")
    change(directory / "masters" / "cluster-small.yaml", "n2-standard-8", "n2-standard8")
    client.join(CLEO)
    for email in (ANA, BEN, CLEO):
        client.until(email, "ready")
    assert client.environment(CLEO)["profile"] == "data-scientist"
    for function in ("onboard", "converge"):
        line = client.log(function, action="profiles.invalid")[-1]
        assert line["severity"] == "ERROR"
        assert line["message"] == "profiles are not valid; the last good ones stay in force"
        assert [problem.partition(": expected")[0] for problem in line["problems"]] == [
            *(f"profiles.yaml: line {number}, column 12: {OCTAL}" for number in (23, 66)),
            "masters/cluster-small.yaml: config.masterConfig.machineTypeUri",
        ]
    assert client.failed("onboard") == client.failed("converge") == 0


def test_an_invalid_change_before_the_first_event_leaves_the_first_profiles_in_force(
    start_stack: StartStack, tmp_path: Path
) -> None:
    """No function has read any profiles by then."""
    directory = Path(shutil.copytree(PROFILES, tmp_path / "ours"))
    client = start_stack(profiles=directory)
    (directory / "profiles.yaml").write_text("profiles: [")
    client.join(ANA)
    client.until(ANA, "ready")
    assert client.environment(ANA)["profile"] == "analyst"
    assert client.failed("onboard") == client.failed("converge") == 0
    [line] = client.log("onboard", action="profiles.invalid")
    assert line["message"] == "profiles are not valid; the last good ones stay in force"


class FromBucket(Stack):
    """The functions read their profiles as in a deployment: from a bucket."""

    BUCKET = "demo-profiles"

    def environment(self, function: str) -> dict[str, str]:
        return super().environment(function) | {"PROFILES": f"gs://{self.BUCKET}/live"}

    def start(self) -> None:
        super().start()
        self.local.storage.make_bucket(self.BUCKET)
        for file in sorted(PROFILES.rglob("*.yaml")):
            self.upload(file.relative_to(PROFILES).as_posix(), file.read_text())

    def upload(self, name: str, text: str) -> None:
        requests.post(
            f"{self.local.url}/upload/storage/v1/b/{self.BUCKET}/o",
            params={"uploadType": "media", "name": f"live/{name}"},
            data=text.encode(),
            timeout=10,
        ).raise_for_status()


def test_a_change_of_the_bucket_is_in_force_within_a_minute(start_stack: StartStack) -> None:
    client = start_stack(kind=FromBucket)
    stack = client.stack
    assert isinstance(stack, FromBucket)
    client.join(ANA)
    assert client.environment(ANA)["profile"] == "analyst"
    text = (PROFILES / "profiles.yaml").read_text()
    stack.upload("profiles.yaml", text.replace("default: analyst", "default: data-scientist"))
    client.advance("61s")
    client.join(BEN)
    assert client.environment(BEN)["profile"] == "data-scientist"
