"""Who calls, what the caller may do, and credentials of the roles that containers run with."""

import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import CredentialProvider, RefreshableCredentials
from botocore.session import get_session

from local_aws.control import KEY_HEADER, PREFIX
from local_aws.sagemaker.arns import ACCOUNT, REGION
from local_aws.sagemaker.errors import AccessDeniedError, ServiceError, ValidationError

SERVICE_PRINCIPAL = "sagemaker.amazonaws.com"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")


@dataclass(frozen=True)
class Check:
    """One action on one resource, with the condition keys that AWS sets."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def pass_role(role_arn: str) -> Check:
    """Return the check for handing a role to SageMaker."""
    return Check("iam:PassRole", role_arn, {"iam:PassedToService": SERVICE_PRINCIPAL})


class Gateway:
    """The routes under /_local/ of the MiniStack launcher.

    Parameters
    ----------
    url
        The gateway's address.
    key
        The key that both processes were started with.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._key = key

    def _post(self, route: str, document: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the loopback address of the gateway
            f"{self.url}{PREFIX}{route}",
            json.dumps(document).encode(),
            {"Content-Type": "application/json", KEY_HEADER: self._key},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                answer: dict[str, Any] = json.loads(response.read())
                return answer
        except (urllib.error.URLError, TimeoutError) as error:
            raise ServiceError(
                "InternalFailure", f"MiniStack did not answer {PREFIX}{route}: {error}", 500
            ) from error

    def is_reachable(self) -> bool:
        """Say whether MiniStack answers; if not, the stack is about to stop."""
        try:
            self._post("authorize", {"accessKeyId": "test"})
        except ServiceError:
            return False
        return True

    def authorize(self, headers: Mapping[str, str], checks: list[Check]) -> str:
        """Return the caller's ARN, or raise as AWS does.

        Raises
        ------
        AccessDeniedError
            If a check fails.
        ServiceError
            If the request is not signed, or with unknown credentials.
        """
        found = _CREDENTIAL.search(headers.get("authorization", ""))
        if found is None:
            raise ServiceError(
                "MissingAuthenticationTokenException", "Missing Authentication Token", 403
            )
        return self._authorize(found[1], headers.get("x-amz-security-token", ""), checks)

    def authorize_role(self, role_arn: str, checks: list[Check]) -> None:
        """Raise as AWS does where SageMaker may not do something with an execution role.

        Raises
        ------
        AccessDeniedError
            If a check fails.
        ValidationError
            If the role does not exist or does not trust SageMaker.
        """
        credentials = self.assume_role(role_arn)
        self._authorize(credentials["AccessKeyId"], credentials["SessionToken"], checks)

    def _authorize(self, access_key: str, session_token: str, checks: list[Check]) -> str:
        answer = self._post(
            "authorize",
            {
                "accessKeyId": access_key,
                "sessionToken": session_token,
                "checks": [
                    {
                        "action": check.action,
                        "resource": check.resource,
                        "context": dict(check.context),
                    }
                    for check in checks
                ],
            },
        )
        if not answer["known"]:
            raise ServiceError(answer["code"], answer["message"], 403)
        for denied in answer["denied"]:
            raise AccessDeniedError(
                f"User: {answer['principal']} is not authorized to perform: {denied['action']} on "
                f"resource: {denied['resource']} because no identity-based policy allows the "
                f"{denied['action']} action"
            )
        principal: str = answer["principal"]
        return principal

    def assume_role(self, role_arn: str) -> dict[str, str]:
        """Return temporary credentials of an execution role.

        Raises
        ------
        ValidationError
            If the role does not exist or does not trust SageMaker, worded as AWS words it.
        """
        source = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/local"
        answer = self._post("assume-role", {"roleArn": role_arn, "sourceArn": source})
        if not answer["trusted"]:
            raise ValidationError(
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows "
                f"principal '{SERVICE_PRINCIPAL}' to assume the role."
            )
        credentials: dict[str, str] = answer["credentials"]
        return credentials

    def put_events(self, *entries: dict[str, Any]) -> None:
        """Publish events of AWS's own on the default bus."""
        self._post("events", {"entries": list(entries)})


class Roles:
    """Clients with the credentials of execution roles, or of the service itself."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lock = threading.RLock()
        self._sessions: dict[str, boto3.Session] = {}
        self._clients: dict[tuple[str | None, str], Any] = {}
        self._service = boto3.Session("test", "test", region_name=REGION)

    def client(self, service: str, role_arn: str | None = None) -> Any:
        """Return a client with a role's credentials, or with the service's own."""
        with self._lock:
            key = (role_arn, service)
            if key not in self._clients:
                session = self._service if role_arn is None else self._session(role_arn)
                self._clients[key] = session.client(
                    service,  # type: ignore[call-overload]
                    endpoint_url=self._gateway.url,
                    config=Config(retries={"mode": "standard", "total_max_attempts": 4}),
                )
            return self._clients[key]

    def check_trust(self, role_arn: str) -> None:
        """Raise ValidationError unless the role exists and lets SageMaker assume it."""
        self._gateway.assume_role(role_arn)

    def credentials(self, role_arn: str) -> dict[str, str]:
        """Return temporary credentials as a container's credential endpoint gives them."""
        credentials = self._gateway.assume_role(role_arn)
        credentials["Token"] = credentials.pop("SessionToken")
        return {**credentials, "RoleArn": role_arn}

    def _session(self, role_arn: str) -> boto3.Session:
        if role_arn not in self._sessions:
            core = get_session()
            core.set_config_variable("region", REGION)
            resolver = core.get_component("credential_provider")
            resolver.insert_before("env", _RoleProvider(self._gateway, role_arn))
            self._sessions[role_arn] = boto3.Session(botocore_session=core)
        return self._sessions[role_arn]


class _RoleProvider(CredentialProvider):
    """Credentials of a role, renewed before they expire."""

    METHOD = "local-aws-role"
    CANONICAL_NAME = "LocalAwsRole"

    def __init__(self, gateway: Gateway, role_arn: str) -> None:
        super().__init__()
        self._gateway = gateway
        self._role_arn = role_arn

    def load(self) -> RefreshableCredentials:
        return RefreshableCredentials.create_from_metadata(
            self._refresh(), self._refresh, self.METHOD
        )

    def _refresh(self) -> dict[str, str]:
        credentials = self._gateway.assume_role(self._role_arn)
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"],
        }


def now() -> float:
    """Return Unix time in seconds, to the millisecond, as AWS's JSON holds it."""
    return round(time.time(), 3)
