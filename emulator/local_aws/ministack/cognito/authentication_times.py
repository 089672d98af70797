"""A refreshed token tells when its owner signed in, and not when it was refreshed.

OpenID Connect has a client discard a refreshed ID token with another ``auth_time`` than the first.
"""

from typing import Any

from ministack.services import cognito

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (PrivateName("services.cognito", "_signed_jwt", ("claims", "pool_id", "use")),)

# By what tokens of one sign-in have in common; s since the epoch.
_signed_in_at: dict[str, int] = {}


def apply() -> None:
    """Keep the time of the first token of each sign-in for the later ones."""
    sign = cognito._signed_jwt

    def signed_jwt(claims: dict[str, Any], pool_id: str = "", use: str = "") -> str:
        return str(sign(with_first_time(claims), pool_id, use))

    cognito._signed_jwt = signed_jwt


def with_first_time(claims: dict[str, Any]) -> dict[str, Any]:
    """Return a token's claims with the time at which its owner signed in."""
    origin, time = claims.get("origin_jti"), claims.get("auth_time")
    if not isinstance(origin, str) or not isinstance(time, int):
        return claims
    return {**claims, "auth_time": _signed_in_at.setdefault(origin, time)}
