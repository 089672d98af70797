"""Presses, sensation and their match with movements."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from femo_signal.detection.presses import (
    Match,
    _compare,
    _movement_per_window,
    debounce,
    sensation_map,
)
from femo_signal.intervals import from_mask
from femo_signal.settings import MatchSettings

LENGTH = 80
masks = st.lists(st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 9)), max_size=5).map(
    lambda runs: np.isin(np.arange(LENGTH), [i for a, n in runs for i in range(a, a + n)])
)


@given(masks, masks, st.integers(0, 12))
def test_sensation_is_what_walking_from_press_to_press_gives(pressed, moving, window):
    expected = np.zeros(LENGTH, dtype=bool)
    for sample in np.flatnonzero(pressed):
        around = slice(max(sample - window, 0), sample + window + 1)
        expected[around] = not moving[around].any()
    found = sensation_map(from_mask(pressed), from_mask(moving), window_ticks=window, length=LENGTH)
    assert np.array_equal(found, from_mask(expected))


def test_a_press_of_one_sample_is_kept():
    presses = np.array([[50, 51], [151, 152], [251, 260]])
    assert debounce(presses, gap_ticks=100).tolist() == [[50, 51], [151, 260]]


@given(masks, st.integers(1, 30), st.integers(0, LENGTH))
def test_windows_count_the_movement_in_them(moving, window, border):
    expected = [
        (number, int(moving[first : min(first + window, end)].sum()))
        for number, (start, end) in enumerate(((0, border), (border, LENGTH)))
        for first in range(start, end, window + 1)
    ]
    edges = np.array([0, border, LENGTH])
    number, found = _movement_per_window(from_mask(moving), edges, window)
    assert list(zip(number.tolist(), found.tolist(), strict=True)) == expected


@given(masks, st.lists(st.integers(0, LENGTH - 1), max_size=4), st.integers(1, LENGTH))
def test_many_sets_of_windows_are_compared_as_each_alone(moving, starts, shift):
    settings = MatchSettings(window_seconds=0.1, minimum_movement_seconds=0.001)
    windows = np.array([[start, start + 7] for start in sorted(starts)], np.int64).reshape(-1, 2)
    shifted = np.sort((windows[:, :1] + shift) % LENGTH, axis=0) + np.array([0, 7])
    both = _compare(np.stack((windows, shifted)), from_mask(moving), LENGTH, settings)
    alone = [_compare(one[None], from_mask(moving), LENGTH, settings)[0]
             for one in (windows, shifted)]  # fmt: skip
    assert both == alone
    hits = sum(moving[np.arange(start, start + 7) % LENGTH].any() for start in starts)
    assert alone[0].true_positives == hits


def test_a_metric_without_cases_is_none_and_no_crash():
    match = Match(true_positives=0, false_negatives=0, false_positives=0, true_negatives=0)
    assert match.accuracy is match.pabak is match.f1 is match.sensitivity is None
    assert match.specificity is match.precision is match.false_positive_rate is None


def test_metrics_are_those_of_the_confusion_table():
    match = Match(true_positives=6, false_negatives=2, false_positives=3, true_negatives=9)
    assert match.accuracy == 0.75
    assert match.pabak == 0.5
    assert match.sensitivity == 0.75
    assert match.specificity == 0.75
    assert match.precision == 6 / 9
    assert match.f1 == 12 / 17
    assert match.false_positive_rate == 0.25
