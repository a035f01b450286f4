"""What somebody probably meant who mistyped a name."""

from __future__ import annotations

import pytest

from shared.domain.suggest import closest, suggestion

LIMIT = 100  # letters of what was given that are compared


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("engineer", "engineer"),
        ("enginer", "engineer"),
        ("analyts", "analyst"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_most_similar_known_name_is_suggested(given: str, meant: str | None) -> None:
    assert closest(given, ["analyst", "engineer", "engine-driver"]) == meant


def test_only_the_first_hundred_letters_are_compared() -> None:
    """What was sent may be a megabyte."""
    text = "a" * (LIMIT - 1) + "bc"
    names = [text[: LIMIT - 1], text[:LIMIT], text]
    assert closest(text, names) == text[:LIMIT]


@pytest.mark.parametrize(
    ("given", "known", "hint"),
    [
        ("lan", ["lean", "full"], "did you mean 'lean'? known are: lean, full"),
        ("zzz", ["lean", "full"], "known are: lean, full"),
        ("zzz", [], "none are known"),
    ],
)
def test_the_hint_has_the_suggestion_and_all_known_names(
    given: str, known: list[str], hint: str
) -> None:
    assert suggestion(given, known) == hint
