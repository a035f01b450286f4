"""The filters of Compute Engine's list methods."""

import pytest

from local.compute.filters import parse
from local.errors import ApiError

DISK = {
    "name": "nb1",
    "sizeGb": "100",
    "autoCreated": False,
    "labels": {"team": "core", "a.b": "x"},
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name=nb1",
        'name = "nb1"',
        "(name=nb1)(sizeGb=100)",
        "(name = nb1) AND (labels.team = core)",
        "name=nb1 AND labels.team:core",
        "labels.team:*",
        "labels.a.b=x",
        "autoCreated=false",
        "name!=nb2",
        "labels.nobody!=x",
        "name eq nb.",
        "name eq '.*1'",
        r'name eq ".*\bnb1\b.*"',
        r'(name ne "x\-1|\"y\"") (labels.team eq "core")',
    ],
)
def test_the_filter_matches(text: str) -> None:
    assert parse(text)(DISK)


@pytest.mark.parametrize(
    "text",
    ["name=nb", "name eq nb", "name:nb", "labels.nobody:*", "(name=nb1) (sizeGb=1)",
     "name != nb1", "name ne nb.", "nowhere=x", "labels.team.deep=core"],
)  # fmt: skip
def test_the_filter_does_not_match(text: str) -> None:
    assert not parse(text)(DISK)


@pytest.mark.parametrize(
    "text",
    ["name", "name=", "=x", "(name=nb1", "name=nb1)", "name=nb1 OR name=nb2", "sizeGb>1",
     "name eq (", "name eq [", "name=nb1 AND name eq nb.", 'name="nb1'],
)  # fmt: skip
def test_an_invalid_filter_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse(text)
    assert caught.value.status == "INVALID_ARGUMENT"
