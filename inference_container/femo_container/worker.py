"""A process that loads once and then works off one job at a time, in `serve` or in `process`."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import queue
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from . import frames, logs
from .errors import COULD_NOT_LOAD, ContainerError
from .storage import ObjectName, download, find, s3_client

__all__ = ["main"]

Message = Mapping[str, Any]
Handler = Callable[[Message], dict[str, Any]]


def analysis_handler(model_folder: Path) -> tuple[Handler, dict[str, Any]]:
    """Load what an analysis needs.

    Returns
    -------
    handler : callable
        Job ``{"path", "options"}`` to ``{"analysis", "analysis_seconds"}``.
    about : dict
        The model's version and settings, for the log.
    """
    from femo_signal.learning.model import MovementModel
    from femo_signal.reporting.analysis import analyze_recording

    model = MovementModel.load(model_folder).warm_up()

    def analyse(job: Message) -> dict[str, Any]:
        began = time.monotonic()
        analysis = analyze_recording(Path(job["path"]), model, **job["options"])
        return {"analysis": analysis, "analysis_seconds": round(time.monotonic() - began, 3)}

    return analyse, {"model_version": model.version, "settings_digest": model.settings.digest()}


def fetch_handler() -> tuple[Handler, dict[str, Any]]:
    """Load what a download needs.

    Returns
    -------
    handler : callable
        Job ``{"s3_key", "version_id", "etag", "default_bucket", "most_bytes", "folder"}`` to
        ``{"path", "source", "recording_bytes", "download_seconds"}``.
    about : dict
        Empty.
    """
    s3_client()  # takes a fifth of a second, which the first job need not pay

    def fetch(job: Message) -> dict[str, Any]:
        began = time.monotonic()
        name = ObjectName.parse(job["s3_key"], default_bucket=job["default_bucket"])
        version = find(
            name,
            most_bytes=job["most_bytes"],
            version_id=job["version_id"],
            etag=job["etag"],
        )
        path = Path(job["folder"]) / f"recording{PurePosixPath(name.key).suffix[:8]}"
        download(version, path)
        return {
            "path": str(path),
            "source": version.source,
            "recording_bytes": version.size,
            "download_seconds": round(time.monotonic() - began, 3),
        }

    return fetch, {}


def extraction_handler() -> tuple[Handler, dict[str, Any]]:
    """Load what an extraction needs.

    Returns
    -------
    handler : callable
        Job ``{"recording", "labels", "settings", "recording_id", "subject_id", "output"}`` (paths
        and the settings' JSON) to ``{"analysis_seconds"}``; the features are in ``output``.
    about : dict
        Empty.
    """
    from femo_signal.learning.fingerprint import content_sha256
    from femo_signal.learning.training import extract_recording
    from femo_signal.settings import AnalysisSettings

    def extract(job: Message) -> dict[str, Any]:
        began = time.monotonic()
        recording = Path(job["recording"])
        features = extract_recording(
            recording,
            settings=AnalysisSettings.model_validate_json(job["settings"]),
            labels_csv=Path(job["labels"]) if job["labels"] else None,
            recording_id=job["recording_id"],
            subject_id=job["subject_id"],
        )
        known = dataclasses.replace(features, content_sha256=content_sha256(recording))
        known.save(Path(job["output"]))
        return {"analysis_seconds": round(time.monotonic() - began, 3)}

    return extract, {}


def answer(handler: Handler, job: Message) -> dict[str, Any]:
    """Do a job; a fault becomes an answer that says whose it is.

    Returns
    -------
    dict
        ``{"ok": {...}}``, or ``{"error": {"status", "code", "message", "field"?}}``.
    """
    from femo_signal.errors import FemoError, LabelError, RecordingError

    try:
        return {"ok": handler(job)}
    except ContainerError as error:
        return {"error": {"status": error.status, **error.body()["error"]}}
    except (RecordingError, LabelError) as error:
        return {"error": {"status": 422, "code": error.code, "message": str(error)}}
    except FemoError as error:
        logs.log_event("analysis refused", level=logging.ERROR, error=error, code=error.code)
        return {"error": {"status": 500, "code": error.code, "message": str(error)}}
    except MemoryError as error:
        logs.log_event("analysis ran out of memory", level=logging.ERROR, error=error)
        message = "the analysis ran out of memory"
        return {"error": {"status": 500, "code": "out_of_memory", "message": message}}
    except OSError as error:
        # The disk, or what the system could not give for now.
        logs.log_event("analysis met the system", level=logging.ERROR, error=error)
        message = f"the system failed below the analysis: {error.strerror or 'no reason given'}"
        return {"error": {"status": 500, "code": "system_error", "message": message}}
    except Exception as error:
        # The one place where any fault of ours has to become an answer and not a lost worker.
        logs.log_event("analysis failed", level=logging.ERROR, error=error)
        message = "the analysis failed through a fault of ours; the log names the place"
        return {"error": {"status": 500, "code": "internal_error", "message": message}}


def main(arguments: list[str] | None = None) -> int:
    """Serve jobs from standard input to standard output until the former ends."""
    parser = argparse.ArgumentParser(prog="femo_container.worker", description=__doc__)
    parser.add_argument("role", choices=["fetch", "analyze", "extract"])
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    chosen = parser.parse_args(arguments)
    logs.configure()
    # The parent decides when a job is given up; a signal to the whole group is meant for it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _own_standard_output()
    jobs = _follow(sys.stdin.buffer, chosen.scratch)
    try:
        handler, about = _handler(chosen.role, chosen.model)
    except (MemoryError, OSError) as error:
        # What the system cannot give now it may give later: another worker is started.
        logs.log_event("worker could not load for now", level=logging.ERROR, error=error)
        return 1
    except Exception as error:
        # Whatever else keeps a worker from loading is there again next time: say so, and end.
        logs.log_event("worker could not load", level=logging.ERROR, error=error)
        code = getattr(error, "code", None)
        # Ours say which file and why; what another says may hold anything.
        message = str(error) if code else f"the worker could not load: {type(error).__name__}"
        frames.write(answers, {"error": code or COULD_NOT_LOAD, "message": message})
        return 1
    frames.write(answers, {"ready": True, **about})
    while True:
        reply = answer(handler, jobs.get())
        try:
            frames.write(answers, reply)
        except ValueError as error:
            logs.log_event("answer is not JSON", level=logging.ERROR, error=error)
            message = "the analysis produced a number that JSON cannot hold"
            problem = {"status": 500, "code": "internal_error", "message": message}
            frames.write(answers, {"error": problem})


def _handler(role: str, model: Path | None) -> tuple[Handler, dict[str, Any]]:
    match role:
        case "fetch":
            return fetch_handler()
        case "extract":
            return extraction_handler()
    assert model is not None
    return analysis_handler(model)


def _own_standard_output() -> BinaryIO:
    """Keep standard output for answers: what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _follow(stream: BinaryIO, scratch: Path) -> queue.SimpleQueue[Message]:
    """Read jobs in a thread, which also sees the parent's death in the middle of a job.

    A parent that was killed cannot clear up: the worker does, and ends.
    """
    jobs: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def read() -> None:
        while (job := frames.read(stream)) is not None:
            jobs.put(job)
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(0)

    threading.Thread(target=read, name="jobs", daemon=True).start()
    return jobs


if __name__ == "__main__":
    raise SystemExit(main())
