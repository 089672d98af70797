"""What a removed stack leaves on purpose, and the commands that end it too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from femo_pipeline.removal.account import Account, Resource, Target

__all__ = ["RETAINED", "Kept", "kept"]

PYTHON = ".venv/bin/python"
LOG_POLICY = "arn:{partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"


@dataclass(frozen=True)
class Kept:
    """Something that stays, and costs or holds data."""

    kind: str  # CloudFormation's type
    name: str
    holds: str
    commands: tuple[str, ...]  # to end it, in order

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "type": self.kind,
            "name": self.name,
            "holds": self.holds,
            "commands": list(self.commands),
        }


def _bucket(name: str, region: str, _partition: str) -> tuple[str, ...]:
    # `aws s3 rb --force` leaves the older versions, and with them the bucket
    lines = f"b = boto3.resource('s3', region_name='{region}').Bucket('{name}')"
    return (f'{PYTHON} -c "import boto3; {lines}; b.object_versions.delete(); b.delete()"',)


def _table(name: str, region: str, _partition: str) -> tuple[str, ...]:
    return (f"aws dynamodb delete-table --region {region} --table-name {name}",)


def _pool(name: str, region: str, _partition: str) -> tuple[str, ...]:
    return (f"aws cognito-idp delete-user-pool --region {region} --user-pool-id {name}",)


def _log_role(name: str, region: str, partition: str) -> tuple[str, ...]:
    policy = LOG_POLICY.format(partition=partition)
    return (
        f"aws apigateway get-account --region {region}   # another role? then, and only then:",
        f"aws iam detach-role-policy --role-name {name} --policy-arn {policy}",
        f"aws iam delete-role --role-name {name}",
    )


Commands = Callable[[str, str, str], tuple[str, ...]]

# Logical id of what template.yaml retains -> what it holds, and how it is ended. A bucket's policy
# goes with its bucket; that API Gateway logs at all is a setting of the account.
RETAINED: dict[str, tuple[str, Commands]] = {
    "RecordingsBucket": ("recordings, labelled cohorts among them", _bucket),
    "RequestsBucket": ("requests, results and failures of jobs", _bucket),
    "ModelsBucket": ("models, features, evaluations and the smoke recording", _bucket),
    "JobTable": ("a row for each job, until JobRetentionDays", _table),
    "UserPool": ("the people who sign in", _pool),
    "ApiGatewayAccountRole": (
        "the right of every API of this account and region to write its log",
        _log_role,
    ),
}


def kept(account: Account, target: Target) -> list[Kept]:
    """Return what stays of a stack, or has stayed of one that has gone."""
    partition = (target.stack_id or "arn:aws:").split(":")[1]
    return [
        _kept(found, account.region, partition)
        for logical_id in RETAINED
        if (found := target.resource(logical_id)) is not None
    ]


def _kept(resource: Resource, region: str, partition: str) -> Kept:
    holds, commands = RETAINED[resource.logical_id]
    return Kept(resource.kind, resource.name, holds, commands(resource.name, region, partition))
