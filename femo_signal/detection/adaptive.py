"""The adaptive method: each sensor against its own level, and what all of them agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.crew import ALONE, Crew
from femo_signal.detection.body_movement import Motion, adaptive_body_movement, collect_motion
from femo_signal.detection.candidates import Candidates, find_candidates
from femo_signal.detection.edges import seen_by, true_edges
from femo_signal.detection.evidence import Evidence, Flags, collect_evidence
from femo_signal.intervals import Intervals
from femo_signal.recording import Signals
from femo_signal.settings import AnalysisSettings, BodyMovementSettings

__all__ = ["Findings", "find_movements"]


@dataclass(frozen=True)
class Findings:
    """What the adaptive method finds in a recording."""

    evidence: Evidence
    candidates: Candidates
    seen: Flags  # (candidates, sensors) which sensors see which candidate
    motion: Motion | None  # of the IMU; None without one
    motion_z: NDArray[np.float64] | None  # (candidates,) of the IMU; None without one
    body_movement: Intervals  # ticks of the trimmed axis
    detections: Intervals  # (candidates, 2) undilated, ticks of the trimmed axis
    with_motion: int  # candidates that came with a movement of hers too small to mask


def find_movements(
    signals: Signals,
    *,
    gaps: Intervals,
    length: int,
    settings: AnalysisSettings,
    crew: Crew = ALONE,
) -> Findings:
    """Find candidate movements of the baby, and the mother's own.

    Parameters
    ----------
    signals : Signals
    gaps : Intervals
        Ticks of the trimmed axis; at their whole length, as short ones are judged apart.
    length : int
        Ticks of that axis.
    settings : AnalysisSettings
    crew : Crew, optional
        Whose threads share the work.
    """
    motion = collect_motion(signals, gaps=gaps, settings=settings.body_movement, crew=crew)
    moving = adaptive_body_movement(motion, length=length, settings=settings.body_movement)
    evidence = collect_evidence(
        signals, gaps=gaps, body_movement=moving, settings=settings.evidence, crew=crew
    )
    quiet = ~evidence.frames.inside(moving) & evidence.on.any(axis=0)
    candidates = find_candidates(
        evidence, quiet, settings=settings.candidates, options=settings.evidence
    )
    motion_z = None if motion is None else _motion_at(motion, candidates, settings.body_movement)
    with_motion = 0
    if motion_z is not None:
        hers = motion_z >= settings.body_movement.reject_z
        candidates, motion_z, with_motion = candidates.only(~hers), motion_z[~hers], int(hers.sum())
    seen = seen_by(evidence, candidates, seen_z=settings.evidence.seen_z)
    return Findings(
        evidence=evidence,
        candidates=candidates,
        seen=seen,
        motion=motion,
        motion_z=motion_z,
        body_movement=moving,
        detections=true_edges(signals, evidence, candidates, seen, settings=settings.edges),
        with_motion=with_motion,
    )


def _motion_at(
    motion: Motion, candidates: Candidates, settings: BodyMovementSettings
) -> NDArray[np.float64]:
    """Return the IMU's largest z around each candidate; NaN where it is off."""
    reach = round(settings.reject_seconds * motion.frames.rate)
    last = motion.frames.count
    around = zip(
        np.maximum(candidates.first - reach, 0),
        np.minimum(candidates.past + reach, last),
        strict=True,
    )
    largest = np.array([motion.z[a:b].max() for a, b in around], dtype=np.float64)
    return np.where(motion.on[np.minimum(candidates.peak, last - 1)], largest, np.nan)
