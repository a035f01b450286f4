"""The guides of installing, upgrading, recovering and migrating: their commands as typed.

Of what is sent to Google only the form is checked: the local cloud refuses, at once, what it does
not serve, and gcloud ends with 2 where it does not know a command, an option or a value.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.client import Client
from tests.support.gcloud import Gcloud

ROOT = Path(__file__).parents[2]
GUIDES = ("install", "upgrade", "disaster-recovery", "migration")
USAGE = 2
# They sign in, or write gcloud's own configuration.
OF_THE_READER = ("gcloud auth ", "gcloud config ")
VALUES = {"$name": "onboard", "$event": "{}", "COMMIT": "0123abcd", "BUILD": "0123-abcd"}
# Files that the guides' commands read or write; these commands are tried elsewhere.
MOVES_FILES = ("gcloud storage cp", "gcloud storage rsync")


def text(guide: str) -> str:
    return (ROOT / "docs" / f"{guide}.md").read_text()


def blocks(guide: str) -> list[str]:
    """The shell blocks of a guide, each with its lines put together."""
    found = re.findall(r"^( *)```sh\n(.*?)^\1```", text(guide), re.MULTILINE | re.DOTALL)
    return [re.sub(r"\\\n\s*", " ", block) for _, block in found]


def commands(guide: str) -> list[str]:
    """Every command of gcloud in a guide's blocks."""
    found = []
    for line in "\n".join(blocks(guide)).splitlines():
        for part in re.split(r"\| |; do |; done|\$\(", line.partition(" # ")[0]):
            if part.strip().startswith("gcloud ") and not part.startswith(OF_THE_READER):
                found.append(part.strip().removesuffix(";"))
    return found


@pytest.fixture(scope="module")
def seen() -> set[str]:
    return set()


@pytest.mark.parametrize("guide", GUIDES)
def test_gcloud_knows_every_command_and_its_options(
    guide: str, client: Client, gcloud_command: Gcloud, seen: set[str]
) -> None:
    gcloud = gcloud_command.pointed_at(client.stack.gcloud_environment())
    wrong = {}
    for command in set(commands(guide)) - seen:
        seen.add(command)
        if command.startswith(MOVES_FILES):
            continue
        for name, value in VALUES.items():
            command = command.replace(name, value)  # noqa: PLW2901 - as a shell does
        done = gcloud.run(*shlex.split(command)[1:])
        if done.returncode == USAGE:
            wrong[command] = done.stderr
    assert wrong == {}


def test_the_check_finds_a_wrong_option(client: Client, gcloud_command: Gcloud) -> None:
    gcloud = gcloud_command.pointed_at(client.stack.gcloud_environment())
    assert gcloud.run("builds", "list", "--reegion=us-central1").returncode == USAGE
    assert gcloud.run("firestore", "databases", "klone").returncode == USAGE


def test_the_guides_hold_commands() -> None:
    assert all(len(commands(guide)) >= 2 for guide in ("upgrade", "disaster-recovery", "migration"))


@pytest.mark.parametrize("guide", GUIDES)
def test_every_block_says_how_far_it_is_tested(guide: str) -> None:
    known = r"\*(tried|accepted|not tried)\*"
    lines = text(guide).splitlines()
    for number, line in enumerate(lines):
        if line.strip() == "```sh" and "cp infra/terraform" not in lines[number + 1]:
            before = "\n".join(lines[max(0, number - 6) : number])
            assert re.search(known, before), f"{guide}.md:{number + 1}"


@pytest.mark.parametrize("guide", GUIDES)
def test_links_and_targets_of_make_exist(guide: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    asked = set(re.findall(r"(?:^|`|&& )\s*make ([a-z-]+)", text(guide), re.MULTILINE))
    assert asked <= targets
    for link, anchor in re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", text(guide)):
        if link.startswith("https://"):
            continue
        path = ROOT / "docs" / (link or f"{guide}.md")
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor[1:] in slugs, f"{link}{anchor}"


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_everybody_leaves_with_the_command_of_the_guide(
    client: Client, gcloud_command: Gcloud, tmp_path: Path
) -> None:
    emails = [f"{name}@example.com" for name in ("ana", "ben", "chen")]
    for email in emails:
        client.join(email)
        client.until(email, "ready")
    client.leave(emails[0], immediate=True)
    client.until(emails[0], "removed")
    (script,) = [block for block in blocks("upgrade") if "jq -c" in block]
    script = script.replace("$(gcloud auth print-identity-token)", "a-token")
    script = script.replace("$(terraform -chdir=infra output -raw fleet_url)", "$FLEET_URL")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    environ |= client.stack.gcloud_environment() | {"CLOUDSDK_CONFIG": str(tmp_path)}
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environ, check=True)
    client.wait()
    for email in emails[1:]:
        assert client.until(email, "removed")["event"]["reason"] == "uninstalled"
    assert client.environment(emails[0])["event"]["reason"] == ""


def test_the_users_of_the_blueprint_join_with_the_commands_of_the_guide(
    client: Client, gcloud_command: Gcloud, tmp_path: Path
) -> None:
    (script,) = [block for block in blocks("migration") if "blueprint_events" in block]
    people = ["finn@example.com", "gil@example.com"]
    (tmp_path / "sample.tf").write_text(f"notebook_users_list = {json.dumps(people)}\n")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environ |= client.stack.gcloud_environment() | {"CLOUDSDK_CONFIG": str(tmp_path)}
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], env=environ, cwd=tmp_path, check=True
    )
    client.wait()
    for email in people:
        assert client.environment(email)["profile"] == "analyst"
