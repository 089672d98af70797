"""What the mother marked: her presses, when she felt something, and whether movements agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import (
    Intervals,
    as_intervals,
    clip,
    close_gaps,
    complement,
    difference,
    dilate,
    intersection,
    overlapping,
    total,
    union,
)
from femo_signal.recording import Profile
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Match", "debounce", "match_presses", "sensation_map"]


def debounce(presses: Intervals, *, gap_ticks: int) -> Intervals:
    """Join presses with fewer than ``gap_ticks`` ticks between them.

    Every pressed sample is kept, a lone one too (the reference drops the last of each press).
    """
    return close_gaps(presses, gap_ticks)


def sensation_map(
    presses: Intervals, body_movement: Intervals, *, window_ticks: int, length: int
) -> Intervals:
    """Mark the time around the presses, as docs/method.md, "Reference profile" defines it.

    Press sample by press sample, in order of time, the window from ``window_ticks`` before to
    ``window_ticks`` after (both included) is marked, or unmarked where it touches body movement.
    A later window covers all of an earlier one but its beginning, so runs of samples with the
    same verdict each decide from their own window's start to the next one's.

    Parameters
    ----------
    presses : Intervals
        Debounced.
    body_movement : Intervals
    window_ticks : int
    length : int
        Ticks of the map.

    Returns
    -------
    Intervals
    """
    touching = dilate(body_movement + window_ticks, 2 * window_ticks + 1, length + 2 * window_ticks)
    touching = clip(touching - window_ticks, 0, length)
    marking = intersection(presses, complement(touching, length))
    unmarking = intersection(presses, touching)
    runs = np.concatenate((marking, unmarking))
    marks = np.concatenate((np.ones(len(marking), bool), np.zeros(len(unmarking), bool)))
    order = np.argsort(runs[:, 0], kind="stable")
    runs, marks = runs[order], marks[order]
    windows = runs + np.array([-window_ticks, window_ticks])
    windows[:-1, 1] = np.minimum(windows[:-1, 1], windows[1:, 0])
    return clip(as_intervals(windows[marks]), 0, length)


@dataclass(frozen=True)
class Match:
    """How movements agree with the presses: presses count as positives, quiet windows as not.

    Every metric is None where it is undefined (0/0).
    """

    true_positives: int  # presses with a movement in their window
    false_negatives: int  # presses without
    false_positives: int  # windows away from any sensation, with movement
    true_negatives: int  # ... without

    @property
    def accuracy(self) -> float | None:
        """Share of presses and windows on which both agree."""
        agreed = self.true_positives + self.true_negatives
        return _ratio(agreed, agreed + self.false_negatives + self.false_positives)

    @property
    def sensitivity(self) -> float | None:
        """Share of the presses that have a movement."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> float | None:
        """Share of the windows without sensation that have no movement."""
        return _ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def precision(self) -> float | None:
        """Share of the positives that are true."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and sensitivity."""
        wrong = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + wrong)

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the windows without sensation that have movement."""
        return _ratio(self.false_positives, self.true_negatives + self.false_positives)

    @property
    def pabak(self) -> float | None:
        """Prevalence- and bias-adjusted kappa, 2 x accuracy - 1."""
        return None if self.accuracy is None else 2 * self.accuracy - 1


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def match_presses(movements: Intervals, profile: Profile) -> Match | None:
    """Compare movements with the mother's presses (docs/method.md, "Reference profile").

    Parameters
    ----------
    movements : Intervals
        Accepted detections.
    profile : Profile
        Of the recording that they were found in.

    Returns
    -------
    Match or None
        None for a recording without presses: it says nothing about the movements.
    """
    if not len(profile.presses):
        return None
    length = profile.info.length_ticks
    around = round(profile.settings.sensation.window_seconds * TICKS_PER_SECOND)
    windows = np.clip(profile.presses + np.array([-around, around]), 0, length)
    judged = windows[~overlapping(windows, profile.body_movement)]
    hits = int(overlapping(judged, movements).sum())

    felt = union(profile.sensation, movements[overlapping(movements, profile.sensation)])
    rest = complement(felt, length)
    moving = _movement_per_window(
        _squeeze(difference(movements, felt), rest),
        total(rest),
        round(profile.settings.match.window_seconds * TICKS_PER_SECOND),
    )
    enough = profile.settings.match.minimum_movement_seconds * TICKS_PER_SECOND
    false_positives = int((moving >= enough).sum())
    return Match(
        true_positives=hits,
        false_negatives=len(judged) - hits,
        false_positives=false_positives,
        true_negatives=len(moving) - false_positives,
    )


def _squeeze(intervals: Intervals, kept: Intervals) -> Intervals:
    """Move intervals to the axis on which only the kept samples are left, joined."""
    lengths = kept[:, 1] - kept[:, 0]
    row = np.searchsorted(kept[:, 1], intervals[:, 0], side="right")
    shift = (np.cumsum(lengths) - lengths - kept[:, 0])[row]
    return as_intervals(intervals + shift[:, None])


def _movement_per_window(movements: Intervals, length: int, window: int) -> NDArray[np.int64]:
    """Count the movement samples of each window, the last of which may be shorter.

    The reference leaves one sample out between two windows; for counts to compare, so do we.
    """
    starts = np.arange(0, length, window + 1)
    ends = np.minimum(starts + window, length)
    before = np.concatenate(([0], np.cumsum(movements[:, 1] - movements[:, 0])))

    def until(points: NDArray[np.int64]) -> NDArray[np.int64]:
        row = np.searchsorted(movements[:, 0], points, side="right")
        if not len(movements):
            return np.zeros_like(points)
        inside = np.maximum(movements[np.maximum(row - 1, 0), 1] - points, 0)
        return before[row] - np.where(row > 0, inside, 0)

    return until(ends) - until(starts)
