"""Writes recordings with their ground truth, and whole cohorts with a manifest."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from femo_signal.synthetic.files import V1Writer, V2Writer
from femo_signal.synthetic.hiccups import PULSE_SECONDS
from femo_signal.synthetic.movements import KICK_FIELDS
from femo_signal.synthetic.plan import DEFAULT_START, RecordingPlan, draw_plan
from femo_signal.synthetic.rendering import render
from femo_signal.synthetic.sensors import RecordingFormat
from femo_signal.synthetic.subjects import CohortKind, draw_subject
from femo_signal.synthetic.waveforms import RATE
from femo_signal.writing import check_target, whole_file

__all__ = ["ground_truth", "synthesize_cohort", "write_recording"]

# Of a lifelike cohort, every eighth recording holds nuisances and no movement.
_STILL_EVERY = 8
_SUFFIXES = {"v1": ".dat", "v2": ".bin"}
_MANIFEST = "manifest.json"
_TRUTH, _ANNOTATIONS = ".truth.json", ".annotations.csv"


def ground_truth(plan: RecordingPlan) -> dict[str, Any]:
    """Return what is in a recording, JSON-ready, in true seconds from its start.

    Where the belt's clock drifts, true seconds are what the time stamps in the file tell.
    """
    at = plan.true_time

    def span(start: float, end: float, *rest: Any) -> list[Any]:
        return [at(start), at(end), *rest]

    return {
        "kind": plan.traits.kind,
        "format": plan.format,
        "minutes": at(plan.seconds) / 60,
        "seed": plan.seed,
        "fs": RATE,
        "start": plan.start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "gestational_week": plan.traits.gestational_week,
        "clock_ppm": plan.traits.clock_ppm,
        "options": {
            # What the kind of cohort has no use for is NaN, which JSON has no word for.
            name: None if value != value else value
            for name, value in asdict(plan.traits).items()
        },
        "seconds": at(plan.seconds),
        "kicks": [span(*kick.row[:2], *kick.row[2:]) for kick in plan.kicks],
        "kick_fields": list(KICK_FIELDS),
        "kick_kinds": [kick.kind for kick in plan.kicks],
        "sees": [plan.sees(kick) for kick in plan.kicks],
        "hiccup_bouts": [
            span(pulses[0], pulses[-1] + PULSE_SECONDS) for pulses in plan.hiccup_pulses
        ],
        "hiccup_pulses": [[at(pulse) for pulse in pulses] for pulses in plan.hiccup_pulses],
        "body_movements": [span(move.start, move.end) for move in plan.body_movements],
        "small_movements": [span(move.start, move.end) for move in plan.small_movements],
        "artefacts": [span(*artefact) for artefact in plan.artefacts],
        "nuisances": [
            span(label.start, label.end, label.kind, list(label.sensors))
            for label in plan.nuisances
        ],
        "sensors_off": [span(*off) for off in plan.sensors_off],
        "presses": [span(*press) for press in plan.presses],
        "gaps": [span(*gap) for gap in plan.gaps],
    }


def write_recording(
    path: Path, plan: RecordingPlan, *, progress: Callable[[float], None] | None = None
) -> None:
    """Render a plan and write it as a v1 or v2 file.

    Parameters
    ----------
    path : Path
        Replaced if it exists, once all of it is written.
    plan : RecordingPlan
    progress : callable, optional
        Called with the seconds of recording written since its last call.
    """
    writer = V1Writer if plan.format == "v1" else V2Writer
    with whole_file(path) as partial, partial.open("wb") as file:
        sink = writer(file, plan)
        for chunk in render(plan):
            sink.write(chunk)
            if progress is not None:
                progress(len(chunk.piezo) / RATE)
        sink.close()


def synthesize_cohort(
    folder: Path,
    *,
    recordings: int,
    minutes: float,
    recording_format: RecordingFormat = "v1",
    seed: int = 0,
    kind: CohortKind = "rich",
    start: datetime = DEFAULT_START,
    annotations: bool = True,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Write a cohort: recordings, ground truth, annotations and a manifest.

    Subjects differ; from four recordings on each has two or more. In a rich cohort two recordings
    of three have hiccups if they are long enough; in a lifelike one hiccups come as often as
    published, and every eighth recording holds nuisances without any movement. The same arguments
    give the same bytes.

    Parameters
    ----------
    folder : Path
        Created if need be.
    recordings : int
    minutes : float
        Length of each recording; at least 20 s, since shorter ones cannot be analysed.
    recording_format : {"v1", "v2"}
    seed : int
    kind : {"lifelike", "rich"}
        Published rates, measured noise and every nuisance; or many clear events to learn from. The
        manifest and the ground truth name it.
    start : datetime
        When the first recording starts; each further one starts a day later.
    annotations : bool
        Whether the manifest names the reference annotations. Without them the presses label
        the detections in training, as with recordings of real wearers.
    overwrite : bool
        Replace files of the same names. The manifest is written last: without it there is none.
    progress : callable, optional
        Called with the seconds of recording written since its last call.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    ValueError
        If there is nothing to write or the recordings are too short.
    OutputError
        If a file is there already, or the folder cannot be written.
    """
    seconds = round(minutes * 60)
    if recordings < 0 or seconds < 20:
        raise ValueError("a cohort needs 0 or more recordings of at least 20 seconds")
    endings = (_SUFFIXES[recording_format], _TRUTH, _ANNOTATIONS)
    names = [f"recording-{index + 1:03d}" for index in range(recordings)]
    files = [_MANIFEST, *(name + end for name in names for end in endings)]
    check_target(folder, files, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MANIFEST).unlink(missing_ok=True)
    items: list[dict[str, str]] = []
    for index, name in enumerate(names):
        number = index if recordings < 4 else min(index // 2, recordings // 2 - 1)
        lifelike = kind == "lifelike"
        plan = draw_plan(
            draw_subject(f"subject-{number + 1:02d}", seed=seed, kind=kind),
            seconds=seconds,
            seed=seed * 100_003 + index,
            recording_format=recording_format,
            start=start + timedelta(days=index),
            hiccups=lifelike or index % 3 != 0 or recordings == 1,
            movements=not (lifelike and index % _STILL_EVERY == _STILL_EVERY - 1),
        )
        _write_files(folder, name, plan, progress)
        # Another seed draws other women: under one name they would count as one
        subject = f"{kind}-{seed}-{plan.traits.subject_id}"
        item = {"datFileKey": f"{name}{endings[0]}", "subjectId": subject}
        items.append(item | ({"csvFileKey": f"{name}{_ANNOTATIONS}"} if annotations else {}))
    manifest = folder / _MANIFEST
    content = {"version": "1", "kind": kind, "items": items}
    with whole_file(manifest) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")
    return manifest


def _write_files(
    folder: Path, name: str, plan: RecordingPlan, progress: Callable[[float], None] | None
) -> None:
    """Write a recording with its truth and its annotations."""
    write_recording(folder / f"{name}{_SUFFIXES[plan.format]}", plan, progress=progress)
    with whole_file(folder / f"{name}{_TRUTH}") as partial:
        partial.write_text(json.dumps(ground_truth(plan), indent=1, allow_nan=False) + "\n")
    with whole_file(folder / f"{name}{_ANNOTATIONS}") as partial:
        _write_annotations(partial, plan)


def _write_annotations(path: Path, plan: RecordingPlan) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["start_seconds", "end_seconds", "label"])
        table.writerows(
            (f"{plan.true_time(kick.start):.3f}", f"{plan.true_time(kick.end):.3f}", kick.kind)
            for kick in plan.kicks
        )
