"""What the OpenAPI document says of each route: its errors, its answers and its scope.

The document itself is stored, as scripts/describe_api.py writes it: to build it would be slow at
each cold start. Only the addresses of the stack are filled in when it is asked for.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from femo_api import contract

INTRODUCTION = """Finds the fetal movements in FeMo belt recordings. For research use.

Upload a recording (`POST /uploads`), submit it (`POST /jobs`), and read the job until it has ended
(`GET /jobs/{jobId}`). Every error has one shape, `{"error": {"code", "message", "field"?}}`; a
program goes by the code. Every route but `/health` and `/openapi.json` needs an access token of the
stack's user pool with the route's scope: machines use client credentials, people sign in with an
authorization code and PKCE.
"""
TAGS = [
    {"name": "jobs", "description": "Recordings that are, or have been, analysed"},
    {"name": "uploads", "description": "Where recordings are sent to"},
    {"name": "service", "description": "The service itself"},
    {"name": "models", "description": "The versions of the model, and what puts one into service"},
]
_APPLIED = {
    "Preference-Applied": {
        "description": "wait=N: how long the request would have waited, in seconds, after Prefer. "
        "Absent where it did not wait: as many as may (MaxWaitingRequests) wait already",
        "schema": {"type": "string"},
    }
}
SUBMITTED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": contract.JobView,
        "description": "A job that ended while its request waited; or a repeat, with the job that "
        "an equal request has queued before, ended or not",
        "headers": _APPLIED,
    },
    202: {
        "description": "Accepted",
        "headers": {
            "Location": {"description": "The job", "schema": {"type": "string"}},
            **_APPLIED,
        },
    },
}
FOUND: dict[int | str, dict[str, Any]] = {200: {"headers": _APPLIED}}
_NAMED = {
    "Content-Disposition": {"description": "A file's name", "schema": {"type": "string"}},
    "Vary": {"description": "Accept", "schema": {"type": "string"}},
}
RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The result in the form that was asked for",
        "headers": _NAMED,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/AnalysisResponse"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/fhir+json": {"schema": {"type": "object"}},
        },
    },
    303: {
        "description": "JSON, too large to be sent here",
        "headers": {
            "Location": {
                "description": "Where it can be fetched without a token, for a quarter of an hour",
                "schema": {"type": "string"},
            }
        },
    },
}
UPLOAD: dict[int | str, dict[str, Any]] = {
    200: {
        "model": contract.UploadView,
        "description": "The same content is there already: nothing to send",
    },
}


@cache
def _stored() -> str:
    return Path(__file__).with_name("openapi.json").read_text()


def document(base_path: str, token_url: str) -> dict[str, Any]:
    """Return the stored OpenAPI document, with this stack's addresses.

    Parameters
    ----------
    base_path
        Under which the API is reached: the stage, or nothing under a domain of its own.
    token_url
        Where access tokens are given; people are sent to its neighbour ``authorize``.
    """
    described: dict[str, Any] = json.loads(_stored())
    described["servers"] = [{"url": base_path or "/"}]
    for flow in described["components"]["securitySchemes"]["oauth2"]["flows"].values():
        flow["tokenUrl"] = token_url
        if "authorizationUrl" in flow:
            flow["authorizationUrl"] = f"{token_url.rpartition('/')[0]}/authorize"
    return described
