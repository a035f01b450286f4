"""Which texts name one individual of an allowed domain, and why the others don't."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.people.person import parse_email, same_address

ALLOWED = frozenset({"example.com", "lab.example.org", "xn--bcher-kva.example.com"})
LONG_DOMAIN = ".".join(["a" * 60, "b" * 60, "c" * 55, "example.com"])  # 189 characters


def read(text: str) -> str:
    return parse_email(text, allowed_domains=ALLOWED | {LONG_DOMAIN})


def refusal(text: str) -> Rejected:
    with pytest.raises(Rejected) as refused:
        read(text)
    return refused.value


@pytest.mark.parametrize(
    ("text", "address", "because"),
    [
        ("ana@example.com", "ana@example.com", "an ordinary address"),
        ("Ana.Lopez@Example.COM", "ana.lopez@example.com", "case says nothing about who it is"),
        ("  ana@example.com\t", "ana@example.com", "copied out of a spreadsheet"),
        ("ana@example.com\n", "ana@example.com", "written by a script with echo"),
        ("ana+nb@example.com", "ana+nb@example.com", "plus addresses are addresses of their own"),
        ("a.b.c@example.com", "a.b.c@example.com", "single dots separate"),
        ("7@example.com", "7@example.com", "some are numbers"),
        ("o'neil@example.com", "o'neil@example.com", "apostrophes are in names"),
        ("ana/emea@example.com", "ana/emea@example.com", "RFC 5322 allows a slash"),
        ("50%@example.com", "50%@example.com", "RFC 5322 allows a percent sign"),
        ("ana@lab.example.org", "ana@lab.example.org", "a sub-domain that is named itself"),
        ("ana@xn--bcher-kva.example.com",) * 2 + ("an IDN in its ASCII form, named as such",),
        (f"{'a' * 64}@example.com", f"{'a' * 64}@example.com", "64 is the longest local part"),
        (f"{'a' * 64}@{LONG_DOMAIN}",) * 2 + ("254 is the longest address",),
    ],
)
def test_an_address_is_read_in_lower_case(text: str, address: str, because: str) -> None:
    assert read(text) == address, because


BAD = RejectionCode.BAD_EMAIL
NOT_A_PERSON = RejectionCode.NOT_A_PERSON
FOREIGN = RejectionCode.FOREIGN_DOMAIN


@pytest.mark.parametrize(
    ("text", "code", "because"),
    [
        ("", BAD, "nothing"),
        ("   ", BAD, "nothing but spaces"),
        ("ana", BAD, "no domain"),
        ("@example.com", BAD, "no local part"),
        ("ana@", BAD, "an empty domain"),
        ("ana@localhost", BAD, "a host is not a domain"),
        ("ana@[192.0.2.1]", BAD, "a literal address"),
        ("ana@@example.com", BAD, "two at signs"),
        ("ana@evil.example@example.com", BAD, "which of the two domains?"),
        ("ana@example.com@evil.example", BAD, "which of the two domains?"),
        ("ana@example.com,ben@example.com", BAD, "two people"),
        ("ana@example.com ben@example.com", BAD, "two people"),
        ("Ana <ana@example.com>", BAD, "a display name isn't part of the address"),
        ("mailto:ana@example.com", BAD, "a link"),
        ("user:ana@example.com", BAD, "an IAM member isn't an address"),
        ("deleted:user:ana@example.com?uid=1", BAD, "an IAM member of somebody deleted"),
        ("allUsers", BAD, "everybody"),
        ("allAuthenticatedUsers", BAD, "everybody"),
        (".ana@example.com", BAD, "begins with a dot"),
        ("ana.@example.com", BAD, "ends with a dot"),
        ("a..b@example.com", BAD, "two dots"),
        ("ana@example..com", BAD, "two dots"),
        ("ana@.example.com", BAD, "an empty label"),
        ("ana@example.com.", BAD, "the root's dot would be another text for the same domain"),
        ("ana@-example.com", BAD, "a label begins with a hyphen"),
        ("ana@exam_ple.com", BAD, "no underscores in mail domains"),
        ('"ana lopez"@example.com', BAD, "quoted local parts hide what they hold"),
        ('"ana@evil.example"@example.com', BAD, "quoted local parts hide what they hold"),
        ("ana\\@example.com", BAD, "an escape"),
        ("ana(comment)@example.com", BAD, "a comment"),
        ("ana\x00@example.com", BAD, "NUL ends a string in C"),
        ("ana@example.com\x00", BAD, "NUL ends a string in C"),
        ("ana\n@example.com", BAD, "a line break within"),
        ("ana@example.com\nrole: admin", BAD, "YAML after a line break"),
        ("ana: x@example.com", BAD, "YAML structure"),
        ("<script>alert(1)</script>@example.com", BAD, "HTML"),
        ("../../etc/passwd@example.com", BAD, "a path out of ours"),
        ("ana/../ben@example.com", BAD, "a path to somebody else"),
        ("\u0430na@example.com", BAD, "a Cyrillic letter that looks like a Latin one"),
        ("ana@ex\u0430mple.com", BAD, "a Cyrillic letter that looks like a Latin one"),
        ("ana@b\u00fccher.example.com", BAD, "an IDN not in its ASCII form"),
        ("\uff41na@example.com", BAD, "a full-width letter"),
        ("an\u0131@example.com", BAD, "a dotless i"),
        ("mi\u212ae@example.com", BAD, "the Kelvin sign, whose lower case is a plain k"),
        ("ana\u200b@example.com", BAD, "a zero-width space"),
        ("\u202eana@example.com", BAD, "a bidirectional override"),
        (f"{'a' * 65}@example.com", BAD, "65 in the local part"),
        (f"{'a' * 64}@d{LONG_DOMAIN}", BAD, "255 in all"),
        pytest.param("a" * 10_000_000, BAD, "10 MB of text", id="10 MB of text"),
        ("group:analysts@example.com", NOT_A_PERSON, "a group, as IAM writes it"),
        ("GROUP:analysts@example.com", NOT_A_PERSON, "a group, as IAM writes it"),
        ("domain:example.com", NOT_A_PERSON, "a whole domain"),
        ("serviceAccount:etl@demo.iam.gserviceaccount.com", NOT_A_PERSON, "a robot, as IAM does"),
        ("principalSet://goog/group/x@example.com", NOT_A_PERSON, "many, as IAM writes them"),
        ("etl@demo.iam.gserviceaccount.com", NOT_A_PERSON, "a service account"),
        ("1-compute@developer.gserviceaccount.com", NOT_A_PERSON, "Compute Engine's own"),
        ("demo@appspot.gserviceaccount.com", NOT_A_PERSON, "App Engine's own"),
        ("ana@evil.example", FOREIGN, "another domain"),
        ("ana@sub.example.com", FOREIGN, "a sub-domain isn't its parent"),
        ("ana@example.com.evil.example", FOREIGN, "an allowed domain in front"),
        ("ana@evilexample.com", FOREIGN, "an allowed domain at the end"),
        ("ana@gserviceaccount.com", FOREIGN, "not a service account, and not ours"),
    ],
)
def test_text_that_names_no_person_is_refused(text: str, code: RejectionCode, because: str) -> None:
    assert refusal(text).code is code, because


@pytest.mark.parametrize(
    ("text", "shown"),
    [("x" * 80, "'" + "x" * 80 + "'"), ("x" * 81, "'" + "x" * 77 + "...'")],
    ids=["80 letters", "81 letters"],
)
def test_a_refusal_shows_at_most_80_letters_of_what_was_sent(text: str, shown: str) -> None:
    assert refusal(text).message.startswith(f"email: {shown} is not an e-mail address")


def test_a_service_account_is_refused_even_where_its_domain_is_allowed() -> None:
    domain = "demo.iam.gserviceaccount.com"
    with pytest.raises(Rejected) as refused:
        parse_email(f"etl@{domain}", allowed_domains={domain})
    assert refused.value.code is NOT_A_PERSON


def test_a_refusal_says_which_domains_are_allowed_and_what_to_do() -> None:
    message = refusal("ana@evil.example").message
    assert "'ana@evil.example'" in message
    assert "example.com, lab.example.org" in message
    assert "ALLOWED_DOMAINS" in message


@given(st.text(max_size=400))
def test_any_text_is_an_address_or_refused_in_one_printable_line(text: str) -> None:
    try:
        answer = read(text)
    except Rejected as refused:
        answer = refused.message
    else:
        assert answer.isascii()
        assert answer == answer.lower()
        assert answer.partition("@")[2] in ALLOWED | {LONG_DOMAIN}
    assert answer.isprintable()
    assert len(answer) < 1000


@given(st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9+_-]{1,20}){0,2}", fullmatch=True))
def test_parsing_an_address_twice_changes_nothing(local: str) -> None:
    once = read(f"{local.upper()}@Example.com")
    assert read(once) == once == f"{local}@example.com"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ana@example.com", "ana@example.com", True),
        ("Ana@Example.COM", "ana@example.com", True),
        ("ana@example.com", "ben@example.com", False),
        ("mi\u212ae@example.com", "mike@example.com", False),
        ("mike@example.com", "mi\u212ae@example.com", False),
        ("\u00c9ve@example.com", "\u00e9ve@example.com", False),
        ("\u00e9ve@example.com", "\u00e9ve@example.com", True),
    ],
)
def test_addresses_that_differ_only_in_case_of_ascii_letters_are_one(
    one: str, other: str, same: bool
) -> None:
    assert same_address(one, other) is same
