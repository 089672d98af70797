"""Credentials of a role for an AWS service, given only if the role trusts that service.

AssumeRole of the public API cannot be asked by a service here: MiniStack takes the root key for
every service, and has no source account or ARN for a trust policy's conditions.
"""

import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("core.iam_evaluator", "EvalContext", kind=type),
    PrivateName("core.iam_evaluator", "_conditions_met", ("conditions", "ctx")),
    PrivateName("services.iam", "_roles"),
    PrivateName("services.sts", "register_session", ("access_key", "session")),
)

ACCOUNT = "000000000000"
REGION = "us-east-1"
SESSION_SECONDS = 3600


class NotTrustedError(Exception):
    """The role does not exist, or does not trust the service."""


def assume(role_arn: str, service: str, source_arn: str) -> dict[str, Any]:
    """Return temporary credentials of a role.

    Parameters
    ----------
    role_arn
        The role.
    service
        The service's principal, such as ``states.amazonaws.com``.
    source_arn
        The resource on whose behalf the service acts (``aws:SourceArn``).

    Returns
    -------
    dict
        As AssumeRole's ``Credentials``; ``Expiration`` in ISO 8601.

    Raises
    ------
    NotTrustedError
        If the trust policy does not let the service assume the role.
    """
    name = role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get(name)
    if role is None or not trusts(role["AssumeRolePolicyDocument"], role_arn, service, source_arn):
        raise NotTrustedError(f"{role_arn} does not exist or does not trust {service}")
    expiration = time.time() + SESSION_SECONDS
    access_key = f"ASIA{secrets.token_hex(8).upper()}"
    session_name = service.partition(".")[0]
    session = {
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session_name}",
        "UserId": f"{role.get('RoleId', name)}:{session_name}",
        "SecretAccessKey": secrets.token_hex(20),
        "SessionToken": secrets.token_hex(32),
        "Expiration": expiration,
    }
    sts.register_session(access_key, session)
    return {
        "AccessKeyId": access_key,
        "SecretAccessKey": session["SecretAccessKey"],
        "SessionToken": session["SessionToken"],
        "Expiration": datetime.fromtimestamp(expiration, UTC).isoformat(timespec="seconds"),
    }


def trusts(document: str | dict[str, Any], role_arn: str, service: str, source_arn: str) -> bool:
    """Say whether a trust policy lets a service assume the role for a resource."""
    policy = json.loads(document) if isinstance(document, str) else document
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=ACCOUNT,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=REGION,
        service_context={"aws:sourceaccount": ACCOUNT, "aws:sourcearn": source_arn},
    )
    allowed = False
    for statement in _listed(policy.get("Statement", [])):
        principal = statement.get("Principal", {})
        services = _listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        if (
            service in services
            and "sts:AssumeRole" in _listed(statement.get("Action", []))
            and iam_evaluator._conditions_met(statement.get("Condition", {}), context)
        ):
            if statement["Effect"] == "Deny":
                return False
            allowed = True
    return allowed


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
