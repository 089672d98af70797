"""What the template grants, each permission by itself, so that a test can take it away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.unit.template.documents import Document, as_list, resources, template

from .conftest import Stack

_NOTHING: Document = {"PolicyDocument": {"Statement": []}}
_REFERENCE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True, order=True)
class Grant:
    """One action on one resource, as a statement of a role's policy allows it."""

    role: str  # logical id
    sid: str
    action: str
    resource: str  # what the template names, without the partition, region and account

    def __str__(self) -> str:
        return f"{self.role} {self.sid} {self.action} {self.resource}"


def all_grants() -> list[Grant]:
    """Return every permission of the template as it is deployed without its optional parts."""
    return [
        Grant(role, statement["Sid"], action, resource)
        for role, _ in resources("AWS::IAM::Role")
        for statement in _statements(role)
        for action in as_list(statement["Action"])
        for resource in _named(statement)
    ]


def find(pattern: str) -> Grant:
    """Return the one permission whose four words fit a pattern."""
    found = [grant for grant in all_grants() if fnmatchcase(str(grant), pattern)]
    assert len(found) == 1, f"{pattern!r} fits {[str(grant) for grant in found]}"
    return found[0]


def _statements(role: str) -> list[Document]:
    (policy,) = template()["Resources"][role]["Properties"].get("Policies") or [_NOTHING]
    return [one for one in policy["PolicyDocument"]["Statement"] if "Fn::If" not in one]


def _named(statement: Document) -> list[str]:
    return [_name(item) for item in as_list(statement["Resource"]) if "Fn::If" not in item]


def _name(item: Any) -> str:
    if isinstance(item, dict):
        if "Fn::GetAtt" in item:
            return str(item["Fn::GetAtt"][0])
        item = item.get("Fn::Sub") or item["Ref"]
    if isinstance(item, list):  # with variables of its own, which stay as they are
        item = item[0]
        if isinstance(item, list):
            item = item[0]  # the pattern, without what is put into it
    parameters = template()["Parameters"]

    def value(match: re.Match[str]) -> str:
        name = match[1].removesuffix(".Arn")
        return str(parameters[name]["Default"]) if name in parameters else name

    text = _REFERENCE.sub(value, item.replace("${AWS::AccountId}:", "").replace("${AWS::", "${AWS"))
    return re.sub(r"^arn:AWSPartition:[^:]*:(AWSRegion)?:", "", text)


TRIED: set[Grant] = set()


def takes_away(*patterns: str) -> Any:
    """Parametrize a test with permissions that it takes away one by one."""
    grants = [find(pattern) for pattern in patterns]
    TRIED.update(grants)
    return pytest.mark.parametrize("grant", grants, ids=str)


def takes_away_together(*groups: Sequence[str]) -> Any:
    """Parametrize a test with groups of permissions whose want shows in different places."""
    found = [[find(pattern) for pattern in patterns] for patterns in groups]
    TRIED.update(grant for grants in found for grant in grants)
    return pytest.mark.parametrize("grants", found, ids=lambda grants: grants[0].action)


def take_away_in_turn(*steps: tuple[str, str]) -> list[tuple[Grant, str]]:
    """Return permissions, each with the state that fails without it."""
    found = [(find(pattern), state) for pattern, state in steps]
    TRIED.update(grant for grant, _ in found)
    return found


@contextmanager
def without(stack: Stack, *grants: Grant) -> Iterator[None]:
    """Take permissions away from the deployed roles for a while."""
    with ExitStack() as restored:
        for role in {grant.role for grant in grants}:
            put = restored.enter_context(_policy_of(stack, role))
            put({grant for grant in grants if grant.role == role})
        yield


@contextmanager
def _policy_of(stack: Stack, role: str) -> Iterator[Callable[[set[Grant]], None]]:
    iam = stack.client("iam")
    name = stack.client("cloudformation").describe_stack_resource(
        StackName="femo-local", LogicalResourceId=role
    )["StackResourceDetail"]["PhysicalResourceId"]
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    original = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]

    def write(document: Document) -> None:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))

    def put(taken: set[Grant]) -> None:
        if left := _reduced(original, role, taken):
            write({**original, "Statement": left})
        else:  # a policy without a statement is refused
            iam.delete_role_policy(RoleName=name, PolicyName=policy)

    try:
        yield put
    finally:
        write(original)


def _reduced(deployed: Document, role: str, taken: set[Grant]) -> list[Document]:
    """Return the statements of a deployed policy without some of its permissions."""
    names = {statement["Sid"]: _named(statement) for statement in _statements(role)}
    left = []
    found = set()
    for statement in deployed["Statement"]:
        sid = statement["Sid"]
        arns = as_list(statement["Resource"])
        assert len(arns) == len(names[sid]), f"{role} {sid} is deployed with other resources"
        for resource, arn in zip(names[sid], arns, strict=True):
            here = {grant for grant in taken if (grant.sid, grant.resource) == (sid, resource)}
            found |= here
            kept = [
                action
                for action in as_list(statement["Action"])
                if action not in {grant.action for grant in here}
            ]
            if kept:
                left.append(
                    {**statement, "Sid": f"{sid}{len(left)}", "Action": kept, "Resource": arn}
                )
    assert found == taken, f"{role} has no {taken - found}"
    return left
