"""The gcloud commands in docs/local-cloud/gcloud.md: working ones and refused ones."""

import re
import shlex
from typing import Any

import pytest

from local.server import LocalCloud
from local.stack.gcloud_endpoints import gcloud_endpoints
from tests.local.gcloud.harness import prepared_cloud, resource, rows
from tests.support.gcloud import Gcloud

_HAS = re.compile(r"`(?P<path>[^`]+)` has `(?P<field>[^`]+)` `(?P<value>[^`]*)`")
_GONE = re.compile(r"`(?P<path>[^`]+)` is gone")
_THERE = re.compile(r"`(?P<path>[^`]+)` is there")
_PRINTS = re.compile(r"prints `(?P<text>[^`]+)`")


@pytest.mark.parametrize(("command", "outcome"), rows("Commands that work"))
def test_the_command_works(gcloud_command: Gcloud, command: str, outcome: str) -> None:
    with prepared_cloud() as local:
        gcloud_command.pointed_at(gcloud_endpoints(local.url))
        done = gcloud_command.run(*shlex.split(command))
        assert done.returncode == 0, done.stderr
        assert "WARNING: Some requests did not succeed" not in done.stderr
        _check(local, outcome, done.stdout + done.stderr)


@pytest.mark.parametrize(("command", "named"), rows("Refused at once"))
def test_the_command_is_refused_at_once_and_by_name(
    gcloud_command: Gcloud, command: str, named: str
) -> None:
    with prepared_cloud() as local:
        gcloud_command.pointed_at(gcloud_endpoints(local.url))
        done = gcloud_command.run(*shlex.split(command))
        assert f"this local cloud does not serve {named.strip('`')}" in done.stderr
        refused = [call.target for call in local.cloud.calls.entries(service="unknown")]
        assert len(refused) == len(set(refused))  # gcloud didn't retry


def _check(local: LocalCloud, outcome: str, printed: str) -> None:
    if (prints := _PRINTS.fullmatch(outcome)) is not None:
        assert prints["text"] in printed
    elif (there := _THERE.fullmatch(outcome)) is not None:
        assert resource(local, there["path"]) is not None
    elif (gone := _GONE.fullmatch(outcome)) is not None:
        assert resource(local, gone["path"]) is None
    else:
        has = _HAS.fullmatch(outcome)
        assert has is not None, f"the page has an outcome that can't be checked: {outcome}"
        value: Any = resource(local, has["path"])
        for key in has["field"].split("."):
            value = value[key]
        assert str(value) == has["value"]
