"""Who gets which profile: by name, by group, or the default."""

from __future__ import annotations

import pytest

from shared.domain.contracts.rejections import Rejected, RejectionCode
from tests.support.profile_texts import changed, parsed


class TestWhoGetsWhat:
    @pytest.mark.parametrize(
        ("requested", "groups", "name", "why"),
        [
            ("engineer", ["analysts@example.com"], "engineer", "asking by name wins"),
            (None, ["x@example.com", "analysts@example.com"], "analyst", "the group fits"),
            (
                None,
                ["analysts@example.com", "engineers@example.com"],
                "engineer",
                "the file's order decides, not the person's",
            ),
            (None, ["ENGINEERS@EXAMPLE.COM"], "engineer", "case makes no difference"),
            (None, ["unknown@example.com"], "analyst", "no group fits: the default"),
            (None, [], "analyst", "no groups: the default"),
        ],
    )
    def test_profile_of(
        self, requested: str | None, groups: list[str], name: str, why: str
    ) -> None:
        assert parsed().resolve(requested, groups).name == name, why

    @pytest.mark.parametrize("asked", ["enginer", "", "Analyst", "x" * 10_000])
    def test_an_unknown_profile_is_refused_naming_those_there_are(self, asked: str) -> None:
        with pytest.raises(Rejected) as caught:
            parsed().resolve(asked, ["analysts@example.com"])
        assert caught.value.code is RejectionCode.UNKNOWN_PROFILE
        assert "known are: analyst, engineer" in caught.value.message
        assert len(caught.value.message) < 300

    def test_a_mapped_group_is_known_as_one(self) -> None:
        assert parsed().is_group("ENGINEERS@example.com")
        assert not parsed().is_group("ana@example.com")

    def test_a_profile_can_be_looked_up_by_name(self) -> None:
        found = parsed().profile("engineer")
        assert found is not None
        assert found.grace_seconds == 14 * 86400
        assert parsed().profile("gone") is None
        assert parsed().names == ("analyst", "engineer")

    @pytest.mark.parametrize(
        ("written", "seconds"), [("0", 0), ("'0'", 0), ("12h", 43200), ("14d", 1209600)]
    )
    def test_grace_in_seconds(self, written: str, seconds: int) -> None:
        found = parsed(changed("grace: 12h", f"grace: {written}")).profile("analyst")
        assert found is not None
        assert found.grace_seconds == seconds

    @pytest.mark.parametrize(
        ("written", "seconds"), [("0", 0), ("12h", 43200), ("90d", 90 * 86400)]
    )
    def test_how_long_a_snapshot_is_kept_in_seconds(self, written: str, seconds: int) -> None:
        text = changed("grace: 12h", f"grace: 12h\n    keep_snapshot: {written}")
        found = parsed(text).profile("analyst")
        assert found is not None
        assert found.keep_seconds == seconds

    def test_no_snapshot_is_kept_unless_the_profile_says_so(self) -> None:
        assert parsed().default.keep_seconds == 0
