"""What the mother marked: her presses, when she felt something, and whether movements agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.chance import ChanceLevel, chance_level, circular_shifts, joined
from femo_signal.detection.judged import REASONS, JudgedTime
from femo_signal.detection.profile import Profile
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
    total_before,
    union,
)
from femo_signal.settings import TICKS_PER_SECOND, MatchSettings

__all__ = [
    "Match",
    "PressMatch",
    "debounce",
    "match_as_reference",
    "match_presses",
    "sensation_map",
]


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


@dataclass(frozen=True)
class PressMatch:
    """The match of movements with the presses that could be judged, and chance beside it."""

    match: Match
    pressed: Intervals  # debounced, of the whole recording, ticks of the trimmed axis
    why_not: NDArray[np.str_]  # (presses,) reason of unjudged time in the window; "" where judged
    matched: NDArray[np.bool_]  # (presses,) judged, and with a movement in the window
    not_judged: Mapping[str, int]  # presses whose window holds unjudged time, by its reason
    chance_sensitivity: ChanceLevel
    chance_f1: ChanceLevel

    @property
    def presses(self) -> int:
        """Presses in the whole recording."""
        return len(self.pressed)

    @property
    def judged_presses(self) -> int:
        """Presses whose whole window was judged."""
        return self.match.true_positives + self.match.false_negatives


def match_presses(
    movements: Intervals, profile: Profile, judged: JudgedTime, *, seed: int = 0
) -> PressMatch | None:
    """Compare movements with the mother's presses in judged time (docs/method.md, "Judged time").

    A press is judged where the whole window around it is; near any other press a movement is
    neither hit nor false. Time that was not judged is no window without movement.

    Parameters
    ----------
    movements : Intervals
        As counted, see `JudgedTime.counted`.
    profile : Profile
        Of the recording that they were found in.
    judged : JudgedTime
    seed : int
        Of the shifts that give the chance level.

    Returns
    -------
    PressMatch or None
        None for a recording without presses: it says nothing about the movements.
    """
    pressed = profile.all_presses
    if not len(pressed):
        return None
    settings = profile.settings
    around = round(settings.sensation.window_seconds * TICKS_PER_SECOND)
    windows = pressed + np.array([-around, around])
    reasons = judged.why_not(windows)
    axis, marks, moved = _on_clear_time(movements, windows, reasons == "", judged)
    shifts = [circular_shifts(marks, axis, seed=seed)] if len(marks) else []
    sets = np.concatenate([marks[None], *shifts])
    match, *by_chance = _compare(sets, moved, total(axis), settings.match)
    matched = reasons == ""
    matched[matched] = overlapping(marks, moved)
    return PressMatch(
        match=match,
        pressed=pressed,
        why_not=reasons,
        matched=matched,
        not_judged={reason: int((reasons == reason).sum()) for reason in REASONS},
        chance_sensitivity=chance_level([_defined(one.sensitivity) for one in by_chance]),
        chance_f1=chance_level([_defined(one.f1) for one in by_chance]),
    )


def _on_clear_time(
    movements: Intervals, windows: Intervals, seen: NDArray[np.bool_], judged: JudgedTime
) -> tuple[Intervals, Intervals, Intervals]:
    """Leave out judged time near presses that could not be judged.

    Returns
    -------
    axis : Intervals
        What is left of judged time.
    marks, moved : Intervals
        The windows of the judged presses, and the movements, on that time joined together.
    """
    clear = as_intervals(windows[seen])
    unclear = difference(as_intervals(windows[~seen]), clear)
    axis = difference(judged.judged, unclear)
    touched = overlapping(movements, unclear) & ~overlapping(movements, clear)
    return axis, joined(windows[seen], axis), joined(movements[~touched], axis)


def match_as_reference(movements: Intervals, profile: Profile) -> Match | None:
    """Compare movements with the presses as the reference does, for comparison with it alone.

    It judges all time but body movement, and that counts as time without movement, see
    docs/method.md, "Reference profile".

    Parameters
    ----------
    movements : Intervals
    profile : Profile

    Returns
    -------
    Match or None
        None for a recording without presses.
    """
    if not len(profile.presses):
        return None
    length = profile.info.length_ticks
    around = round(profile.settings.sensation.window_seconds * TICKS_PER_SECOND)
    windows = np.clip(profile.presses + np.array([-around, around]), 0, length)
    seen = windows[~overlapping(windows, profile.body_movement)]
    (match,) = _compare(
        seen[None], movements, length, profile.settings.match, sensation=profile.sensation
    )
    return match


def _compare(
    windows: NDArray[np.int64],
    movements: Intervals,
    length: int,
    settings: MatchSettings,
    *,
    sensation: Intervals | None = None,
) -> list[Match]:
    """Count hits in windows, and movement in what is left, for each of several sets of windows.

    The sets lie side by side, a tick apart, on one long axis, so that all are compared at once.

    Parameters
    ----------
    windows : int64, shape (sets, n, 2)
        Around the presses; what passes the end goes on at 0.
    movements : Intervals
    length : int
        Of the axis, ticks.
    settings : MatchSettings
    sensation : Intervals, optional
        Where the mother felt something; by default in the windows.
    """
    sets = len(windows)
    place = np.arange(sets, dtype=np.int64) * (length + 1)
    moved = (movements[None] + place[:, None, None]).reshape(-1, 2)
    parts = [
        (np.clip(part, 0, length) + place[:, None, None]).reshape(-1, 2)
        for part in (windows, windows - length)
    ]
    hits = (overlapping(parts[0], moved) | overlapping(parts[1], moved)).reshape(sets, -1)
    felt = union(*parts) if sensation is None else sensation
    positives, negatives = _elsewhere(moved, felt, place, length, settings)
    met = hits.sum(axis=1).tolist()
    return [
        Match(
            true_positives=met[k],
            false_negatives=hits.shape[1] - met[k],
            false_positives=positives[k],
            true_negatives=negatives[k],
        )
        for k in range(sets)
    ]


def _elsewhere(
    moved: Intervals,
    felt: Intervals,
    place: NDArray[np.int64],
    length: int,
    settings: MatchSettings,
) -> tuple[list[int], list[int]]:
    """Count the windows with and without movement in each set's time away from what was felt."""
    end = len(place) * (length + 1)
    between = np.column_stack((place + length, place + length + 1))
    felt = union(felt, moved[overlapping(moved, felt)], between)
    rest = complement(felt, end)
    number, moving = _movement_per_window(
        joined(difference(moved, felt), rest),
        total_before(rest, np.append(place, end)),
        round(settings.window_seconds * TICKS_PER_SECOND),
    )
    enough = moving >= settings.minimum_movement_seconds * TICKS_PER_SECOND
    positives: list[int] = np.bincount(number[enough], minlength=len(place)).tolist()
    negatives: list[int] = np.bincount(number[~enough], minlength=len(place)).tolist()
    return positives, negatives


def _defined(figure: float | None) -> float:
    return float("nan") if figure is None else figure


def _movement_per_window(
    movements: Intervals, edges: NDArray[np.int64], window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut each stretch between two edges into windows; return their stretch and their movement.

    The last window of a stretch may be shorter. The reference leaves one sample out between two
    windows; for counts to compare, so do we.
    """
    counts = -(-np.diff(edges) // (window + 1))
    number = np.repeat(np.arange(len(counts)), counts)
    starts = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = starts * (window + 1) + edges[number]
    ends = np.minimum(starts + window, edges[number + 1])
    return number, total_before(movements, ends) - total_before(movements, starts)
