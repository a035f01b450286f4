"""Which changes are made to a source, which of them are chosen, and which are explained."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.mutants.changes import Mutant, enum_members, mutants_of
from tools.mutants.explained import as_entry, outdated, read_explained
from tools.mutants.report import report
from tools.mutants.selection import all_mutants, changed_since, sample
from tools.mutants.suite import Verdict

ROOT = Path(__file__).parents[3]
COLOURS = "class Colour(StrEnum):\n    RED = 'r'\n    GREEN = 'g'\n"


def changed(body: str, *, kind: str = "", head: str = "def f(a, b, now):") -> list[str]:
    """The changed lines of a function with that body, for each change by itself."""
    source = head + "\n" + "".join(f"    {line}\n" for line in body.splitlines())
    found = mutants_of("m.py", source, enum_members([COLOURS]))
    return [mutant.after for mutant in found if kind in ("", mutant.kind)]


@pytest.mark.parametrize(
    ("kind", "line", "becomes"),
    [
        ("negated", "return a == b", ["return a != b"]),
        ("negated", "return a is not None", ["return a is None"]),
        ("negated", "return a in b", ["return a not in b"]),
        ("negated", "return a < b", ["return a >= b"]),
        ("boundary", "return a < b", ["return a <= b"]),
        ("boundary", "return a >= b", ["return a > b"]),
        ("and/or", "return a and b", ["return a or b"]),
        ("and/or", "return f(x=a and b) or now", ["return f(x=a and b) and now"]),
        ("condition dropped", "return a and b", ["return b", "return a"]),
        ("not dropped", "return not a", ["return a"]),
        ("branches swapped", "return a if b else now", ["return now if b else a"]),
        ("sign", "return now + a", ["return now - a"]),
        ("sign", "return now - a", ["return now + a"]),
        ("constant", "return a[2]", ["return a[3]", "return a[1]"]),
        ("constant", "return a[0]", ["return a[1]"]),
        ("constant", "return f(a, x=True)", ["return f(a, x=False)"]),
        ("twin", "return max(a, b)", ["return min(a, b)"]),
        ("twin", "return all(a)", ["return any(a)"]),
        ("sibling", "return a is Colour.RED", ["return a is Colour.GREEN"]),
        ("sibling", "return a is Colour.GREEN", ["return a is Colour.RED"]),
        (
            "change dropped",
            "b = replace(a, x=1, y=2)",
            ["b = replace(a, y=2)", "b = replace(a, x=1)"],
        ),
        ("change dropped", "b = replace(a, x=1)", ["b = a"]),
        ("filter dropped", "return [x for x in a if x]", ["return [x for x in a]"]),
        ("operand dropped", "return a | b", ["return a", "return b"]),
        ("unchanged", "return f(a, b)", ["return a"]),
        ("statement deleted", "a.append(b)", ["pass"]),
        ("statement deleted", "a += b", ["pass"]),
        ("statement deleted", "a = f(b)", ["pass"]),
    ],
)
def test_each_kind_of_change(kind: str, line: str, becomes: list[str]) -> None:
    found = changed(line, kind=kind)
    assert [text for text in found if text in becomes] == becomes


def test_a_guard_is_removed_as_a_whole() -> None:
    assert "pass\nreturn b" not in changed("if a:\n    return a\nreturn b", kind="guard removed")
    assert changed("if a:\n    return a\nreturn b", kind="guard removed") == ["pass"]
    assert changed("if a:\n    b = a\nreturn b", kind="guard removed") == [], "it leaves nothing"


def test_a_condition_that_is_a_name_is_negated() -> None:
    assert "if not a:" in changed("if a:\n    return b\nreturn now", kind="negated")


def test_nothing_is_returned_only_where_that_is_allowed() -> None:
    optional = changed("return b", kind="nothing returned", head="def f(a) -> int | None:")
    assert optional == ["return None"]
    assert changed("return b", kind="nothing returned", head="def f(a) -> int:") == []


def test_missing_parentheses_are_added() -> None:
    assert "return (a or b) and now" in changed("return a and b and now", kind="and/or") or (
        "return a or b or now" in changed("return a and b and now", kind="and/or")
    )
    assert "return not (a or b)" in changed("return not (a and b)", kind="and/or")
    assert "return now == (a or b)" in changed("return now == (a and b)", kind="and/or")


@pytest.mark.parametrize(
    "body",
    [
        '"""A docstring of 3 words."""',
        'log.info("done", extra={"count": 1})',
        "assert a is not None",
        "assert_never(a)",
        'raise ValueError(f"{a + 1} is too much")',
        "b: int | None",
        "first = f(a)",
    ],
)
def test_code_that_no_test_should_notice_is_not_changed(body: str) -> None:
    assert changed(body) == []


def test_code_outside_functions_is_not_changed() -> None:
    source = (
        "LIMIT = 3\n\n\nclass C:\n    size: int = 4\n\n    def m(self, a=5):\n        return a\n"
    )
    assert mutants_of("m.py", source, {}) == []


def test_a_mutant_says_where_it_is() -> None:
    source = "class C:\n    def m(self, a):\n        if a < 1 and a:\n            return 2\n"
    found = {mutant.after: mutant for mutant in mutants_of("m.py", source, {})}
    mutant = found["if a <= 1 and a:"]
    assert (mutant.file, mutant.line, mutant.function) == ("m.py", 3, "C.m")
    assert mutant.statement == (3, 3), "the header: whoever runs it can notice"
    assert mutant.diff == "- if a < 1 and a:\n+ if a <= 1 and a:"


def test_the_same_line_twice_in_a_function_makes_two_mutants() -> None:
    body = "if a < b:\n    f(a)\nif a < b:\n    f(b)\n"
    source = "def f(a, b):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    twins = [m for m in mutants_of("m.py", source, {}) if m.after == "if a <= b:"]
    assert [(m.line, m.nth) for m in twins] == [(2, 1), (4, 2)]
    assert len({m.identity for m in twins}) == 2


@pytest.fixture(scope="module")
def mutants() -> list[Mutant]:
    return all_mutants(ROOT)


@pytest.mark.slow
def test_all_mutants_of_the_project_compile_and_no_two_are_the_same(mutants: list[Mutant]) -> None:
    assert len({m.identity for m in mutants}) == len(mutants) > 500
    for mutant in sample(mutants, 200, seed=1):
        compile(mutant.source, mutant.file, "exec")


@pytest.mark.slow
def test_a_sample_is_the_same_for_a_seed_and_spread_over_the_modules(mutants: list[Mutant]) -> None:
    files = {mutant.file for mutant in mutants}
    one, same, other = (sample(mutants, 2 * len(files), seed) for seed in (1, 1, 2))
    assert one == same != other
    assert {mutant.file for mutant in one} == files


@pytest.mark.slow
def test_a_sample_larger_than_all_is_all(mutants: list[Mutant]) -> None:
    few = mutants[:5]
    assert sample(few, 10, seed=1) == few


def test_only_mutants_of_the_lines_changed_since_a_commit_are_chosen(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        person = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com")
        subprocess.run(["git", *person, *arguments], cwd=tmp_path, check=True, capture_output=True)

    module = tmp_path / "shared" / "services" / "m.py"
    module.parent.mkdir(parents=True)
    lines = ["def f(a, b):", "    if a < b:", "        return a", "    return a == b", ""]
    module.write_text("\n".join(lines))
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    lines[3] = "    return a != b"
    module.write_text("\n".join(["", *lines]))
    everything = all_mutants(tmp_path)
    assert {mutant.line for mutant in everything} > {5}
    assert {mutant.line for mutant in changed_since(everything, tmp_path, "HEAD")} == {5}
    with pytest.raises(subprocess.CalledProcessError):
        changed_since(everything, tmp_path, "no-such-commit")


# Explanations


def a_mutant(after: str = "return a <= b") -> Mutant:
    source = "def f(a, b):\n    return a < b\n"
    [found] = [m for m in mutants_of("m.py", source, {}) if m.after == after]
    return found


def test_an_entry_is_read_back_as_the_mutant_it_is_for(tmp_path: Path) -> None:
    mutant = a_mutant()
    file = tmp_path / "explained.toml"
    file.write_text(as_entry(mutant).replace('reason = ""', 'reason = "never equal"'))
    assert read_explained(file) == {mutant.identity: "never equal"}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"reason": '""'}, "the reason is empty"),
        ({"nth": "1\nwhy = 'x'"}, "unknown field why"),
        ({"after": None}, "after is missing"),
    ],
)
def test_a_faulty_entry_is_refused_with_its_place(
    tmp_path: Path, entry: dict[str, str | None], says: str
) -> None:
    fields = {"file": "'m.py'", "function": "'f'", "before": "'a'", "after": "'b'"}
    lines = [f"{k} = {v}" for k, v in (fields | {"reason": "'x'"} | entry).items() if v is not None]
    file = tmp_path / "explained.toml"
    file.write_text("\n".join(["[[survivor]]", *lines]))
    with pytest.raises(ValueError, match=f"explained.toml: survivor 1: {says}"):
        read_explained(file)


def test_an_entry_without_its_line_is_outdated() -> None:
    mutant = a_mutant()
    gone = ("m.py", "f", "return a > b", "return a >= b", 1)
    assert outdated([mutant.identity, gone], [mutant]) == [gone]


def test_a_survivor_without_an_explanation_is_shown_and_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report([Verdict(a_mutant(), "", 3, 0.1)], {}) == 1
    out = capsys.readouterr().out
    assert "m.py:2 boundary; 3 tests reach it\n- return a < b\n+ return a <= b\n" in out


def test_an_explained_survivor_passes_and_an_explained_killed_mutant_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mutant, other = a_mutant(), a_mutant("return a >= b")
    verdicts = [Verdict(mutant, "", 3, 0.1), Verdict(other, "test_f", 1, 0.1)]
    assert report(verdicts, {mutant.identity: "never equal"}) == 0
    assert report(verdicts, {mutant.identity: "never equal", other.identity: "wrong"}) == 1
    assert "m.py:2 is explained, but test_f notices it" in capsys.readouterr().out


@pytest.mark.slow
def test_the_explanations_of_the_project_are_for_mutants_that_exist(mutants: list[Mutant]) -> None:
    assert outdated(read_explained(ROOT / "tools/mutants/explained.toml"), mutants) == []
