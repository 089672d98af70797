"""Write the OpenAPI document, docs/openapi.json, which the API serves too.

``python -m scripts.describe_api`` writes it anew; a test fails while it is older than the routes.
Addresses in it are neutral; the API, whose package links to it, fills in its own.
"""

from __future__ import annotations

import inspect
import json
import sys
from copy import deepcopy
from enum import StrEnum
from pathlib import Path
from typing import Any

from femo_result.errors import ApiCode, JobCode
from scripts import describe_result

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "docs" / "openapi.json"
EXAMPLES = ROOT / "events" / "answers"
SERVER = "https://api.example.com/prod"
SIGN_IN = "https://sign-in.example.com/oauth2"
SCOPES = {
    "jobs/read": "Read jobs and their results",
    "jobs/write": "Upload recordings and submit jobs",
    "service/write": "Have an instance started before a job comes",
    "models/read": "See the models and their deployments",
    "models/write": "Approve models and put them into service (group modelApprovers)",
}
# A machine's client is not given these.
PEOPLE_ONLY = {"service/write", "models/read", "models/write"}


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the whole API."""
    from femo_api.app import app
    from femo_models_api.app import app as models_app

    # FastAPI gives the same object each time, and what is done below is to be done once.
    described: dict[str, Any] = {**deepcopy(app.openapi()), "servers": [{"url": SERVER}]}
    models = deepcopy(models_app.openapi())
    described["paths"] |= models["paths"]
    # What both have, such as the errors, is the same.
    described["components"]["schemas"] |= models["components"]["schemas"]
    described["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    components = described["components"]
    components["securitySchemes"] = {"oauth2": _sign_in()}
    _describe_result(components["schemas"])
    _drop_defaults(described)
    _describe_codes(components["schemas"])
    _name_answers(described)
    for operation in _operations(described):
        _sum_up(operation)
        _show_answer(operation)
    return described


def _sign_in() -> dict[str, Any]:
    token, authorize = f"{SIGN_IN}/token", f"{SIGN_IN}/authorize"
    machine = {name: text for name, text in SCOPES.items() if name not in PEOPLE_ONLY}
    return {
        "type": "oauth2",
        "description": "Access tokens of the stack's user pool, sent as `Authorization: Bearer`",
        "flows": {
            "clientCredentials": {"tokenUrl": token, "scopes": machine},
            "authorizationCode": {
                "authorizationUrl": authorize,
                "tokenUrl": token,
                "scopes": SCOPES,
            },
        },
    }


def _describe_result(schemas: dict[str, Any]) -> None:
    """Put the result's own description, written from its model, in place of any object."""
    stored = describe_result.schema_text().replace("#/$defs/", "#/components/schemas/")
    response = json.loads(stored)
    del response["$schema"]
    schemas |= response.pop("$defs")
    schemas["AnalysisResponse"] = response
    kinds = [
        {"$ref": f"#/components/schemas/{name}"} for name in ("EventsResult", "MetadataResult")
    ]
    field = schemas["JobView"]["properties"]["result"]
    field["anyOf"] = [*kinds, {"type": "null"}]


def _drop_defaults(described: dict[str, Any]) -> None:
    """Take FastAPI's own 422 out of every route with a parameter; ours has another shape."""
    for operation in _operations(described):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        described["components"]["schemas"].pop(name, None)


def _describe_codes(schemas: dict[str, Any]) -> None:
    """Explain each code of an error where the codes are listed."""
    kinds: tuple[type[ApiCode] | type[JobCode], ...] = (ApiCode, JobCode)
    for codes in kinds:
        listed = schemas[codes.__name__]
        listed["description"] = _first_words(codes)
        listed["x-enumDescriptions"] = {str(code): code.sentence for code in codes}


def _first_words(described: type[StrEnum]) -> str:
    text = inspect.getdoc(described) or ""
    return text.partition("\n\nAttributes")[0].replace("\n", " ")


def _operations(described: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for methods in described["paths"].values() for one in methods.values()]


def _sum_up(operation: dict[str, Any]) -> None:
    """Name an operation by its first sentence, in place of its function's name."""
    first, _, rest = operation["description"].replace("\n", " ").partition(". ")
    operation["summary"] = first.rstrip(".")
    operation["description"] = rest.replace("  ", "\n\n") or f"{operation['summary']}."


def _show_answer(operation: dict[str, Any]) -> None:
    """Give each answer that is no error its example, from events/answers."""
    for status, answer in operation["responses"].items():
        shown = answer.get("content", {}).get("application/json")
        path = EXAMPLES / f"{operation['operationId']}.{status}.json"
        if shown is not None and int(status) < 400 and path.is_file():
            shown["example"] = json.loads(path.read_text())


def _name_answers(described: dict[str, Any]) -> None:
    """Say of each answer what it is, in the words of its model."""
    schemas = described["components"]["schemas"]
    for operation in _operations(described):
        for answer in operation["responses"].values():
            shown = answer.get("content", {}).get("application/json", {}).get("schema", {})
            if answer["description"] == "Successful Response" and "$ref" in shown:
                words = schemas[shown["$ref"].rpartition("/")[2]]["description"]
                answer["description"] = words.partition("\n")[0].rstrip(".")


def text() -> str:
    """Return the document as it is stored."""
    return json.dumps(document(), indent=1) + "\n"


def main() -> None:
    """Write the document to its place."""
    sys.path[:0] = [str(ROOT / "functions" / name) for name in ("shared/python", "api", "models")]
    STORED.write_text(text())


if __name__ == "__main__":
    main()
