"""Messages between the server and its worker processes: JSON behind a length, so no pickle."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

__all__ = ["encode", "read", "receive", "write"]

_LENGTH = struct.Struct(">Q")


def encode(message: Mapping[str, Any]) -> bytes:
    """Render a message.

    Raises
    ------
    ValueError
        If it holds NaN or infinity, which JSON cannot say.
    """
    content = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    return _LENGTH.pack(len(content)) + content


def write(stream: BinaryIO, message: Mapping[str, Any]) -> None:
    """Send a message through a blocking stream."""
    stream.write(encode(message))
    stream.flush()


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message of a blocking stream, or None at its end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    return _object(content) if len(content) == length else None


async def receive(stream: asyncio.StreamReader) -> dict[str, Any]:
    """The next message of an asynchronous stream.

    Raises
    ------
    asyncio.IncompleteReadError
        If the other side ends first.
    """
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    return _object(await stream.readexactly(length))


def _object(content: bytes) -> dict[str, Any]:
    message = json.loads(content)
    if not isinstance(message, dict):
        raise ValueError("a message between server and worker has to be a JSON object")
    return message
