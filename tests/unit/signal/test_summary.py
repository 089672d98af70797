"""Summaries add up, with movements and without."""

from __future__ import annotations

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.detection.presses import match_presses
from femo_signal.intervals import empty
from femo_signal.reporting.summary import onset_statistics, summarize

from .recordings import REFERENCE, make_belt, write_v2


@pytest.fixture(scope="module")
def profile(v2_path):
    return build_profile(v2_path, settings=REFERENCE)


def test_minutes_add_up(profile):
    summary = summarize(profile.detections, profile.judge(), profile)
    assert summary.kicks == len(profile.detections)
    assert summary.movement_minutes + summary.still_minutes == pytest.approx(
        summary.analysed_minutes
    )
    assert summary.total_minutes == pytest.approx(1.0)
    assert 0 < summary.undilated_movement_minutes < summary.movement_minutes
    assert 0 < summary.analysed_minutes < 1
    assert summary.onset_statistics.count == summary.kicks - 1


def test_no_movement_is_no_crash(profile):
    summary = summarize(empty(), profile.judge(), profile)
    assert (summary.kicks, summary.movement_minutes) == (0, 0)
    assert summary.undilated_movement_minutes == 0
    assert summary.onset_intervals_seconds == ()
    assert summary.onset_statistics.mean is None
    found = match_presses(empty(), profile, profile.judge())
    assert found is not None
    match = found.match
    assert match.true_positives == match.false_positives == 0
    assert match.sensitivity == 0
    assert match.precision is None


def test_statistics_are_those_of_numpy():
    values = np.array([4.0, 1.0, 9.0, 2.5])
    told = onset_statistics(values)
    assert (told.count, told.mean, told.min, told.max) == (4, values.mean(), 1.0, 9.0)
    assert (told.std, told.median) == (values.std(), np.median(values))
    assert (told.p25, told.p75) == tuple(np.percentile(values, (25, 75)))


def test_without_presses_there_is_nothing_to_match(tmp_path):
    belt = make_belt(30, seed=2)
    belt.pressed[:] = False
    profile = build_profile(write_v2(tmp_path / "silent.bin", belt), settings=REFERENCE)
    assert match_presses(profile.detections, profile, profile.judge()) is None


def test_presses_in_the_cut_off_ends_are_known_and_none_is_known_twice(tmp_path):
    belt = make_belt(30, seed=2)
    belt.pressed[:] = False
    belt.pressed[1024:1200] = True  # in the first 5 s, which are cut off
    belt.pressed[5 * 1024 - 200 : 5 * 1024 + 200] = True  # across the cut
    belt.pressed[-1024:-900] = True
    profile = build_profile(write_v2(tmp_path / "pressed.bin", belt), settings=REFERENCE)
    assert len(profile.presses) == 1
    assert len(profile.end_presses) == 2
    found = match_presses(profile.detections, profile, profile.judge())
    assert found is not None
    assert (found.presses, found.not_judged["ends"]) == (3, 3)
    assert found.match.sensitivity is None
