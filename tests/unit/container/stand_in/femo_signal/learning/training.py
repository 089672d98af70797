"""An extraction whose behaviour is written in the recording, as JSON."""

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from femo_signal.errors import ModelError, RecordingError
from femo_signal.settings import AnalysisSettings


@dataclass(frozen=True)
class RecordingFeatures:
    """What a recording gave."""

    recording_id: str
    subject_id: str | None
    size: int
    process: int
    content_sha256: str | None = None

    def save(self, path: Path) -> None:
        """Write."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "RecordingFeatures":
        """Read."""
        try:
            return cls(**json.loads(path.read_text()))
        except ValueError as error:
            raise ModelError(f"{path.name}: not features") from error


def extract_recording(
    path: Path,
    *,
    settings: AnalysisSettings,
    labels_csv: Path | None,
    recording_id: str,
    subject_id: str | None,
) -> RecordingFeatures:
    """Do what the file says."""
    order = json.loads(path.read_text())
    match order.get("do", "answer"):
        case "refuse":
            raise RecordingError("recording.dat: too short", code="recording_too_short")
        case "wait":
            Path(order["pipe"]).read_text()
        case "die once" if not Path(order["mark"]).exists():
            Path(order["mark"]).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
    return RecordingFeatures(recording_id, subject_id, path.stat().st_size, os.getpid())
