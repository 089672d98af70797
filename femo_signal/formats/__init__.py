"""The recording formats: tells them apart and opens a file with the reader of its format."""

from __future__ import annotations

import struct
from pathlib import Path

from femo_signal.errors import RecordingError
from femo_signal.formats import v1, v2
from femo_signal.formats.chunk import Chunk, Header, Reader, plausible_time

__all__ = ["Chunk", "Header", "Reader", "open_recording"]


def open_recording(path: Path, *, chunk_bytes: int | None = None) -> Reader:
    """Open a recording of either format.

    The first four bytes tell: a v2 signature, else a plausible time means v1.

    Parameters
    ----------
    path : Path
    chunk_bytes : int, optional
        How much of the file is held at a time; the result does not depend on it.

    Raises
    ------
    RecordingError
        If the file cannot be read, is empty, or is not a FeMo recording.
    """
    try:
        with path.open("rb") as file:
            first = file.read(max(v1.HEADER_BYTES, 6))
        if not first:
            raise RecordingError(
                f"{path.name} is empty (0 bytes); transfer the recording again",
                code="empty_recording",
            )
        options = {} if chunk_bytes is None else {"chunk_bytes": chunk_bytes}
        if first[:4] == v2.FILE_SIGNATURE or first[:2] == v2.SYNC_SIGNATURE:
            return v2.V2Reader(path, **options)
        if len(first) >= 6 and plausible_time(*struct.unpack("<IH", first[:6])):
            return v1.V1Reader(path, **options)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise RecordingError(
            f"{path.name or path} cannot be read: {reason}; give the path of a recording",
            code="recording_unreadable",
        ) from error
    except RecordingError as error:
        if error.code == "empty_recording":
            raise
        raise RecordingError(f"{path.name}: {error}", code=error.code) from error
    raise RecordingError(
        f"{path.name} is not a FeMo recording: byte 0 starts neither a v2 signature nor the time "
        "of a v1 header; give a .dat or .bin file of the belt",
        code="not_a_recording",
    )
