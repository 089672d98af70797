"""What was converted, and how its values became counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

__all__ = ["START", "ChannelScale", "Conversion", "FolderConversion"]

START = datetime(2020, 1, 1, tzinfo=UTC)  # stands for a time that the sets do not tell


@dataclass(frozen=True)
class ChannelScale:
    """How a channel's values became counts: round((value x factor + offset) x 65535 / 3.3)."""

    sensor: str  # of the recording
    source: str  # in the set
    factor: float  # 1 unless the channel's span exceeds the range
    offset_volts: float  # 0 where the channel lies within the range
    clipped_samples: int


@dataclass(frozen=True)
class Conversion:
    """One recording that was written."""

    source: str  # name of the file
    recording: str  # path
    layout: str  # "data_var" or "Subject_data"
    subject_id: str | None  # where the file's name tells
    duration_seconds: float
    presses: int
    channels: tuple[ChannelScale, ...]
    notices: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        facts = asdict(self)
        return {**facts, "channels": list(facts["channels"]), "notices": list(self.notices)}


@dataclass(frozen=True)
class FolderConversion:
    """The recordings of a folder, and the files that are none."""

    manifest: str  # path
    recordings: tuple[Conversion, ...]
    left_out: Mapping[str, str]  # name of a file: why

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "manifest": self.manifest,
            "recordings": [recording.to_dict() for recording in self.recordings],
            "left_out": dict(self.left_out),
        }
