"""The Terraform beside the code: it sets what the code reads, and indexes what the code queries.

What it plans is tested by `terraform test` (infra/tests); here, what only the code can tell.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from shared.adapters.state import documents, filters
from shared.domain.commands.intent import Verb
from shared.settings import Settings, read_settings
from tests.support.stored import a_parked, an_entry, an_environment, an_unchanged

ROOT = Path(__file__).parents[3]
INFRA = ROOT / "infra"
ROOTS = (INFRA, INFRA / "bootstrap", INFRA / "organisation")
MODULES = sorted((INFRA / "modules").iterdir())
TERRAFORM = [file for directory in (*ROOTS, *MODULES) for file in sorted(directory.glob("*.tf"))]
FIELDS = {field.name.upper(): field for field in msgspec.structs.fields(Settings)}


def read(file: Path) -> str:
    """The file without whole-line comments."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def settings_of_terraform() -> dict[str, str]:
    """The names in `local.settings`, each with its expression."""
    return dict(re.findall(r"^    ([A-Z][A-Z_]*) += (.+)$", read(INFRA / "settings.tf"), re.M))


def indexes() -> dict[str, dict[str, list[str]]]:
    """infra/firestore.yaml: of each collection the fields exempt from indexes, and the others."""
    loaded: dict[str, dict[str, list[str]]] = yaml.safe_load(read(INFRA / "firestore.yaml"))
    return loaded


def variables(directory: Path) -> dict[str, str]:
    """The variables that a directory declares, in order, each with its block."""
    found = re.findall(
        r'^variable "(\w+)" \{\n(.*?)^\}', read(directory / "variables.tf"), re.M | re.S
    )
    return dict(found)


def test_terraform_sets_only_what_the_code_reads() -> None:
    given = settings_of_terraform()
    assert given.keys() <= FIELDS.keys()
    assert {name for name, field in FIELDS.items() if field.required} <= given.keys()


def test_the_code_accepts_the_settings_in_the_form_that_terraform_gives_them() -> None:
    """The expressions of settings.tf, evaluated by hand as far as they form a text."""
    values = {
        "${google_firestore_database.state.name}": "(default)",
        '${google_storage_bucket.this["profiles"].name}': "demo-project-benchkeeper-profiles",
        "${google_storage_bucket_object.profiles.name}": "profiles.json",
    }
    texts = settings_of_terraform()
    for name in ("STATE", "PROFILES"):
        texts[name] = texts[name].strip('"')
        for reference, value in values.items():
            texts[name] = texts[name].replace(reference, value)
    settings = read_settings(
        {
            "ALLOWED_DOMAINS": ",".join(["example.com", "example.org"]),
            "OLDER_KINDS": "off",
            "PROFILES": texts["PROFILES"],
            "PROJECT": "demo-project",
            "STATE": texts["STATE"],
            "TEMPLATES_BUCKET": "demo-project-benchkeeper-templates",
        }
    )
    assert settings.allowed_domains == {"example.com", "example.org"}
    assert settings.state == "firestore:(default)"
    assert settings.profiles == "gs://demo-project-benchkeeper-profiles/profiles.json"
    assert texts["OLDER_KINDS"] == 'var.older_kinds ? "on" : "off"'
    assert texts["ALLOWED_DOMAINS"] == 'join(",", var.allowed_domains)'


def test_a_function_gets_no_variable_besides_the_settings_and_its_threads() -> None:
    worker = read(INFRA / "modules" / "worker" / "main.tf")
    assert re.findall(r"\b([A-Z][A-Z_]+) = ", worker) == ["SOURCE_DATE_EPOCH", "THREADS"]


def test_every_entry_point_is_deployed() -> None:
    names = re.search(r"^__all__ = \[(.+)\]$", (ROOT / "main.py").read_text(), re.M)
    assert names is not None
    functions = yaml.safe_load(read(INFRA / "functions.yaml"))
    assert sorted(functions) == sorted(re.findall(r'"(\w+)"', names[1]))


def test_every_stored_field_is_either_indexed_or_exempt() -> None:
    stored = {
        "crowd": {"creating", "waited_at"},
        "environments": {*documents.encode_environment(an_environment()), "revision"},
        "history": set(documents.encode_entry("key", an_entry())),
        "parked": set(documents.encode_parked(a_parked())),
        "shortages": {"what", "until"},
        "unchanged": {
            field
            for verb in Verb
            for field in documents.encode_unchanged("key", an_unchanged(verb=verb))
        },
    }
    declared = indexes()
    assert declared.keys() == stored.keys()
    for collection, fields in stored.items():
        exempt, keep = declared[collection]["exempt"], declared[collection]["keep"]
        assert sorted([*exempt, *keep]) == sorted(fields), collection


