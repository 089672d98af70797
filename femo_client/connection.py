"""Where a service is and how to sign in to it: as given, or from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from femo_client.errors import ConfigurationError
from femo_client.sign_in import Credentials, GivenToken, MachineSignIn, Signing

__all__ = ["DEFAULT_TIMEOUT", "VARIABLES", "Connection", "signing_with"]

# The service holds answers back for up to 20 s, and API Gateway ends a request after 29 s.
DEFAULT_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_FIELDS = ("api_url", "token", "token_url", "client_id", "client_secret")
VARIABLES = {field: f"FEMO_{field.upper()}" for field in _FIELDS}
_OF_A_MACHINE = ("token_url", "client_id", "client_secret")


@dataclass(frozen=True)
class Connection:
    """Where a service is and how to sign in to it."""

    api_url: str
    credentials: Credentials | str  # of a machine client, or an access token

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Connection:
        """Return what the variables `VARIABLES` say; a token goes before a machine client.

        Raises
        ------
        ConfigurationError
            Some are missing (all of them are named), or one holds no address.
        """
        given = os.environ if environment is None else environment
        return cls.of({field: given.get(name) for field, name in VARIABLES.items()})

    @classmethod
    def of(cls, given: Mapping[str, str | None]) -> Connection:
        """Return what is given by the keys of `VARIABLES`; none and empty text are missing.

        Raises
        ------
        ConfigurationError
            Some are missing (all of them are named), or one holds no address.
        """
        told = {field: text for field, text in given.items() if text}
        needed = ("api_url",) if "token" in told else ("api_url", *_OF_A_MACHINE)
        missing = tuple(VARIABLES[field] for field in needed if field not in told)
        if missing:
            instead = "" if "token" in told else f", or {VARIABLES['token']} in place of a client"
            raise ConfigurationError(f"not set: {', '.join(missing)}{instead}", missing)
        for field in ("api_url", "token_url"):
            if field in needed:
                check_address(told[field], VARIABLES[field])
        if "token" in told:
            return cls(told["api_url"], told["token"])
        machine = Credentials(told["token_url"], told["client_id"], told["client_secret"])
        return cls(told["api_url"], machine)


def signing_with(credentials: Credentials | str) -> Signing:
    """Return what signs requests with these credentials, or this token."""
    if isinstance(credentials, str):
        return GivenToken(credentials)
    return MachineSignIn(credentials)


def check_address(url: str, name: str) -> str:
    """Return an address as it is.

    Raises
    ------
    ConfigurationError
        It is none of HTTP.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"{name} is no address that begins with https://: {url!r}")
    return url
