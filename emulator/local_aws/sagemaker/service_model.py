"""Checks requests against botocore's model of the API, as strictly as the service itself.

botocore's own check leaves out maximum lengths, patterns and enumerations, which AWS refuses.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import (
    ListShape,
    MapShape,
    OperationModel,
    ServiceModel,
    Shape,
    StructureShape,
)

from local_aws.sagemaker.errors import ValidationError

# Java's classes that Python's re lacks, as they stand inside a character class
_JAVA_CLASSES = {
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{L}": r"a-zA-Z\u00aa-\u02ff\u0370-\u1fff\u2c00-\ufdff",
    r"\p{M}": r"\u0300-\u036f",
    r"\p{Z}": r"\s",
    r"\p{S}": r"$+<=>^`|~",
    r"\p{N}": r"\d",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "blob": (str, bytes),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
}


@functools.cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of ``sagemaker`` or ``sagemaker-runtime``."""
    return botocore.session.get_session().get_service_model(service)


def operation_model(service: str, operation: str) -> OperationModel:
    """Return one operation's model.

    Raises
    ------
    ValidationError
        If the API has no such operation.
    """
    model = service_model(service)
    if operation not in model.operation_names:
        raise ValidationError(f"{service} has no operation {operation}")
    return model.operation_model(operation)


def validate(service: str, operation: str, request: dict[str, Any]) -> None:
    """Raise unless AWS would accept the request's form.

    Raises
    ------
    ValidationError
        With every violation found, worded as AWS words it.
    """
    shape = operation_model(service, operation).input_shape
    faults = list(violations(request, shape, "")) if shape is not None else []
    if faults:
        noun = "error" if len(faults) == 1 else "errors"
        raise ValidationError(f"{len(faults)} validation {noun} detected: {'; '.join(faults)}")


def violations(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Yield what is wrong with a value, in the words of AWS's own message."""
    where = path or "request"
    expected = _TYPES[shape.type_name]
    fits = isinstance(value, expected) and (bool in expected or not isinstance(value, bool))
    if not fits:
        yield f"Value at '{where}' failed to satisfy constraint: Member must be a {shape.type_name}"
        return
    yield from _bounds(value, shape, where)
    if isinstance(shape, StructureShape):
        yield from _structure(value, shape, path)
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value, 1):
            yield from violations(item, shape.member, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from violations(key, shape.key, f"{path}.key")
            yield from violations(item, shape.value, f"{path}.{key}")


def _structure(value: dict[str, Any], shape: StructureShape, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield (
                f"Value null at '{_below(path, name)}' failed to satisfy constraint: "
                "Member must not be null"
            )
    if shape.metadata.get("union") and len(value) != 1:
        yield (
            f"Value at '{path or 'request'}' failed to satisfy constraint: "
            f"Member must have exactly one of {', '.join(shape.members)}"
        )
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            yield f"Value at '{_below(path, name)}' is not a member of {shape.name}"
        elif item is not None:
            yield from violations(item, member, _below(path, name))


def _bounds(value: Any, shape: Shape, where: str) -> Iterator[str]:
    limits = shape.metadata
    failed = f"Value {value!r} at '{where}' failed to satisfy constraint: Member must"
    if shape.type_name in ("integer", "long", "float", "double"):
        if "min" in limits and value < limits["min"]:
            yield f"{failed} have value greater than or equal to {limits['min']}"
        if "max" in limits and value > limits["max"]:
            yield f"{failed} have value less than or equal to {limits['max']}"
    elif shape.type_name in ("string", "list", "map", "blob"):
        if "min" in limits and len(value) < limits["min"]:
            yield f"{failed} have length greater than or equal to {limits['min']}"
        if "max" in limits and len(value) > limits["max"]:
            yield f"{failed} have length less than or equal to {limits['max']}"
    if shape.type_name == "string":
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            yield f"{failed} satisfy enum value set: [{', '.join(allowed)}]"
        pattern = limits.get("pattern")
        if pattern and not matches(pattern, value):
            yield f"{failed} satisfy regular expression pattern: {pattern}"


def matches(pattern: str, value: str) -> bool:
    """Say whether a value fits a pattern of the model (Java's syntax, whole value)."""
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    translated = pattern.replace(r"\A", "").replace(r"\z", "")
    for java, inside in _JAVA_CLASSES.items():
        translated = _replace_class(translated, java, inside)
    try:
        return re.compile(translated)
    except re.error:
        # Better an unchecked value than a refused good one
        return None


def _replace_class(pattern: str, java: str, inside: str) -> str:
    result, in_class, index = "", False, 0
    while index < len(pattern):
        if pattern.startswith(java, index):
            result += inside if in_class else f"[{inside}]"
            index += len(java)
            continue
        character = pattern[index]
        if character == "\\":
            result += pattern[index : index + 2]
            index += 2
            continue
        if character == "[":
            in_class = True
        elif character == "]":
            in_class = False
        result += character
        index += 1
    return result


def _below(path: str, name: str) -> str:
    camel = name[:1].lower() + name[1:]
    return f"{path}.{camel}" if path else camel
