"""Close movements are parted where the established way of finding peaks parts them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import find_peaks

from femo_signal.detection.peaks import peaks_apart


@pytest.mark.parametrize("steps", [3, 12, None])
def test_movements_are_parted_where_scipy_finds_their_peaks(steps):
    random = np.random.default_rng(4)
    for size in (1, 2, 3, 40, 300):
        for _ in range(60):
            values = random.gamma(2.0, size=size)
            if steps is not None:  # flat tops and equal heights
                values = np.round(values * steps) / steps
            padded = np.concatenate(([0], values, [0]))
            theirs = find_peaks(padded, height=1, distance=7, plateau_size=1)[0] - 1
            assert peaks_apart(values, least=1, apart=7).tolist() == theirs.tolist()


def test_nothing_has_no_peak():
    assert peaks_apart(np.zeros(0), least=1, apart=7).tolist() == []
