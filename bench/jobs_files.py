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

from bench.engine import FEMO
from bench.jobs_plan import PlannedJob
from bench.jobs_verdict import Expectation
from femo_client import FemoClient

__all__ = ["Recordings", "digest"]

RECORDINGS = 3
RECORDING_MINUTES = 0.5


def digest(result: Any) -> str:
    """Return a fingerprint of a result."""
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class Recordings:
    """The files that jobs are submitted for, and what has to come out."""

    good: dict[str, Path]
    bad: dict[str, tuple[Path, str]]  # with the code of the error
    keys: dict[str, str] = field(default_factory=dict)
    _results: dict[tuple[str, tuple[bool, ...]], str] = field(default_factory=dict)

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
            "noise": (random.Random(0).randbytes(20_000), "not_a_recording"),
            "header": (whole[:64], "recording_without_data"),
            "beginning": (whole[: len(whole) // 4], "recording_too_short"),
        }
        bad = {}
        for name, (content, code) in contents.items():
            path = folder / f"bad-{name}.dat"
            path.write_bytes(content)
            bad[name] = (path, code)
        return cls(good, bad)

    def upload(self, api: FemoClient) -> None:
        """Upload every file."""
        paths = self.good | {name: path for name, (path, _) in self.bad.items()}
        self.keys = {name: api.upload(path) for name, path in paths.items()}

    def expectation(self, job: PlannedJob, model: Path) -> Expectation:
        """Return what has to become of a job, by the analysis on this machine."""
        if job.recording in self.bad:
            code = self.bad[job.recording][1]
            return Expectation(
                job.job_id, "Failed", error_code=code, may_be_missing=job.may_be_missing
            )
        key = (job.recording, tuple(job.options.values()))
        if key not in self._results:
            self._results[key] = digest(_analysed(self.good[job.recording], model, job))
        return Expectation(
            job.job_id, "Completed", self._results[key], may_be_missing=job.may_be_missing
        )


def _analysed(path: Path, model: Path, job: PlannedJob) -> Any:
    from femo_signal.learning.model import MovementModel
    from femo_signal.reporting.analysis import analyze_recording

    report = analyze_recording(
        path,
        MovementModel.load(model),
        remove_hiccups=job.options["removeHiccups"],
        include_full_intervals=job.options["includeFullIntervals"],
        extract_events=job.options["extractEvents"],
    )
    return json.loads(json.dumps(report["result"]))
