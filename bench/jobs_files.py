"""The recordings that `bench.jobs` submits, and what has to become of each."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.engine import FEMO, recording
from bench.jobs_plan import PlannedJob
from bench.jobs_verdict import Expectation
from femo_client import FemoClient

__all__ = ["Recordings", "digest"]

RECORDINGS = 3
RECORDING_MINUTES = 1
LONG_MINUTES = 60


def digest(result: Any) -> str:
    """Return a fingerprint of a result."""
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """What the analysis of a recording gives: a result's fingerprint, or an error's code."""

    result: str | None = None
    error_code: str | None = None


@dataclass
class Recordings:
    """The files that jobs are submitted for, and what has to come out."""

    good: dict[str, Path]
    long: dict[str, Path]
    bad: dict[str, Path]
    keys: dict[str, str] = field(default_factory=dict)
    _outcomes: dict[tuple[str, tuple[bool, ...]], Outcome] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Recordings:
        """Write short synthetic recordings, and files that are none."""
        shutil.rmtree(folder, ignore_errors=True)
        words = ["synthesize", folder, "--kind", "rich"]
        words += ["--recordings", RECORDINGS, "--minutes", RECORDING_MINUTES]
        subprocess.run([str(FEMO), *map(str, words)], check=True, capture_output=True)
        good = {path.stem: path for path in sorted(folder.glob("*.dat"))}
        whole = next(iter(good.values())).read_bytes()
        contents = {
            "noise": random.Random(0).randbytes(20_000),
            "header": whole[:64],
            "beginning": whole[: len(whole) // 8],  # some seconds
        }
        bad = {}
        for name, content in contents.items():
            bad[name] = folder / f"bad-{name}.dat"
            bad[name].write_bytes(content)
        return cls(good, {"long": recording("v2", LONG_MINUTES)}, bad)

    def upload(self, api: FemoClient) -> None:
        """Upload every file."""
        self.keys = {name: api.upload(path) for name, path in self._paths.items()}

    def expectation(self, job: PlannedJob, model: Path) -> Expectation:
        """Return what has to become of a job, by the analysis on this machine.

        Raises
        ------
        ValueError
            If a good recording is refused, or a bad one is not.
        """
        key = (job.recording, tuple(job.options.values()))
        if key not in self._outcomes:
            self._outcomes[key] = _analysed(self._paths[job.recording], model, job)
        outcome = self._outcomes[key]
        if (outcome.error_code is None) is (job.recording in self.bad):
            raise ValueError(f"{job.recording} was to be analysed or refused, and is not")
        return Expectation(
            job.job_id,
            "Completed" if outcome.result else "Failed",
            outcome.result,
            outcome.error_code,
            may_be_missing=job.may_be_missing,
        )

    @property
    def _paths(self) -> dict[str, Path]:
        return self.good | self.long | self.bad


def _analysed(path: Path, model: Path, job: PlannedJob) -> Outcome:
    from femo_signal.errors import RecordingError
    from femo_signal.learning.model import MovementModel
    from femo_signal.reporting.analysis import analyze_recording

    try:
        report = analyze_recording(
            path,
            MovementModel.load(model),
            remove_hiccups=job.options["removeHiccups"],
            include_full_intervals=job.options["includeFullIntervals"],
            extract_events=job.options["extractEvents"],
        )
    except RecordingError as error:
        return Outcome(error_code=error.code)
    return Outcome(result=digest(json.loads(json.dumps(report["result"]))))
