"""Which small changes a module's source allows. Pure: source text in, changed source texts out.

A change replaces the text of one syntax node, so that a survivor can be shown as a diff of lines.
What no test could be asked to notice is not changed: annotations, docstrings, log calls, the texts
of f-strings, assertions. Only what functions do is changed: the numbers and tables of a module are
settings, and a test of them would be their copy.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.mutants.kinds import of_expression, of_statement

_OPEN = re.compile(r"([(,=]|\b(if|elif|while|return))\s*$")
_CLOSED = re.compile(r"\s*([]),:]|#|$)", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """One change. ``file`` is relative to the repository, ``line`` the first one changed (from 1).

    ``function`` is the qualified name of the outermost function that holds it, ``statement`` the
    first and the last line of the statement (of its header, if it has a body): a test that runs
    none of them can't notice. ``before`` and ``after`` are the changed lines, without indent.
    ``nth`` tells the same change apart where a function has the same line more than once (from 1).
    """

    file: str
    line: int
    statement: tuple[int, int]
    function: str
    kind: str
    before: str
    after: str
    source: str
    nth: int = 1

    @property
    def identity(self) -> tuple[str, str, str, str, int]:
        """What stays the same while other lines of the file come and go."""
        return (self.file, self.function, self.before, self.after, self.nth)

    @property
    def diff(self) -> str:
        """The change, as a diff of the lines it touches."""
        gone = [f"- {line}" for line in self.before.splitlines()]
        return "\n".join([*gone, *(f"+ {line}" for line in self.after.splitlines())])


@dataclass(frozen=True)
class _Change:
    node: ast.AST
    statement: tuple[int, int]
    kind: str
    new: ast.AST


def enum_members(sources: Sequence[str]) -> dict[str, list[str]]:
    """The members of every enumeration defined in ``sources``, by the name of its class."""
    members = {}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(b) for b in node.bases):
                names = [s.targets[0] for s in node.body if isinstance(s, ast.Assign)]
                members[node.name] = [name.id for name in names if isinstance(name, ast.Name)]
    return members


def mutants_of(file: str, source: str, enums: Mapping[str, Sequence[str]]) -> list[Mutant]:
    """All changes to the functions of ``source``, from top to bottom; no two give the same text."""
    found: list[Mutant] = []
    texts, counts = {source}, Counter[tuple[str, str, str]]()
    for function, change in _functions_changes(ast.parse(source), enums):
        changed = _replaced(source, change.node, change.new)
        if changed in texts:
            continue
        texts.add(changed)
        before, after = _changed_lines(source, changed, change.node)
        counts[function, before, after] += 1
        found.append(
            Mutant(
                file=file,
                line=change.node.lineno,  # type: ignore[attr-defined]
                statement=change.statement,
                function=function,
                kind=change.kind,
                before=before,
                after=after,
                source=changed,
                nth=counts[function, before, after],
            )
        )
    return sorted(found, key=lambda mutant: mutant.line)


def _replaced(source: str, node: ast.AST, new: ast.AST) -> str:
    """``source`` with ``new`` in the place of ``node``, in parentheses where it needs them."""
    start, end = _span(source, node)
    data = source.encode()
    left, right, text = data[:start].decode(), data[end:].decode(), ast.unparse(new)
    alone = _OPEN.search(left) and _CLOSED.match(right)
    if isinstance(new, ast.BoolOp | ast.IfExp) and not alone:
        text = f"({text})"
    return left + text + right


def _changed_lines(source: str, changed: str, node: ast.AST) -> tuple[str, str]:
    """The lines of ``node`` before and after, without indent."""
    old, new = source.splitlines(), changed.splitlines()
    first, last = node.lineno - 1, node.end_lineno  # type: ignore[attr-defined]
    last_new = len(new) - (len(old) - last)
    return _unindented(old[first:last]), _unindented(new[first:last_new])


def _unindented(lines: Sequence[str]) -> str:
    return "\n".join(line.strip() for line in lines)


def _span(source: str, node: ast.AST) -> tuple[int, int]:
    """Where the node's text starts and ends, in bytes: what the compiler counts columns in."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    place = vars(node)
    return (
        starts[place["lineno"] - 1] + place["col_offset"],
        starts[place["end_lineno"] - 1] + place["end_col_offset"],
    )


def _functions_changes(
    tree: ast.AST, enums: Mapping[str, Sequence[str]], name: str = ""
) -> Iterator[tuple[str, _Change]]:
    """The changes within each function and method, with its qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions_changes(node, enums, f"{name}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            finder = _Finder(node, enums)
            for statement in node.body:
                yield from ((name + node.name, change) for change in finder.changes(statement))


class _Finder:
    """Walks one function and names what could be changed where."""

    def __init__(self, function: ast.FunctionDef, enums: Mapping[str, Sequence[str]]) -> None:
        self._function = function
        self._enums = enums

    def changes(self, node: ast.AST, statement: tuple[int, int] = (0, 0)) -> Iterator[_Change]:
        """The changes to ``node`` and to what is in it."""
        if _is_passed_over(node):
            return
        if isinstance(node, ast.stmt):
            statement = _header(node)
            for kind, new in of_statement(node, self._function):
                yield _Change(node, statement, kind, new)
        for kind, new in of_expression(node, self._enums):
            yield _Change(node, statement, kind, new)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
            yield _Change(node.test, statement, "negated", ast.UnaryOp(ast.Not(), node.test))
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns", "decorator_list", "args") or isinstance(
                node, ast.Call
            ):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from self.changes(child, statement)


def _header(node: ast.stmt) -> tuple[int, int]:
    """The lines of a statement, without those of its body."""
    body = getattr(node, "body", None) or getattr(node, "cases", None)
    if not body:
        return node.lineno, node.end_lineno or node.lineno
    first = body[0].pattern if isinstance(body[0], ast.match_case) else body[0]
    return node.lineno, max(node.lineno, first.lineno - 1)


def _is_passed_over(node: ast.AST) -> bool:
    """What no test should have to notice."""
    if isinstance(node, ast.Expr):
        text = isinstance(node.value, ast.Constant)
        return text or ast.unparse(node.value).startswith(("log.", "assert_never("))
    return isinstance(node, ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom)
