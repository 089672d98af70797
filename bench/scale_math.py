"""Works out CloudWatch's metric math, as far as the scaling policies use it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping

Value = float | None  # None: no datapoint

_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def compiled(expression: str) -> Callable[[Mapping[str, Value]], Value]:
    """Return a function of the metrics' values, by Id, at one time.

    Raises
    ------
    ValueError
        Where the expression holds what is not known here.
    """
    words = re.sub(r"\bAND\b", "and", re.sub(r"\bOR\b", "or", expression))
    tree = ast.parse(words, mode="eval").body
    names = {node.id: None for node in ast.walk(tree) if isinstance(node, ast.Name)}
    _work_out(tree, names)  # refuses what it does not know
    return lambda values: _work_out(tree, values)


def _work_out(node: ast.AST, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _call(function, [_work_out(part, values) for part in arguments])
        case ast.BoolOp(op=connective, values=parts):
            return _connected(connective, [_work_out(part, values) for part in parts])
        case (
            ast.BinOp(left=left, op=operation, right=right)
            | ast.Compare(left=left, ops=[operation], comparators=[right])
        ):
            return _two(operation, _work_out(left, values), _work_out(right, values))
    raise ValueError(f"not known in metric math here: {ast.unparse(node)}")


def _call(function: str, given: list[Value]) -> Value:
    match function, given:
        case "FILL", [value, filling]:
            return filling if value is None else value
        case "IF", [condition, then, otherwise]:
            if condition is None:
                return None
            return then if condition else otherwise
    raise ValueError(f"not known in metric math here: {function} of {len(given)}")


def _connected(connective: ast.boolop, parts: list[Value]) -> Value:
    if any(part is None for part in parts):
        return None
    return float(all(parts) if isinstance(connective, ast.And) else any(parts))


def _two(operation: ast.AST, left: Value, right: Value) -> Value:
    if isinstance(operation, ast.Div):  # no datapoint where the divisor is 0
        return None if left is None or not right else left / right
    if type(operation) not in _OPERATORS:
        raise ValueError(f"not known in metric math here: {type(operation).__name__}")
    if left is None or right is None:
        return None
    return float(_OPERATORS[type(operation)](left, right))
