"""README's "Try it yourself", as typed into a shell, against the stack of `make up`."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from local.up import write_endpoints
from tests.integration.client import Client
from tests.integration.conftest import StartStack

README = Path(__file__).parents[2] / "README.md"
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"

# The results that the text around the commands describes, one pattern per line, in this order.
EXPECTED = rf"""
^  "phase": "ready",$
^  "phase": "ready",$
^      "email": "ana@example.com",$
^      "email": "chen@example.com",$
^  "email": "ana@example.com",$
"link": "https://
^nb-ana-\w+ .* ACTIVE
^nb-chen-\w+ .* ACTIVE
^st-ana-
^st-chen-
^gs://demo-templates/people/chen-\w+/small.yaml$
^  "phase": "suspended",$
^nb-ana-\w+ .* STOPPED
^nb-chen-\w+ .* ACTIVE
^NAME\nst-chen-
^  "phase": "removed",$
^sn-ana-.* READY$
^NAME .*\nnb-chen-
^  "phase": "ready",$
"text": ".*sn-ana-.* is restored"
^  "held": true,$
{TIME}  (ana|chen)@example.com  ready$
{TIME}  (ana|chen)@example.com  ready$
{TIME}  ana@example.com  suspended$
{TIME}  ana@example.com  removed$
{TIME}  ana@example.com  restored$
{TIME}  ana@example.com  ready$
{TIME}  chen@example.com  held$
did you mean 'email'
^  "messageIds": \[
""".strip("\n").splitlines()


def commands() -> str:
    """The commands of the section, except `make up` itself."""
    section = README.read_text().split("## Try it yourself\n")[1].split("\n## ")[0]
    blocks = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    assert blocks[0].strip().startswith("make up ")
    return "".join(re.sub("^    ", "", block, flags=re.MULTILINE) for block in blocks[1:])


@pytest.fixture(scope="module")
def client(start_stack: StartStack) -> Client:
    """The stack with its scheduler, as `make up` runs it."""
    return start_stack(tick_seconds=60)


@pytest.mark.usefixtures("gcloud_command")  # skips without one
def test_each_line_does_what_the_text_around_it_says(client: Client, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    write_endpoints(client.stack, tmp_path / ".local" / "endpoints.env")
    done = subprocess.run(
        ["bash", "-c", f"set -e\n{commands()}"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "True",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert_in_order(done.stdout, EXPECTED)
    news = re.findall(rf"{TIME}  .*", done.stdout, re.MULTILINE)
    assert max(map(len, news)) < 80, "an announcement fits a line of a screen"
    page = (tmp_path / ".local" / "ana.html").read_text()
    assert "Leaving record of ana@example.com" in page
    assert "all resources removed" in page


def test_wait_for_gives_up_and_shows_what_fleet_answers(client: Client) -> None:
    function = re.search(r"^wait_for\(\) \{.*?^\}$", commands(), re.MULTILINE | re.DOTALL)
    assert function
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"sleep() {{ :; }}\n{function[0]}\nwait_for environments/anna@example.com ready",
        ],
        env={"PATH": os.environ["PATH"]} | client.stack.gcloud_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("no ready in 40 minutes; fleet answers:\n")
    assert "no environment for anna@example.com" in done.stdout


def assert_in_order(text: str, patterns: list[str]) -> None:
    """Each pattern is found in ``text``, after the one before it."""
    end = 0
    for pattern in patterns:
        found = re.compile(pattern, re.MULTILINE).search(text, end)
        assert found, f"{pattern} is not in:\n{text[end:]}"
        end = found.end()


@pytest.mark.parametrize("email", ["ana@example.com", f"{'a' * 60}@example.com"])
def test_publishing_without_gcloud_is_one_line_on_every_system(client: Client, email: str) -> None:
    """GNU base64 breaks lines after 76 characters, that of macOS doesn't."""
    command = commands()[commands().index("curl -sS $LOCAL_CLOUD_URL/v1/") :]
    done = subprocess.run(
        ["bash", "-c", command.replace("ana@example.com", email)],
        env={"PATH": os.environ["PATH"]} | client.stack.gcloud_environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert len(json.loads(done.stdout)["messageIds"]) == 1
    client.wait()
    assert client.environment(email)["email"] == email
