from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from femo_signal.detection.running import running_maximum, running_median


@pytest.mark.parametrize("size", [1, 2, 17, 300])
@pytest.mark.parametrize("reach", [0, 1, 2, 3, 7, 40])
def test_a_running_maximum_is_scipys(size: int, reach: int) -> None:
    values = np.random.default_rng(size + reach).random(size).astype(np.float32)
    expected = ndimage.maximum_filter1d(values, 2 * reach + 1, mode="constant")
    np.testing.assert_array_equal(running_maximum(values, reach), expected)
    mask = values > 0.9
    near = ndimage.maximum_filter1d(mask.astype(np.uint8), 2 * reach + 1, mode="constant")
    np.testing.assert_array_equal(running_maximum(mask, reach), near > 0)


@pytest.mark.parametrize("size", [1, 2, 17, 300])
@pytest.mark.parametrize("window", [1, 2, 5, 8, 41])
def test_a_running_median_is_scipys(size: int, window: int) -> None:
    values = np.random.default_rng(size + window).random(size)
    expected = ndimage.median_filter(values, window, mode="nearest")
    np.testing.assert_array_equal(running_median(values, window), expected)


def test_nothing_has_neither_a_maximum_nor_a_median() -> None:
    assert running_maximum(np.zeros(0), 3).shape == (0,)
    assert running_median(np.zeros(0), 3).shape == (0,)


def test_a_window_longer_than_the_values_costs_no_memory_beyond_theirs() -> None:
    values = np.arange(5, dtype=np.float32)
    np.testing.assert_array_equal(running_maximum(values, 10**15), np.full(5, 4, np.float32))
