"""What functions on a laptop tell their callers leads to the laptop's gateway, not to AWS."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.stub import Stubber

from local_stack import addresses

GATEWAY = "http://127.0.0.1:4566"
SIGN_IN = "https://femo-dev-1.auth.us-east-1.amazoncognito.com/oauth2/token"


def test_functions_name_the_gateway_where_the_template_names_a_host_of_aws() -> None:
    functions = boto3.client(
        "lambda", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )

    class Local:
        gateway = GATEWAY

        def client(self, _service: str) -> Any:
            return functions

    told = {"TOKEN_URL": SIGN_IN, "TABLE": "jobs"}
    held = [
        {"FunctionName": "api", "Environment": {"Variables": told}},
        {"FunctionName": "sweeper", "Environment": {"Variables": {"TABLE": "jobs"}}},
        {"FunctionName": "bare"},
    ]
    local = {"TOKEN_URL": f"{GATEWAY}/oauth2/token", "TABLE": "jobs"}
    with Stubber(functions) as stubber:
        stubber.add_response("list_functions", {"Functions": held})
        stubber.add_response(
            "update_function_configuration",
            {},
            {"FunctionName": "api", "Environment": {"Variables": local}},
        )
        addresses.make_local(Local(), {})  # type: ignore[arg-type]
        stubber.assert_no_pending_responses()
