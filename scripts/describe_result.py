"""Write what describes the result from its model: the JSON Schema and docs/result.md.

``python -m scripts.describe_result`` writes both anew; a test fails while they are older than the
model. The API serves its copy of the schema in its OpenAPI document, so that the function need not
build the model at each cold start.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from femo_result import AnalysisResponse
from femo_result.codes import NOTICE_MEANINGS

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = (
    ROOT / "docs" / "result.schema.json",
    ROOT / "functions" / "api" / "femo_api" / "result.schema.json",
)
PAGE = ROOT / "docs" / "result.md"

INTRODUCTION = """# The result

Written by `python -m scripts.describe_result` from the model in `femo_result/`, as is
[result.schema.json](result.schema.json) (JSON Schema 2020-12); change the model, not this page.

`femo analyze` prints a response, an endpoint writes it to S3, and `GET /jobs/{jobId}` has its
`result` among the job's fields. There are two kinds, told apart by `output_type`: `events`
([EventsResult](#eventsresult)) and, without `extractEvents`, `metadata`
([MetadataResult](#metadataresult)). Both begin with what could be judged and what could not, and
why: nothing is counted, timed, rated or called quiet in time that was not judged
([method.md](method.md#judged-time)). A number that is not known is null, and a field beside it says
why; it is never 0. There is no verdict.

Times are ISO 8601 in UTC, or seconds from the start of the recording. Later versions of the service
may add fields and codes, and take none away: pass over what you do not know. In Python,
`femo_result.read_response` (which needs pydantic alone) does that and gives typed objects; so does
`femo_client.FemoClient.result`.

The numbers can be counted again from the lists: `movement_count` is the length of `movements`, the
number of `inferred_kick` events and `summary.kicks`; the rate is that number by
`recording.judged_seconds`; `press_match` counts `presses`.
"""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a response, open to what newer versions add."""
    adapter: TypeAdapter[Any] = TypeAdapter(AnalysisResponse)
    made: dict[str, Any] = _opened(adapter.json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "AnalysisResponse",
        "description": "The response of a completed analysis",
        **made,
    }


def _opened(part: Any) -> Any:
    """Leave out what forbids unknown fields, and titles that repeat the fields' names."""
    if isinstance(part, list):
        return [_opened(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _opened(value)
        for name, value in part.items()
        if (name, value) != ("additionalProperties", False)
        and not (name == "title" and isinstance(value, str))
    }


def page() -> str:
    """Return the page that describes every field."""
    definitions = schema()["$defs"]
    parts = [INTRODUCTION]
    for name in _in_order(definitions):
        parts.append(_section(name, definitions[name]))
    rows = "".join(f"| `{code}` | {text} |\n" for code, text in NOTICE_MEANINGS.items())
    parts.append(f"## Codes of notices\n\n| code | meaning |\n|---|---|\n{rows}")
    return "\n".join(parts)


def _in_order(definitions: dict[str, Any]) -> list[str]:
    """Return the definitions' names, each where it is named first."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            order.append(name)
            for field in definitions[name]["properties"].values():
                for other in _references(field):
                    visit(other)

    for name in ("EventsResponse", "MetadataResponse"):
        visit(name)
    return order


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for item in part for name in _references(item)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
    return own + [name for value in part.values() for name in _references(value)]


def _section(name: str, definition: dict[str, Any]) -> str:
    rows = "".join(
        f"| `{field}` | {_type(facts)} | {_unit(facts)} | {facts['description']}"
        f"{'' if field in definition['required'] else ' (may be absent)'} |\n"
        for field, facts in definition["properties"].items()
    )
    words = definition["description"]
    return (
        f"## {name}\n\n{words}\n\n| field | type | unit | what it is |\n|---|---|---|---|\n{rows}"
    )


def _type(facts: dict[str, Any]) -> str:
    if "$ref" in facts:
        name = facts["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in facts:
        return " or ".join(_type(one) for one in facts["anyOf"])
    if "const" in facts:
        return f"`{facts['const']}`"
    if "enum" in facts:
        return ", ".join(f"`{value}`" for value in facts["enum"])
    if facts["type"] == "array":
        return f"list of {_type(facts['items'])}"
    if facts["type"] == "object":
        return f"{_type(facts['additionalProperties'])} by reason"
    return {"number": "number", "integer": "whole number", "string": "text",
            "boolean": "true or false", "null": "null"}[facts["type"]]  # fmt: skip


def _unit(facts: dict[str, Any]) -> str:
    inner = [*facts.get("anyOf", []), facts.get("items"), facts.get("additionalProperties")]
    units = [facts.get("x-unit"), *(one.get("x-unit") for one in inner if isinstance(one, dict))]
    return next((str(unit) for unit in units if unit), "")


def main() -> None:
    """Write the schema and the page."""
    for path in SCHEMAS:
        path.write_text(schema_text())
    PAGE.write_text(page())


def schema_text() -> str:
    """Return the schema as it is stored."""
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    main()
