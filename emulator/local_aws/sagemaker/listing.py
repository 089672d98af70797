"""List operations: filters, order and pages, the same for every kind of resource."""

import base64
from collections.abc import Sequence
from typing import Any

from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.store import Document

DEFAULT_PAGE = 10


def page(
    documents: list[Document],
    request: Document,
    result: str,
    members: Sequence[str],
    *,
    status: str | None = None,
) -> Document:
    """Return one page of a list.

    Parameters
    ----------
    documents
        All resources, oldest first.
    request
        The request: ``NameContains``, ``StatusEquals``, ``SortBy``, ``SortOrder``,
        ``MaxResults``, ``NextToken``, and ``After`` and ``Before`` of ``CreationTime`` and
        ``LastModifiedTime`` are read.
    result
        Member of the answer that holds the list.
    members
        What the list says of each resource; the first is the name.
    status
        The member that ``StatusEquals`` compares and ``SortBy`` may name.
    """
    name = members[0]
    chosen = [document for document in documents if _fits(document, request, name, status)]
    keys = {"Name": name, "Status": status}
    key = keys.get(request.get("SortBy", "")) or "CreationTime"
    chosen.sort(
        key=lambda document: document.get(key, 0),
        reverse=request.get("SortOrder", "Descending") == "Descending",
    )
    start = _decode(request.get("NextToken"))
    size = request.get("MaxResults", DEFAULT_PAGE)
    shown = [
        {member: document[member] for member in members if member in document}
        for document in chosen[start : start + size]
    ]
    answer: dict[str, Any] = {result: shown}
    if start + size < len(chosen):
        answer["NextToken"] = base64.b64encode(str(start + size).encode()).decode()
    return answer


def _fits(document: Document, request: Document, name: str, status: str | None) -> bool:
    if request.get("NameContains", "").lower() not in str(document.get(name, "")).lower():
        return False
    created = document.get("CreationTime", 0)
    moments = {
        "CreationTime": created,
        "LastModifiedTime": document.get("LastModifiedTime", created),
    }
    for member, moment in moments.items():
        if moment <= _seconds(request.get(f"{member}After"), -1):
            return False
        if moment >= _seconds(request.get(f"{member}Before"), float("inf")):
            return False
    wanted = request.get("StatusEquals")
    return wanted is None or status is None or document.get(status) == wanted


def _seconds(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


def _decode(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True))
    except ValueError as error:
        raise ValidationError("Invalid NextToken") from error
