"""The console on a laptop: signed in to by the gateway, and nowhere on AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local_stack import addresses
from scripts.person import ensure_person
from tests.unit.template.documents import template

GATEWAY = "http://127.0.0.1:4566"
DOMAIN = "https://femo-dev-1.auth.us-east-1.amazoncognito.com"
CONSOLE = "https://abc123.execute-api.us-east-1.amazonaws.com/dev/console/"
LOCAL_CONSOLE = f"{GATEWAY}/_aws/execute-api/abc123/dev/console/"


class Local:
    """What `make_local` uses of a deployment."""

    gateway = GATEWAY

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name="us-east-1")


def make_pool(cognito: Any) -> str:
    """A user pool that asks of a password what the template's does, with its group."""
    resources = template()["Resources"]
    policies = resources["UserPool"]["Properties"]["Policies"]
    pool: str = cognito.create_user_pool(PoolName="pool", Policies=policies)["UserPool"]["Id"]
    group = resources["ModelApprovers"]["Properties"]["GroupName"]
    cognito.create_group(UserPoolId=pool, GroupName=group)
    return pool


@pytest.fixture
def outputs() -> Iterator[dict[str, str]]:
    """A stack's outputs, and what they name."""
    with mock_aws():
        boto3.client("ssm", region_name="us-east-1").put_parameter(
            Name="/console/femo-dev",
            Type="String",
            Value=json.dumps(
                {
                    "authorizationEndpoint": f"{DOMAIN}/oauth2/authorize",
                    "tokenEndpoint": f"{DOMAIN}/oauth2/token",
                    "clientId": "client",
                    "apiUrl": "..",
                    "maxRecordingMegabytes": 1024,
                    "storageOrigins": ["https://recordings.s3.us-east-1.amazonaws.com"],
                }
            ),
        )
        cognito = boto3.client("cognito-idp", region_name="us-east-1")
        pool = make_pool(cognito)
        client = cognito.create_user_pool_client(
            UserPoolId=pool,
            ClientName="people",
            AllowedOAuthFlows=["code"],
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthScopes=["openid", "jobs/read"],
            CallbackURLs=["http://localhost:8976/callback", CONSOLE],
            LogoutURLs=["http://localhost:8976/callback", CONSOLE],
            RefreshTokenValidity=12,
        )["UserPoolClient"]["ClientId"]
        yield {
            "ConsoleUrl": CONSOLE,
            "ConsoleParameterName": "/console/femo-dev",
            "UserPoolId": pool,
            "PersonClientId": client,
        }


def test_the_console_is_told_of_the_gateway_alone(outputs: dict[str, str]) -> None:
    addresses.make_local(Local(), outputs)  # type: ignore[arg-type]
    ssm = boto3.client("ssm", region_name="us-east-1")
    found = json.loads(ssm.get_parameter(Name="/console/femo-dev")["Parameter"]["Value"])
    assert found == {
        "authorizationEndpoint": f"{GATEWAY}/oauth2/authorize",
        "tokenEndpoint": f"{GATEWAY}/oauth2/token",
        "clientId": "client",
        "apiUrl": "..",
        "maxRecordingMegabytes": 1024,
        "storageOrigins": [GATEWAY],
    }


def test_people_may_come_back_to_the_local_console_and_lose_no_right(
    outputs: dict[str, str],
) -> None:
    for _ in range(2):  # at each start
        addresses.make_local(Local(), outputs)  # type: ignore[arg-type]
    client = boto3.client("cognito-idp", region_name="us-east-1").describe_user_pool_client(
        UserPoolId=outputs["UserPoolId"], ClientId=outputs["PersonClientId"]
    )["UserPoolClient"]
    for name in ("CallbackURLs", "LogoutURLs"):
        assert client[name] == ["http://localhost:8976/callback", CONSOLE, LOCAL_CONSOLE]
    assert client["AllowedOAuthScopes"] == ["openid", "jobs/read"]
    assert client["RefreshTokenValidity"] == 12


@mock_aws
def test_a_template_without_a_console_is_deployed_all_the_same() -> None:
    addresses.make_local(Local(), {"ApiUrl": "x"})  # type: ignore[arg-type]


def test_the_person_of_a_folder_can_sign_in_to_each_pool_that_is_made_for_it(
    outputs: dict[str, str], tmp_path: Path
) -> None:
    cognito = boto3.client("cognito-idp", region_name="us-east-1")
    kept = tmp_path / "person.json"
    person = ensure_person(cognito, outputs["UserPoolId"], kept)
    assert len(person.password) >= 20
    assert kept.stat().st_mode & 0o077 == 0
    other = make_pool(cognito)
    for pool in (outputs["UserPoolId"], other):
        assert ensure_person(cognito, pool, kept) == person
        (user,) = cognito.list_users(UserPoolId=pool)["Users"]
        assert user["UserStatus"] == "CONFIRMED"
        groups = cognito.admin_list_groups_for_user(UserPoolId=pool, Username=person.email)
        assert [group["GroupName"] for group in groups["Groups"]] == ["modelApprovers"]
