"""Who asks, as the token of the user pool tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from femo_models_api import errors
from femo_models_api.settings import APPROVERS

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def approver(event: Mapping[str, Any]) -> str:
    """Return the pseudonym of a person who may approve and deploy.

    Parameters
    ----------
    event
        Of API Gateway, whose authorizer has checked the token.

    Raises
    ------
    ApiError
        403 if the token is not a person's, or one who is not of the group.
    """
    claims = (event.get("requestContext", {}).get("authorizer") or {}).get("claims") or {}
    user_id = str(claims.get("sub", ""))
    if APPROVERS not in _groups(claims.get("cognito:groups")) or not _ID.fullmatch(user_id):
        raise errors.not_an_approver()
    return user_id


def _groups(claim: object) -> list[str]:
    """Return the groups of a claim, which API Gateway makes one text of: ``a,b`` or ``[a b]``."""
    return re.split(r"[,\s]+", str(claim or "").strip("[] "))
