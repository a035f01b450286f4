"""The metadata of a notebook that a profile may set, and what is refused."""

from __future__ import annotations

import pytest

from tests.support.profile_texts import changed, messages, parsed


class TestMetadata:
    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            ("dataproc-region", "is reserved"),
            ("framework", "is reserved"),
            ("proxy-mode", "is reserved"),
            ("title", "is reserved"),
            ("version", "is reserved"),
            ("euc-enabled", "is reserved"),
            ("idle-timeout-seconds", "use workbench.idle_minutes instead"),
            ("notebook-disable-downloads", "use workbench.downloads instead"),
            ("notebook-disable-root", "use workbench.root instead"),
            ("disable-mixer", "use workbench.spark_kernels instead"),
            ("post-startup-script", "can't have a startup script"),
            ("startup-script", "can't have a startup script"),
            ("ssh-keys", "can't be reached by SSH"),
            ("enable-guest-attributes", "must stay on"),
            ("a b", "is not a metadata key"),
        ],
    )
    def test_refused_with_the_reason(self, key: str, reason: str) -> None:
        (message,) = messages(changed("idle_minutes: 60", f"metadata: {{{key}: 'x'}}"))
        assert message.startswith(f"profiles.analyst.workbench.metadata.{key}: ")
        assert reason in message

    def test_others_are_taken(self) -> None:
        found = parsed(changed("idle_minutes: 60", "metadata: {jupyter-user: 'sam'}"))
        profile = found.profile("analyst")
        assert profile is not None
        assert profile.workbench is not None
        assert profile.workbench.metadata == {"jupyter-user": "sam"}
