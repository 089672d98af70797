"""An analysis whose behaviour is written in the recording, as JSON."""

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

from femo_signal.errors import RecordingError


def analyze_recording(path: Path, model: Any, **options: Any) -> dict[str, Any]:
    """Do what the file says: answer, wait for a pipe to close, refuse, fail or die."""
    order = json.loads(path.read_text()) if path.stat().st_size < 4096 else {}
    match order.get("do", "answer"):
        case "wait":
            Path(order["pipe"]).read_text()
        case "compute":
            while True:  # holds the interpreter as a long filter in Python would
                pass
        case "refuse":
            raise RecordingError("recording.dat: 7 bytes at byte 0: no", code="not_a_recording")
        case "fail":
            raise KeyError("secret-of-the-recording")
        case "full disk":
            raise OSError(errno.ENOSPC, "No space left on device", "/secret/place")
        case "print":
            print("a library speaks on standard output", flush=True)  # noqa: T201
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "not a number":
            return {"output_type": "events", "result": {"rate": float("nan")}}
    return {
        "output_type": "events" if options["extract_events"] else "metadata",
        "result": {"event_count": 0, "events": [], "size": path.stat().st_size, **options},
    }
