"""Requests as API Gateway hands them to a function."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["below_base_path"]

_PARAMETER = re.compile(r"\{([^{}+]+)(\+?)\}")


def below_base_path(event: Mapping[str, Any]) -> str:
    """Return the path of a request below what a custom domain puts before it.

    A base path mapping leaves its base path in ``path``; ``resource`` is the route that was found.

    Parameters
    ----------
    event
        Of a REST API's Lambda proxy integration.
    """
    path = str(event.get("path") or "")
    resource = str(event.get("resource") or "")
    if not resource:
        return path
    given: Mapping[str, str] = event.get("pathParameters") or {}
    route, end = "", 0
    for found in _PARAMETER.finditer(resource):
        name, takes_the_rest = found.groups()
        rest = re.escape(given[name]) if name in given else ".+"
        route += re.escape(resource[end : found.start()]) + (rest if takes_the_rest else "[^/]+")
        end = found.end()
    matched = re.search(f"{route}{re.escape(resource[end:])}/?$", path)
    return path if matched is None else matched.group()
