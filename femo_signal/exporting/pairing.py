"""Whether a recording is the one that a result is of."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

from femo_result import EventsResponse, MetadataResponse
from femo_signal.errors import RecordingError
from femo_signal.recording import RecordingInfo
from femo_signal.reporting.events import timestamp

__all__ = ["check_same_recording"]

_CONTENT_NAME = re.compile(r"([A-Za-z0-9_-]{43})(\.\w+)?")
_HASHED_BYTES = 32 * 1024 * 1024  # of each hash that an upload's name is made from
_SECONDS_ALIKE = 0.002  # a result's times are in milliseconds


def check_same_recording(
    response: EventsResponse | MetadataResponse, info: RecordingInfo, path: Path
) -> None:
    """Refuse a recording that is not the one that was analysed.

    By its format, start, length and gaps; and by its content, where it was uploaded under the name
    that follows from it.

    Raises
    ------
    RecordingError
        Code ``other_recording``; the message says in what they differ.
    """
    told = response.result.recording
    start = datetime.fromisoformat(told.start).astimezone(UTC)
    if told.format != info.format:
        _refuse(path, f"it is of format {info.format}, not {told.format}")
    if abs((start - info.start).total_seconds()) > _SECONDS_ALIKE:
        _refuse(path, f"it starts at {timestamp(info.start)}, not at {told.start}")
    if abs(told.duration_seconds - info.duration_seconds) > _SECONDS_ALIKE:
        _refuse(path, f"it lasts {info.duration_seconds:.3f} s, not {told.duration_seconds:.3f} s")
    if len(told.gaps) != len(info.gaps):
        _refuse(path, f"it has {len(info.gaps)} gaps, not {len(told.gaps)}")
    name = "" if response.source is None else response.source.s3Key.rpartition("/")[2]
    by_content = _CONTENT_NAME.fullmatch(name)
    if by_content and by_content[1] != _content_name(path):
        _refuse(path, "its content is not what the name of the upload follows from")


def _refuse(path: Path, how: str) -> None:
    raise RecordingError(
        f"{path.name} is not the recording that this result is of: {how}; give that recording",
        code="other_recording",
    )


def _content_name(path: Path) -> str:
    """Return the name that the service gives to what is uploaded by its content."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(_HASHED_BYTES), b""):
            whole.update(hashlib.sha256(piece).digest())
    return base64.urlsafe_b64encode(whole.digest()).decode().rstrip("=")
