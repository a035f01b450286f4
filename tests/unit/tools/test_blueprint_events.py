"""The user list of the blueprint becomes join events that the deployment takes."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message, to_intent
from tools.blueprint_events import Unreadable, addresses, main
from tools.check_profiles import load

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
PROFILES = Path(__file__).parents[3] / "infra" / "profiles"
# As the blueprint's sample has it: two modules, each with its own list.
SAMPLE = """
# notebook_users_list = ["old@example.com"]
module "sample-user-managed-module" {
  source                       = "./modules/personal-user-managed-notebook"
  notebook_users_list          = ["Ana@example.com", "ben@example.com",] // team "a"
  user_managed_instance_prefix = "user-managed-instance"
}
/* notebook_users_list = ["older@example.com"] */
module "sample-managed-module" {
  notebook_users_list = toset([
    "ben@example.com", # also here
    "o#hara@example.com",
  ])
  project_id = "my-notebooks"
}
"""


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    code = main(arguments, NOW)
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def test_every_list_of_a_terraform_file_is_read_and_no_comment() -> None:
    found = addresses(SAMPLE, is_terraform=True)
    assert found == ["Ana@example.com", "ben@example.com", "o#hara@example.com"]


def test_a_plain_list_has_an_address_a_line() -> None:
    text = "ana@example.com\n\n# the others\n ben@example.com # since May\nana@example.com\n"
    assert addresses(text, is_terraform=False) == ["ana@example.com", "ben@example.com"]


@pytest.mark.parametrize(
    "text",
    [
        "notebook_users_list = var.people",
        'notebook_users_list = ["ana@example.com", var.other]',
        'notebook_users_list = ["${local.name}@example.com"]',
        'notebook_users_list = ["ana@example.com"]\nnotebook_users_list = local.others',
        'users = ["ana@example.com"]',
    ],
)
def test_a_list_that_only_terraform_can_work_out_is_not_read_in_part(text: str) -> None:
    with pytest.raises(Unreadable):
        addresses(text, is_terraform=True)


def test_each_person_joins_once_with_an_event_that_the_deployment_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sample.tf"
    file.write_text(SAMPLE.replace("o#hara", "BEN"))
    options = ("--domains", "example.org, Example.com", "--profile", "data-scientist")
    code, lines, err = printed(capsys, str(file), *options)
    assert (code, err) == (0, "2 joins\n")
    intents = [
        to_intent(
            Message(id=str(number), topic="onboarding", published_at=NOW, data=line.encode()),
            Verb.JOIN,
            now=NOW,
            allowed_domains=["example.com"],
            profiles=lambda: load(PROFILES),
        )
        for number, line in enumerate(lines)
    ]
    assert [i.person.email for i in intents] == ["ana@example.com", "ben@example.com"]
    assert {(i.profile, i.occurred_at) for i in intents} == {("data-scientist", NOW)}
    assert len({i.event_id for i in intents}) == 2
    assert printed(capsys, str(file), *options)[1] == lines, "the same list makes the same events"


def test_a_person_who_cannot_join_is_named_and_nothing_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = (
        "ana@example.com\nben@example.org\nserviceAccount:robot@p.iam.gserviceaccount.com\nana\n"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    code, lines, err = printed(capsys, "-", "--domains=example.com")
    assert (code, lines) == (1, [])
    assert "ben@example.org: email: 'ben@example.org' is not in an allowed domain" in err
    assert "names a group or a service account" in err
    assert "ana: email: 'ana' is not an e-mail address" in err
    assert err.endswith("3 can't join; nothing was printed\n")


def test_events_are_one_line_of_json_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ana@example.com\n"))
    _, lines, _ = printed(capsys, "-", "--domains=example.com")
    assert json.loads(lines[0]) == {
        "email": "ana@example.com",
        "event_id": f"blueprint-{hashlib.sha256(b'ana@example.com').hexdigest()[:16]}",
        "source": "blueprint",
        "occurred_at": "2026-11-27T09:00:00+00:00",
    }
