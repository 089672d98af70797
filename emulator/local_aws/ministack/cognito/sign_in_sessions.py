"""A user pool's sign-in page remembers who signed in, by a cookie, for an hour or until sign-out.

An application that keeps its tokens in memory alone is reloaded without a password that way.
MiniStack asks for the password each time.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ministack.services import cognito

from local_aws.ministack.private_names import PrivateName

COOKIE = "cognito"
SESSION_SECONDS = 3600  # Cognito's own, which cannot be changed

PRIVATE_NAMES = (
    PrivateName("services.cognito", "_authorization_codes", kind=dict),
    PrivateName("services.cognito", "_find_pool_by_client_id", ("client_id",)),
    PrivateName("services.cognito", "_hosted_ui_user_status_error", ("user",)),
    PrivateName("services.cognito", "_issue_auth_code_redirect", ("client_id", "pool_id")),
    PrivateName("services.cognito", "handle_login_submit", ("method", "path", "headers", "body")),
    PrivateName("services.cognito", "handle_logout", ("method", "path", "headers")),
    PrivateName("services.cognito", "handle_oauth2_authorize", ("method", "path", "headers")),
)

Answer = tuple[int, dict[str, str], bytes]
Query = Mapping[str, Any]


@dataclass(frozen=True)
class _Session:
    pool_id: str
    username: str
    ends_at: float  # s since the epoch


_sessions: dict[str, _Session] = {}


def apply() -> None:
    """Begin a session with a sign-in, go by it at the next one, end it with the sign-out."""
    sign_in, authorize, sign_out = (
        cognito.handle_login_submit,
        cognito.handle_oauth2_authorize,
        cognito.handle_logout,
    )

    def handle_login_submit(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Query
    ) -> Answer:
        return _remembering(sign_in(method, path, headers, body, query))

    def handle_oauth2_authorize(
        method: str, path: str, headers: dict[str, str], query: Query
    ) -> Answer:
        answer: Answer = authorize(method, path, headers, query)
        if answer[0] != 200 or _one(query, "prompt") == "login":
            return answer
        return _signed_in(headers, query) or answer

    def handle_logout(method: str, path: str, headers: dict[str, str], query: Query) -> Answer:
        status, answered, body = sign_out(method, path, headers, query)
        if status == 302:
            _sessions.pop(_token(headers), None)
            answered = {**answered, "Set-Cookie": f"{COOKIE}=; Path=/; HttpOnly; Max-Age=0"}
        return status, answered, body

    cognito.handle_login_submit = handle_login_submit
    cognito.handle_oauth2_authorize = handle_oauth2_authorize
    cognito.handle_logout = handle_logout


def _remembering(answer: Answer) -> Answer:
    """Return the answer to a sign-in, with a cookie if it gave a code."""
    status, headers, body = answer
    codes = parse_qs(urlsplit(headers.get("Location", "")).query).get("code", [])
    granted = cognito._authorization_codes.get(codes[0]) if status == 302 and codes else None
    if granted is None:
        return answer
    token = secrets.token_urlsafe(24)
    ends_at = time.time() + SESSION_SECONDS
    _sessions[token] = _Session(granted["pool_id"], granted["username"], ends_at)
    cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={SESSION_SECONDS}"
    return status, {**headers, "Set-Cookie": cookie}, body


def _signed_in(headers: dict[str, str], query: Query) -> Answer | None:
    """Return the redirect with a code for whoever has a session at the client's pool."""
    session = _sessions.get(_token(headers))
    client_id = _one(query, "client_id")
    pool_id, pool, client = cognito._find_pool_by_client_id(client_id)
    if session is None or session.ends_at < time.time() or session.pool_id != pool_id:
        return None
    user = pool["_users"].get(session.username)
    if user is None or cognito._hosted_ui_user_status_error(user):
        return None
    answer: Answer = cognito._issue_auth_code_redirect(
        client_id,
        pool_id,
        _one(query, "redirect_uri") or client.get("DefaultRedirectURI", ""),
        _one(query, "scope"),
        session.username,
        _one(query, "nonce"),
        _one(query, "code_challenge"),
        _one(query, "code_challenge_method"),
        _one(query, "state"),
    )
    return answer


def _token(headers: Mapping[str, str]) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _one(query: Query, name: str) -> str:
    value = query.get(name, "")
    return str(value[0] if isinstance(value, list) else value)
