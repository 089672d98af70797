"""Reads the template as CloudFormation does."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]

Document = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Reads short forms (!Ref, !Sub, ...) as their long ones."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> Document:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


@functools.cache
def template() -> Document:
    """Return template.yaml."""
    document: Document = yaml.load((ROOT / "template.yaml").read_text(), _Loader)
    return document


def resources(*types: str) -> Iterator[tuple[str, Document]]:
    """Yield name and properties of the resources of some types."""
    for name, resource in template()["Resources"].items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})


def as_list(value: Any) -> list[Any]:
    """Return a value that may stand alone or in a list."""
    return value if isinstance(value, list) else [value]


def statements(role: str) -> Iterator[Document]:
    """Yield the statements of a role's own policies, those under a condition included."""
    for policy in template()["Resources"][role]["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def granted(role: str) -> set[str]:
    """Return the actions that a role may do."""
    return {action for statement in statements(role) for action in as_list(statement["Action"])}


def evaluated(value: Any, **parameters: str) -> Any:
    """Return what CloudFormation makes of Ref, Select, Split and Join."""
    if not isinstance(value, dict):
        return (
            [evaluated(item, **parameters) for item in value] if isinstance(value, list) else value
        )
    ((name, arguments),) = value.items()
    if name == "Ref":
        return parameters[arguments]
    first, second = (evaluated(argument, **parameters) for argument in arguments)
    match name:
        case "Fn::Select":
            return second[int(first)]
        case "Fn::Split":
            return second.split(first)
        case "Fn::Join":
            return first.join(second)
    raise NotImplementedError(name)
