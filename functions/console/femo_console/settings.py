"""What the console must know of its stack: a parameter that is written after all that it names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from aws_lambda_powertools.utilities import parameters

PARAMETER_VARIABLE = "CONSOLE_PARAMETER_NAME"
KEPT_SECONDS = 60  # a change of the parameter is seen by then


@dataclass(frozen=True)
class ConsoleSettings:
    """The configuration that the page fetches, and the hosts that it may talk to."""

    page: dict[str, Any]
    hosts: tuple[str, ...]  # origins beside the page's own

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """Take a parameter's content apart."""
        storage = document.get("storageOrigins", [])
        hosts = {_origin(document["tokenEndpoint"]), *map(_origin, storage)}
        page = {name: value for name, value in document.items() if name != "storageOrigins"}
        return cls(page, tuple(sorted(hosts)))


def console_settings() -> ConsoleSettings:
    """Return the settings, at most a minute old."""
    document: Any = parameters.get_parameter(
        os.environ[PARAMETER_VARIABLE], transform="json", max_age=KEPT_SECONDS
    )
    return ConsoleSettings.of(document)


def _origin(address: str) -> str:
    """Return the scheme and host of an address: all that may enter the policy's header."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
