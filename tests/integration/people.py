"""People of the local stack's user pool, who sign in as they do in a browser."""

from __future__ import annotations

import base64
import hashlib
import secrets
import uuid
from urllib.parse import parse_qs, urlsplit

import httpx

from .conftest import Stack

APPROVERS = "modelApprovers"


def signed_in(stack: Stack, *groups: str) -> str:
    """Return the access token, with every scope, of a new person of these groups."""
    pool, pool_id = stack.client("cognito-idp"), stack.outputs["UserPoolId"]
    email, password = f"{uuid.uuid4()}@example.org", f"{secrets.token_urlsafe(16)}Aa1"
    pool.admin_create_user(
        UserPoolId=pool_id,
        Username=email,
        TemporaryPassword=password,
        MessageAction="SUPPRESS",
    )
    pool.admin_set_user_password(
        UserPoolId=pool_id, Username=email, Password=password, Permanent=True
    )
    for group in groups:
        pool.admin_add_user_to_group(UserPoolId=pool_id, Username=email, GroupName=group)
    return _token(stack, email, password)


def _token(stack: Stack, email: str, password: str) -> str:
    """Sign in with an authorization code and PKCE."""
    client_id = stack.outputs["PersonClientId"]
    client = stack.client("cognito-idp").describe_user_pool_client(
        UserPoolId=stack.outputs["UserPoolId"], ClientId=client_id
    )["UserPoolClient"]
    back, verifier = client["CallbackURLs"][0], secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode()
    asked = {
        "client_id": client_id,
        "redirect_uri": back,
        "scope": " ".join(client["AllowedOAuthScopes"]),
        "response_type": "code",
        "code_challenge": challenge.rstrip("="),
        "code_challenge_method": "S256",
    }
    token_url = stack.outputs["TokenUrl"]
    sign_in = token_url.removesuffix("oauth2/token") + "login"
    answer = httpx.post(sign_in, data=asked | {"username": email, "password": password})
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    tokens = httpx.post(
        token_url,
        data={
            "grant_type": "authorization_code",
            "client_id": client_id,
            "redirect_uri": back,
            "code": code,
            "code_verifier": verifier,
        },
    )
    token: str = tokens.raise_for_status().json()["access_token"]
    return token
