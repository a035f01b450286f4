"""What all APIs share: checks by discovery documents, collections, long-running operations."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from local.api.discovery import Discovery
from local.api.operations import Operation, Operations
from local.api.store import Collection, page_size, parse_filter
from local.clock import Clock
from local.errors import CODES, ApiError


class TestDiscovery:
    @pytest.mark.parametrize(
        ("body", "violation"),
        [
            ({"colour": "red"}, 'colour: unknown name "colour"'),
            ({"gceSetup": {"dataDisks": [{"diskType": "FLOPPY"}]}}, "gceSetup.dataDisks[0].disk"),
            ({"state": "ACTIVE"}, "state: is output only"),
            ({"name": "projects/p/locations/z/instances/i"}, "name: is output only"),
            ({"labels": {"team": 1}}, "labels.team: must be a string"),
            ({"labels": {"team": None}}, "labels.team: must not be null"),
            ({"gceSetup": []}, "gceSetup: must be an object, not a list"),
            ({"gceSetup": {"tags": "a"}}, "gceSetup.tags: must be a list"),
            ({"gceSetup": {"vmImage": {}}}, "gceSetup.vmImage.project: is required"),
            ({"gceSetup": {"bootDisk": {"diskSizeGb": "big"}}}, "gceSetup.bootDisk.diskSizeGb: "),
            ({"gceSetup": {"bootDisk": {"diskSizeGb": 2**63}}}, "gceSetup.bootDisk.diskSizeGb: "),
            ({"enableManagedEuc": "yes"}, "enableManagedEuc: must be true or false"),
            ({"gceSetup": {"dataDisks": [{"diskType": 1}]}}, "gceSetup.dataDisks[0].diskType: "),
        ],
    )
    def test_a_violation_names_the_field(self, body: dict[str, Any], violation: str) -> None:
        found = Discovery("notebooks", "v2").violations("Instance", body)
        assert len(found) == 1
        assert found[0].startswith(violation)

    @pytest.mark.parametrize("size", [100, "100"])
    def test_int64_is_accepted_as_number_or_text_and_stored_as_text(self, size: int | str) -> None:
        notebooks = Discovery("notebooks", "v2")
        body = {"gceSetup": {"dataDisks": [{"diskSizeGb": size}]}, "labels": None}
        assert notebooks.violations("Instance", body) == []
        assert notebooks.normalised("Instance", body) == {
            "gceSetup": {"dataDisks": [{"diskSizeGb": "100"}]}
        }

    @pytest.mark.parametrize(
        ("ttl", "valid"), [("3600s", True), ("1.5s", True), ("1h", False), ("60", False)]
    )
    def test_durations_are_in_seconds(self, ttl: str, valid: bool) -> None:
        body = {"name": "n", "environmentConfig": {"executionConfig": {"idleTtl": ttl}}}
        found = Discovery("dataproc", "v1").violations("SessionTemplate", body)
        assert (found == []) is valid

    def test_enum_numbers_are_accepted_only_with_int_enums(self) -> None:
        dataproc = Discovery("dataproc", "v1")
        body = {"name": "n", "jupyterSession": {"kernel": 1}}
        assert dataproc.violations("SessionTemplate", body) != []
        assert dataproc.violations("SessionTemplate", body, int_enums=True) == []
        normalised = dataproc.normalised("SessionTemplate", body)
        assert normalised["jupyterSession"] == {"kernel": "PYTHON"}

    def test_query_parameters_are_checked_too(self) -> None:
        listing = "notebooks.projects.locations.instances.list"
        notebooks = Discovery("notebooks", "v2")
        fine = [("$alt", "json;enum-encoding=int"), ("alt", "json"), ("pageSize", "5")]
        assert notebooks.query_violations(listing, fine) == []
        wrong = notebooks.query_violations(listing, [("pagesize", "5"), ("pageSize", "many")])
        assert [violation.split(":")[0] for violation in wrong] == ["pagesize", "pageSize"]


class TestStore:
    def test_pages_cover_everything_despite_deletions_between_them(self) -> None:
        items = Collection()
        for number in range(7):
            name = f"p/a/items/{number}"
            items.add(name, {"name": name})
        items.add("p/b/items/0", {"name": "p/b/items/0"})
        first, token = items.page("p/a/items/", 3)
        items.remove("p/a/items/1")
        rest, end = items.page("p/a/items/", 9, token)
        assert len(first) == 3
        assert [t["name"][-1] for t in first + rest] == ["0", "1", "2", "3", "4", "5", "6"]
        assert end == ""

    def test_an_exactly_full_last_page_has_no_token(self) -> None:
        items = Collection()
        for number in range(2):
            items.add(f"t/{number}", {"name": f"t/{number}"})
        assert items.page("t/", 2)[1] == ""

    def test_an_invalid_token_is_refused(self) -> None:
        with pytest.raises(ApiError, match="Invalid"):
            Collection().page("", 1, "!!")

    @pytest.mark.parametrize(("text", "size"), [(None, 10), ("0", 10), ("5", 5), ("5000", 50)])
    def test_page_sizes(self, text: str | None, size: int) -> None:
        assert page_size(text, 10, 50) == size

    @pytest.mark.parametrize("text", ["-1", "many"])
    def test_an_invalid_page_size_is_refused(self, text: str) -> None:
        with pytest.raises(ApiError, match="Invalid"):
            page_size(text, 10, 50)

    @pytest.mark.parametrize(
        ("text", "fits"),
        [
            ("", True),
            ("labels.team=core", True),
            ('labels.team = "core"', True),
            ("labels.team=core AND labels.env=dev", True),
            ("labels.team=core labels.env=dev", True),
            ("labels.team:*", True),
            ("labels.team=core AND labels.env=prod", False),
            ("labels.other=*", False),
        ],
    )
    def test_label_filters(self, text: str, fits: bool) -> None:
        assert parse_filter(text)({"labels": {"team": "core", "env": "dev"}}) is fits

    @pytest.mark.parametrize(
        "text",
        ["state=ACTIVE", "labels.a=1 OR labels.b=2", "labels.a!=1", "labels.a", "(", "NOT x"],
    )
    def test_an_unsupported_filter_is_refused(self, text: str) -> None:
        with pytest.raises(ApiError) as refused:
            parse_filter(text)
        assert refused.value.status == "INVALID_ARGUMENT"


class TestOperations:
    def test_due_operations_end_in_the_order_of_their_end_times(self) -> None:
        clock, ended = Clock(), list[str]()
        operations = Operations(clock)
        with operations.settled() as now:
            for name, seconds in (("late", 60), ("early", 30)):
                operations.begin(_operation(name, now, seconds, ended))
        clock.advance(timedelta(seconds=29))
        with operations.settled():
            assert ended == []
        clock.advance(timedelta(days=1))
        with operations.settled() as now:
            assert ended == ["early", "late"]
            assert operations.get("late").ends < now - timedelta(hours=23)

    def test_a_cancelled_operation_fails_at_once_and_never_succeeds(self) -> None:
        clock, ended = Clock(), list[str]()
        operations = Operations(clock)
        with operations.settled() as now:
            operations.begin(_operation("op", now, 60, ended))
            operations.cancel("op")
        clock.advance(timedelta(hours=1))
        with operations.settled():
            assert operations.get("op").to_json()["error"]["code"] == CODES["CANCELLED"][1]
            assert ended == ["failed op"]
            assert operations.busy_with("target of op") is None


def _operation(name: str, now: datetime, seconds: int, ended: list[str]) -> Operation:
    def succeed(_: datetime) -> dict[str, Any]:
        ended.append(name)
        return {}

    return Operation(
        name=name,
        verb="create",
        target=f"target of {name}",
        begun=now,
        ends=now + timedelta(seconds=seconds),
        succeed=succeed,
        fail=lambda _: ended.append(f"failed {name}"),
        describe=lambda operation: {},
    )
