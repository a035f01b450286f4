"""Each alert has its page, each page its alert, and the commands of a page are valid."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.log_filters import Entry, compiled
from tests.support.log_lines import everything_logged

ROOT = Path(__file__).parents[3]
MONITORING: dict[str, Any] = yaml.safe_load((ROOT / "infra/monitoring.yaml").read_text("utf-8"))
PAGES = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs/runbook").glob("*.md")}
TITLES = {name: alert["title"] for name, alert in MONITORING["alerts"].items()} | {
    f"objective-{name}": f"Missed too often: {objective['title']}"
    for name, objective in MONITORING["objectives"].items()
}
SUBSTITUTED = re.compile(r"\$\(((?:[^()]|\([^()]*\))*)\)")
GCLOUD = shutil.which("gcloud")
each_page = pytest.mark.parametrize("name", sorted(PAGES))


def commands(page: str) -> list[str]:
    """The lines to type, continued ones as one, those within others too."""
    blocks = re.findall(r"^ *```\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)
    typed = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
    typed += re.findall(r"`(gcloud [^`\n]+)`", page)
    inner = [part for line in typed for part in SUBSTITUTED.findall(line)]
    return [SUBSTITUTED.sub("X", line).strip() for line in typed] + inner


def of_gcloud(page: str) -> list[str]:
    return [line for line in commands(page) if line.startswith("gcloud ")]


@pytest.fixture(scope="module")
def entries() -> Iterator[list[Entry]]:
    with pytest.MonkeyPatch.context() as patch:
        yield everything_logged(patch)


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert PAGES.keys() == TITLES.keys()


@each_page
def test_a_page_says_what_the_alert_means_where_to_check_and_what_to_do(name: str) -> None:
    page = PAGES[name]
    assert page.startswith(f"# {TITLES[name]}\n\n")
    assert re.findall("^## (.*)", page, re.MULTILINE) == ["Look at", "Do"]
    assert commands(page.partition("## Look at")[2])


@each_page
def test_a_page_can_be_sent_with_the_alert(name: str) -> None:
    """Monitoring takes 8 KiB, and puts values of its own in the place of ${…}."""
    assert len(PAGES[name].encode()) < 8192
    assert "${" not in PAGES[name]


@each_page
def test_a_page_names_other_alerts_that_exist(name: str) -> None:
    for sentence in re.findall(r"alerts? ((?:`[a-z-]+`(?:, | and )?)+)", PAGES[name]):
        assert set(re.findall("`(.*?)`", sentence)) <= TITLES.keys() - {name}


@each_page
def test_log_queries_are_for_lines_that_exist(name: str, entries: list[Entry]) -> None:
    for line in of_gcloud(PAGES[name]):
        filter = shlex.split(line)[3] if line.startswith("gcloud logging read") else ""
        if "jsonPayload" not in filter:
            continue  # Google's own entries: of requests, and of its audit log
        found = [entry for entry in entries if compiled(filter)(entry)]
        assert found, filter
        for field in re.findall(r"jsonPayload\.(\w+)", line.partition("--format")[2]):
            assert any(field in entry["jsonPayload"] for entry in found), f"{filter}: {field}"


@cache
def command_tree() -> dict[str, Any]:
    """All of gcloud's commands with their flags, as it completes them in a shell."""
    assert GCLOUD is not None
    home = Path(GCLOUD).resolve().parents[1]
    tree: dict[str, Any] = runpy.run_path(str(home / "data/cli/gcloud_completions.py"))
    found: dict[str, Any] = tree["STATIC_COMPLETION_CLI_TREE"]
    return found


@pytest.mark.slow
@pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed")
@each_page
def test_gcloud_knows_the_commands_and_their_flags(name: str) -> None:
    for line in of_gcloud(PAGES[name]):
        words = shlex.split(line)[1:]
        node = command_tree()
        flags = set(node["flags"])
        while words and words[0] in node["commands"]:
            node = node["commands"][words.pop(0)]
            flags |= set(node["flags"])
        assert not node["commands"], f"{line}: is only a group of commands"
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= flags, line
