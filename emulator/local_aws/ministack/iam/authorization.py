"""What IAM says to a caller, and to an AWS service that acts with a role.

MiniStack asks IAM of whoever calls its API. What its services do for a function or a rule, they
do without asking; on AWS they do it with the function's or the rule's role.
"""

import threading
import time
from typing import Any

from ministack import app as gateway
from ministack.core import iam_evaluator

from local_aws.ministack.iam import service_sessions
from local_aws.ministack.iam.service_sessions import (
    ACCOUNT,
    REGION,
    SESSION_SECONDS,
    NotTrustedError,
)
from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("app", "AUTH", kind=bool),
    PrivateName("core.iam_evaluator", "resolve_principal", ("access_key_id", "account_id")),
    PrivateName("core.iam_evaluator", "resolve_credential", ("access_key_id", "account_id")),
    PrivateName("core.iam_evaluator", "CredentialResolutionError", kind=type),
    PrivateName("core.iam_evaluator", "AuthError", kind=type),
    PrivateName("core.iam_evaluator", "EvalContext", kind=type),
    PrivateName("core.iam_evaluator", "evaluate", ("ctx",)),
    *service_sessions.PRIVATE_NAMES,
)

_sessions: dict[tuple[str, str, str], tuple[float, dict[str, Any]]] = {}
_sessions_lock = threading.Lock()


def authorize(request: dict[str, Any]) -> dict[str, Any]:
    """Say who holds an access key and whether the holder may do an action.

    Parameters
    ----------
    request
        ``accessKeyId``, ``sessionToken`` (may be empty) and ``checks``: a list of ``action``,
        ``resource`` and ``context`` (condition keys and values).
    """
    access_key = request.get("accessKeyId", "")
    credential = iam_evaluator.resolve_credential(
        access_key, ACCOUNT, request.get("sessionToken", "")
    )
    if isinstance(credential, iam_evaluator.CredentialResolutionError):
        return {"known": False, "code": credential.code, "message": credential.message}
    principal = iam_evaluator.resolve_principal(access_key, ACCOUNT)
    if isinstance(principal, iam_evaluator.AuthError):
        return {"known": False, "code": principal.code, "message": principal.message}
    denied = [
        {"action": check["action"], "resource": check["resource"]}
        for check in request.get("checks", [])
        if not _allowed(principal, check)
    ]
    return {"known": True, "principal": principal.arn, "denied": denied}


def _allowed(principal: Any, check: dict[str, Any]) -> bool:
    if not gateway.AUTH or principal.policies is None:
        return True
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=check["action"],
        resource_arn=check["resource"],
        region=REGION,
        service_context={key.lower(): value for key, value in check.get("context", {}).items()},
        principal_keys=principal.keys,
    )
    decision = iam_evaluator.evaluate(context, principal.policies, *principal.limits).decision
    return bool(decision == "Allow")


def refusal_of_caller(access_key: str, action: str, resource: str) -> str | None:
    """Return why the holder of a key, whose signature was checked, may not do an action, or None.

    Callers without a key are left to the policies of what they call.
    """
    if not gateway.AUTH or not access_key:
        return None
    principal = iam_evaluator.resolve_principal(access_key, ACCOUNT)
    if isinstance(principal, iam_evaluator.AuthError):
        return str(principal.message)
    if _allowed(principal, {"action": action, "resource": resource}):
        return None
    return _words(principal.arn, action, resource)


def refusal_of_role(
    role_arn: str, service: str, source_arn: str, *needed: tuple[str, str]
) -> str | None:
    """Return why a service may not do something with a role, or None if it may.

    Parameters
    ----------
    role_arn
        The role.
    service
        The service's principal, such as ``lambda.amazonaws.com``.
    source_arn
        The resource on whose behalf the service acts.
    needed
        Actions and the resources that they are done on.
    """
    if not gateway.AUTH:
        return None
    try:
        credentials = _session(role_arn, service, source_arn)
    except NotTrustedError as error:
        return str(error)
    answer = authorize(
        {
            "accessKeyId": credentials["AccessKeyId"],
            "sessionToken": credentials["SessionToken"],
            "checks": [{"action": action, "resource": resource} for action, resource in needed],
        }
    )
    for denied in answer.get("denied", []):
        return _words(answer["principal"], denied["action"], denied["resource"])
    return None if answer["known"] else str(answer["message"])


def _session(role_arn: str, service: str, source_arn: str) -> dict[str, Any]:
    place = (role_arn, service, source_arn)
    with _sessions_lock:
        known = _sessions.get(place)
        if known is None or time.monotonic() > known[0]:
            credentials = service_sessions.assume(role_arn, service, source_arn)
            known = _sessions[place] = (time.monotonic() + SESSION_SECONDS / 2, credentials)
        return known[1]


def _words(principal_arn: str, action: str, resource: str) -> str:
    return (
        f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
