"""Metric math, as far as alarms and target tracking here use it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html

A series is a list of values, one a period, the latest first; None where there was no data. What
is not known is refused by name, never answered with something else.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping

Value = float | None
Series = list[Value]

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS = ("FILL", "IF")


class MetricMathError(ValueError):
    """An expression that cannot be evaluated here."""


def evaluate(expression: str, series: Mapping[str, Series], periods: int) -> Series:
    """Return the series of an expression.

    Parameters
    ----------
    expression
        As in a MetricDataQuery.
    series
        The series of each Id that it may name.
    periods
        Length of each series.

    Raises
    ------
    MetricMathError
        If it is not an expression, or uses what is not known here.
    """
    return _evaluate(parse(expression), series, periods)


def parse(expression: str) -> ast.expr:
    """Return the syntax tree of an expression.

    Raises
    ------
    MetricMathError
        If it is not an expression, or uses what is not known here.
    """
    text = expression.replace("&&", " AND ").replace("||", " OR ")
    text = re.sub(r"\bAND\b", " and ", text)
    text = re.sub(r"\bOR\b", " or ", text)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise MetricMathError(f"Invalid metric expression {expression!r}: {error.msg}") from error
    _check(tree, expression)
    return tree


def names(tree: ast.expr) -> set[str]:
    """Return the Ids that an expression names."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
    }


def _check(tree: ast.expr, expression: str) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else "?"
            if name not in FUNCTIONS:
                raise MetricMathError(
                    f"The function {name} in {expression!r} is not known here; these are: "
                    f"{', '.join(FUNCTIONS)}."
                )
            if len(node.args) != {"FILL": 2, "IF": 3}[name] or node.keywords:
                raise MetricMathError(f"{name} in {expression!r} has the wrong arguments.")
        known = (
            ast.BinOp | ast.BoolOp | ast.Call | ast.Compare | ast.Constant | ast.Name | ast.UnaryOp
        )
        parts = ast.operator | ast.boolop | ast.cmpop | ast.unaryop | ast.expr_context
        operators = (*_ARITHMETIC, *_COMPARISONS, ast.And, ast.Or, ast.USub, ast.Load)
        is_known = isinstance(node, operators) if isinstance(node, parts) else True
        if not (isinstance(node, known | parts) and is_known):
            raise MetricMathError(f"{type(node).__name__} in {expression!r} is not known here.")


def _evaluate(node: ast.expr, series: Mapping[str, Series], periods: int) -> Series:
    def part(child: ast.expr) -> Series:
        return _evaluate(child, series, periods)

    if isinstance(node, ast.Constant):
        if not isinstance(node.value, int | float):
            raise MetricMathError(f"{node.value!r} is not a number.")
        return [float(node.value)] * periods
    if isinstance(node, ast.Name):
        if node.id not in series:
            raise MetricMathError(f"There is no metric with the Id {node.id}.")
        return list(series[node.id])
    if isinstance(node, ast.UnaryOp):
        return [None if value is None else -value for value in part(node.operand)]
    if isinstance(node, ast.BinOp):
        return _combine(_quotient_safe(node.op), part(node.left), part(node.right))
    if isinstance(node, ast.Compare):
        return _compare(node, part)
    if isinstance(node, ast.BoolOp):
        return _logic(node, part)
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    arguments = [part(argument) for argument in node.args]
    return _fill(*arguments) if node.func.id == "FILL" else _choose(*arguments)


def _combine(function: Callable[[float, float], Value], left: Series, right: Series) -> Series:
    return [
        None if a is None or b is None else function(a, b) for a, b in zip(left, right, strict=True)
    ]


def _quotient_safe(kind: ast.operator) -> Callable[[float, float], Value]:
    function = _ARITHMETIC[type(kind)]

    def calculate(left: float, right: float) -> Value:
        try:
            return function(left, right)
        except ZeroDivisionError:  # CloudWatch leaves the point out
            return None

    return calculate


def _compare(node: ast.Compare, part: Callable[[ast.expr], Series]) -> Series:
    if len(node.ops) != 1:
        raise MetricMathError("Comparisons cannot be chained.")
    function = _COMPARISONS[type(node.ops[0])]
    return _combine(lambda a, b: float(function(a, b)), part(node.left), part(node.comparators[0]))


def _logic(node: ast.BoolOp, part: Callable[[ast.expr], Series]) -> Series:
    both = isinstance(node.op, ast.And)
    found = part(node.values[0])
    for value in node.values[1:]:
        found = _combine(
            lambda a, b: float(bool(a) and bool(b)) if both else float(bool(a) or bool(b)),
            found,
            part(value),
        )
    return found


def _fill(values: Series, filling: Series) -> Series:
    return [b if a is None else a for a, b in zip(values, filling, strict=True)]


def _choose(condition: Series, then: Series, otherwise: Series) -> Series:
    return [
        None if test is None else (a if test else b)
        for test, a, b in zip(condition, then, otherwise, strict=True)
    ]
