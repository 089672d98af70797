"""Interval arithmetic agrees with the masks that it stands for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femo_signal import intervals as iv

LENGTH = 60
masks = st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH).map(
    lambda flags: np.array(flags, dtype=bool)
)


@given(masks)
def test_a_mask_survives_the_way_there_and_back(mask):
    rows = iv.from_mask(mask)
    assert np.array_equal(iv.to_mask(rows, LENGTH), mask)
    assert iv.total(rows) == mask.sum()
    assert (rows[:, 0] < rows[:, 1]).all()
    assert (rows[1:, 0] > rows[:-1, 1]).all()


@given(masks, masks)
def test_set_operations_are_those_of_the_masks(a, b):
    x, y = iv.from_mask(a), iv.from_mask(b)
    for name, expected in (
        ("union", a | b),
        ("intersection", a & b),
        ("difference", a & ~b),
    ):
        assert np.array_equal(getattr(iv, name)(x, y), iv.from_mask(expected)), name
    assert np.array_equal(iv.complement(x, LENGTH), iv.from_mask(~a))


@given(masks, masks, masks, st.integers(1, 3))
def test_at_least_counts_the_maps_that_agree(a, b, c, count):
    votes = a.astype(int) + b + c
    found = iv.at_least(count, *(iv.from_mask(m) for m in (a, b, c)))
    assert np.array_equal(found, iv.from_mask(votes >= count))


@given(masks, st.integers(0, 12))
def test_dilation_is_the_one_of_the_reference(mask, size):
    expected = np.zeros(LENGTH, dtype=bool)
    for start, end in iv.from_mask(mask):
        first, last = start, end - 1
        if size > 0:
            first, last = start - size // 2, end - 1 + (size - size // 2 - 1)
        expected[max(first, 0) : max(last + 1, 0)] = True
    assert np.array_equal(iv.dilate(iv.from_mask(mask), size, LENGTH), iv.from_mask(expected))


@given(masks, st.integers(0, 10))
def test_only_gaps_shorter_than_the_limit_are_closed(mask, size):
    expected = mask.copy()
    rows = iv.from_mask(mask)
    for left, right in itertools.pairwise(rows):
        if right[0] - left[1] < size:
            expected[left[1] : right[0]] = True
    assert np.array_equal(iv.close_gaps(rows, size), iv.from_mask(expected))


@given(masks, masks)
def test_overlap_means_a_shared_sample(a, b):
    rows = iv.from_mask(a)
    expected = [bool(b[start:end].any()) for start, end in rows]
    assert iv.overlapping(rows, iv.from_mask(b)).tolist() == expected


@given(masks)
def test_contains_is_a_look_into_the_mask(mask):
    points = np.arange(LENGTH)
    assert np.array_equal(iv.contains(iv.from_mask(mask), points), mask)


@given(
    st.lists(st.tuples(st.integers(-20, 80), st.integers(-20, 80)), max_size=12),
    st.integers(-5, 20),
    st.integers(20, 70),
)
def test_rows_in_any_order_become_one_canonical_array(rows, low, high):
    expected = np.zeros(200, dtype=bool)
    for start, end in rows:
        expected[max(start, low) + 50 : max(min(end, high), max(start, low)) + 50] = True
    found = iv.clip(iv.as_intervals(rows), low, high)
    assert np.array_equal(found, iv.from_mask(expected) - 50)


@pytest.mark.parametrize("name", ["union", "intersection", "difference"])
def test_nothing_with_nothing_is_nothing(name):
    result = getattr(iv, name)(iv.empty(), iv.empty())
    assert result.shape == (0, 2)
    assert result.dtype == np.int64
