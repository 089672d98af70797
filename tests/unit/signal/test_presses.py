"""Presses, sensation and their match with movements."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from femo_signal.intervals import from_mask
from femo_signal.presses import Match, _movement_per_window, debounce, sensation_map

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


@given(masks, st.integers(1, 30))
def test_windows_count_the_movement_in_them(moving, window):
    expected = [int(moving[first : first + window].sum()) for first in range(0, LENGTH, window + 1)]
    assert _movement_per_window(from_mask(moving), LENGTH, window).tolist() == expected


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
