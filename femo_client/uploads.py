"""Uploads: by content, in parts side by side, and on from where they ended."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from femo_client.answers import json_body
from femo_client.errors import ApiError, BadAnswerError, UnusableInputError
from femo_client.steps import Flow, Request, Together, Work, answered

__all__ = ["HASHED_BYTES", "uploaded"]

HASHED_BYTES = 32 * 1024 * 1024  # of each hash of POST /uploads
_PARALLEL_PARTS = 4
# S3's own, where a URL has run out, and ours and S3's, where an upload was given up.
_BEGIN_AGAIN = frozenset({403, 404})
# S3's, with 400, where the credentials that a URL was signed with have ended before it.
_ENDED_CREDENTIALS = "ExpiredToken"
_PRECONDITION_FAILED = 412


def uploaded(api_url: str, path: Path, on_bytes: Callable[[int], object] | None) -> Flow[str]:
    """Upload a recording and return the key under which it can be submitted."""
    hashes, size = yield Work(partial(_hashed, path))
    if not hashes:
        raise UnusableInputError(f"{path} is empty")
    told = 0

    def arrived(count: int) -> None:
        nonlocal told
        told += count
        if on_bytes and count:
            on_bytes(count)

    body = {"sizeBytes": size, "sha256": hashes}
    for may_begin_again in (True, False):
        answer = yield from answered(Request("POST", f"{api_url}/uploads", json=body))
        begun = json_body(answer)
        try:
            pieces = _pieces(begun, size)
            arrived(max(0, size - told - sum(piece["sizeBytes"] for piece in pieces)))
            yield Together([_sent(path, piece) for piece in pieces], _PARALLEL_PARTS, arrived)
            if begun["kind"] == "multipart":
                upload = quote(begun["uploadId"], safe="")
                yield from answered(Request("POST", f"{api_url}/uploads/{upload}/complete"))
            break
        except KeyError as error:
            raise BadAnswerError(f"POST /uploads did not answer with {error}") from error
        except ApiError as error:
            has_ended = error.status in _BEGIN_AGAIN or error.code == _ENDED_CREDENTIALS
            if not (has_ended and may_begin_again):
                raise
    return str(begun["s3Key"])


def _pieces(begun: dict[str, Any], size: int) -> list[dict[str, Any]]:
    """Return what is to be sent of the file."""
    if begun["kind"] == "present":
        return []
    if begun["kind"] == "single":
        return [{**begun, "offsetBytes": 0, "sizeBytes": size}]
    return list(begun["parts"])


def _sent(path: Path, piece: dict[str, Any]) -> Flow[int]:
    """Send one piece and return its size (bytes)."""
    content = yield Work(partial(_read, path, piece["offsetBytes"], piece["sizeBytes"]))
    request = Request("PUT", piece["url"], signed=False, headers=piece["headers"], content=content)
    try:
        yield from answered(request)
    except ApiError as error:
        # The same content has come from elsewhere meanwhile.
        if error.status != _PRECONDITION_FAILED:
            raise
    return int(piece["sizeBytes"])


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _hashed(path: Path) -> tuple[list[str], int]:
    """Return the SHA-256 of each `HASHED_BYTES` of a file, in hexadecimal, and its size (bytes)."""
    hashes, size = [], 0
    with path.open("rb") as file:
        while piece := file.read(HASHED_BYTES):
            hashes.append(hashlib.sha256(piece).hexdigest())
            size += len(piece)
    return hashes, size