def test_every_field_that_a_query_uses_keeps_its_index() -> None:
    state = ROOT / "shared" / "adapters" / "state"
    store = "".join(file.read_text("utf-8") for file in sorted(state.glob("firestore_*.py")))
    asked = set(re.findall(r'(?:FieldFilter|order_by)\(\s*"(\w+)"', store))
    asked |= {*filters.FIELDS, filters.FIRST_PROBLEM}
    asked |= {"at"} | {documents.unchanged_at(verb) for verb in Verb}  # ``newest_first``
    assert {"due_at", "person_id", "until"} <= asked
    assert asked == {field for fields in indexes().values() for field in fields["keep"]}


def test_the_documents_list_the_same_exemptions() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (`(?:crowd|environments|history|shortages|unchanged).*?) \| (.*?) \| (.*?) \|$",
        page,
        re.M,
    )
    assert len(rows) == 5
    listed = {
        collection: set(re.findall(r"`(\w+)`", exempt))
        for names, exempt, _ in rows
        for collection in re.findall(r"`(\w+)`", names)
    }
    for collection, fields in indexes().items():
        here = {*fields["exempt"], *fields["keep"]}
        assert listed[collection] & here == set(fields["exempt"]), collection


@pytest.mark.parametrize("directory", [*ROOTS, *MODULES], ids=lambda path: path.name)
def test_variables_are_described_and_in_order(directory: Path) -> None:
    declared = variables(directory)
    assert declared
    assert list(declared) == sorted(declared)
    for name, block in declared.items():
        assert re.search(r'^  description = ".{10,}"$', block, re.M), name
        assert "\n  type " in f"\n{block}", name


def test_the_example_gives_the_five_values_that_a_newcomer_must_give() -> None:
    given = re.findall(r"^(\w+) += ", read(INFRA / "terraform.tfvars.example"), re.M)
    declared = variables(INFRA)
    assert len(given) == 5
    assert set(given) <= declared.keys()
    assert {name for name, block in declared.items() if "\n  default " not in f"\n{block}"} <= set(
        given
    )


def test_bindings_are_added_and_never_replace_those_of_others() -> None:
    kinds = {
        kind for file in TERRAFORM for kind in re.findall(r'^resource "(\w+)"', read(file), re.M)
    }
    about_iam = {kind for kind in kinds if "_iam_" in kind}
    assert {
        kind for kind in about_iam if not kind.endswith(("_iam_member", "_iam_custom_role"))
    } == set()
    assert "google_project_iam_member" in about_iam


def test_the_pipeline_may_bind_every_role_that_is_bound_in_the_project() -> None:
    """Besides those of grants.yaml, which infra/bootstrap reads by itself."""
    bound = {
        role
        for file in sorted(INFRA.glob("*.tf"))
        for block in re.findall(
            r'^resource "google_project_iam_member" .*?^\}', read(file), re.M | re.S
        )
        for role in re.findall(r'^  role += "(.+)"$', block, re.M)
    }
    listed = re.search(
        r"may_bind = concat\(\n    \[(.+?)\],", read(INFRA / "bootstrap" / "project_roles.tf")
    )
    assert listed is not None
    assert bound == set(re.findall(r'"(.+?)"', listed[1]))
    assert "roles/logging.logWriter" in bound


def test_bindings_in_the_project_change_one_by_one() -> None:
    """More than ten roles are in several lists, and one request may touch one list only."""
    provider = re.search(r'^provider "google" \{.*?^\}', read(INFRA / "versions.tf"), re.M | re.S)
    assert provider is not None
    assert re.search(r"^  batching \{\n    enable_batching = false\n  \}$", provider[0], re.M)


def test_no_basic_role_is_bound_and_nothing_is_public() -> None:
    """Public members are named only where variables refuse them."""
    for file in TERRAFORM:
        text = re.sub(r"validation \{.*?\n  \}", "", read(file), flags=re.S)
        assert not re.search(r"roles/(owner|editor|viewer)\b", text), file
        assert not re.search(r"\ball(Authenticated)?Users\b", text), file


def test_destroying_deletes_no_data() -> None:
    text = "\n".join(read(file) for file in TERRAFORM)
    assert not re.search(r"force_destroy\s*=\s*true", text)
    assert not re.search(r"disable_on_destroy\s*=\s*true", text)
    kinds = set(re.findall(r'^resource "(\w+)"', text, re.M))
    assert not {
        kind for kind in kinds if re.match(r"google_(workbench|notebooks|compute|dataproc)_", kind)
    }
