"""The kinds of change: what to put in the place of one expression or statement."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

_NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_TWINS = {"max": "min", "min": "max", "any": "all", "all": "any"}
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
New = tuple[str, ast.AST]  # the kind of a change, and what it puts in the place of a node


def of_expression(node: ast.AST, enums: Mapping[str, Sequence[str]]) -> Iterator[New]:
    """The changes to one expression; ``enums`` are the members of each enumeration, by its name."""
    match node:
        case ast.Compare(ops=[_]):
            yield from _compared(node)
        case ast.BoolOp():
            yield from _joined(node)
        case ast.UnaryOp(op=ast.Not()):
            yield "not dropped", node.operand
        case ast.IfExp():
            yield "branches swapped", ast.IfExp(node.test, node.orelse, node.body)
        case ast.BinOp():
            yield from _calculated(node)
        case ast.Constant():
            yield from _counted(node)
        case ast.Attribute(value=ast.Name(id=enum)) if node.attr in enums.get(enum, ()):
            members = enums[enum]
            sibling = members[(members.index(node.attr) + 1) % len(members)]
            yield "sibling", ast.Attribute(node.value, sibling, ast.Load())
        case ast.Call():
            yield from _called(node)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            yield from _filtered(node)


def _compared(node: ast.Compare) -> Iterator[New]:
    for kind, table in (("negated", _NEGATED), ("boundary", _BOUNDARY)):
        new = table.get(type(node.ops[0]))
        if new is not None:
            yield kind, ast.Compare(node.left, [new()], node.comparators)


def _joined(node: ast.BoolOp) -> Iterator[New]:
    yield "and/or", ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    for index in range(len(node.values)):
        kept = [value for i, value in enumerate(node.values) if i != index]
        yield "condition dropped", kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)


def _calculated(node: ast.BinOp) -> Iterator[New]:
    texts = (ast.JoinedStr, ast.List, ast.Tuple)
    if any(_is_string(side) or isinstance(side, texts) for side in (node.left, node.right)):
        return
    match node.op:
        case ast.Add():
            yield "sign", ast.BinOp(node.left, ast.Sub(), node.right)
        case ast.Sub():
            yield "sign", ast.BinOp(node.left, ast.Add(), node.right)
        case ast.BitOr() | ast.BitAnd():
            yield "operand dropped", node.left
            yield "operand dropped", node.right


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _counted(node: ast.Constant) -> Iterator[New]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, int | float):
        yield "constant", ast.Constant(value + 1)
        if value > 0:
            yield "constant", ast.Constant(value - 1)


def _called(node: ast.Call) -> Iterator[New]:
    match node.func:
        case ast.Name(id=name) if name in _TWINS:
            yield "twin", ast.Call(ast.Name(_TWINS[name], ast.Load()), node.args, node.keywords)
        case ast.Name(id="replace") if len(node.keywords) > 1:
            for left_out in node.keywords:
                kept = [keyword for keyword in node.keywords if keyword is not left_out]
                yield "change dropped", ast.Call(node.func, node.args, kept)
        case ast.Name(id="replace") if node.args:
            yield "change dropped", node.args[0]


def _filtered(
    node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp,
) -> Iterator[New]:
    for index, part in enumerate(node.generators):
        if part.ifs:
            open_ = ast.comprehension(part.target, part.iter, [], part.is_async)
            generators = [open_ if i == index else g for i, g in enumerate(node.generators)]
            new = type(node)(**{**dict(ast.iter_fields(node)), "generators": generators})
            yield "filter dropped", new


def of_statement(node: ast.stmt, function: ast.FunctionDef) -> Iterator[New]:
    """The changes to one statement of ``function`` as a whole."""
    match node:
        case ast.If(orelse=[]) if isinstance(node.body[-1], _LEAVES):
            yield "guard removed", ast.Pass()
        case ast.Return(value=ast.expr() as value):
            yield from _returned(value, function)
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield "statement deleted", ast.Pass()
        case ast.Assign() if all(_is_known(t, node, function) for t in node.targets):
            yield "statement deleted", ast.Pass()


def _returned(value: ast.expr, function: ast.FunctionDef) -> Iterator[New]:
    names = [arg.arg for arg in function.args.args if arg.arg not in ("self", "cls")]
    used = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
    if isinstance(value, ast.Call) and names and names[0] in used:
        yield "unchanged", ast.Return(ast.Name(names[0], ast.Load()))
    optional = function.returns is not None and "None" in ast.unparse(function.returns)
    if optional and not isinstance(value, ast.Constant | ast.Tuple):
        yield "nothing returned", ast.Return(ast.Constant(None))


def _is_known(target: ast.expr, before: ast.stmt, function: ast.FunctionDef) -> bool:
    """Whether ``target`` had a value before that statement, so that one can do without it."""
    if isinstance(target, ast.Attribute | ast.Subscript):
        return True
    if isinstance(target, ast.Tuple):
        return all(_is_known(element, before, function) for element in target.elts)
    arguments = (*function.args.args, *function.args.kwonlyargs)
    known = {arg.arg for arg in arguments}
    for node in ast.walk(function):
        stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if stored and node.lineno < before.lineno:  # type: ignore[attr-defined]
            known.add(node.id)  # type: ignore[attr-defined]
    return isinstance(target, ast.Name) and target.id in known
