"""Levels found on the thinned signal are those of the full-rate signal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from femo_signal.intervals import as_intervals, empty, from_mask, to_mask
from femo_signal.preprocessing.levels import noise_level, runs_above

RATE = 1024


@pytest.fixture(scope="module")
def full() -> np.ndarray:
    rng = np.random.default_rng(5)
    t = np.arange(120 * RATE) / RATE
    samples = rng.normal(0, 1, len(t))
    for kick in range(5, 115, 6):
        samples += 30 * np.exp(-(((t - kick) / 0.2) ** 2)) * np.sin(2 * np.pi * (2 + kick / 5) * t)
    sections = signal.butter(5, [1, 30], btype="bandpass", fs=RATE, output="sos")
    return signal.sosfiltfilt(sections, samples)


def test_crossings_are_found_to_the_tick(full):
    level = 4 * np.median(np.abs(full))
    length = len(full) - 2 * RATE
    found = runs_above(full[::8].astype(np.float32), level, length=length, lead=128)
    expected = from_mask(np.abs(full[RATE:-RATE]) >= level)
    assert len(found) == len(expected) > 20
    assert np.abs(found - expected).max() <= 1


def test_what_lies_outside_the_axis_is_context_and_not_searched(full):
    level, lead = 4 * np.median(np.abs(full)), 640
    whole = runs_above(full[::8].astype(np.float32), level, length=len(full))
    length = len(full) - 8 * lead - 5000
    part = runs_above(full[::8].astype(np.float32), level, length=length, lead=lead)
    expected = whole - 8 * lead
    expected = expected[(expected[:, 0] > 8) & (expected[:, 1] < length - 8)]
    inner = part[(part[:, 0] > 8) & (part[:, 1] < length - 8)]
    assert np.abs(inner - expected).max() <= 1


def test_nothing_reaches_an_infinite_level(full):
    assert len(runs_above(full[::8].astype(np.float32), np.inf, length=len(full))) == 0


def quiet_median(strength: np.ndarray) -> float:
    return float(np.median(strength[strength <= np.quantile(strength, 0.25)]))


def test_the_noise_level_is_that_of_all_full_rate_samples(full):
    found = noise_level(
        full[::8].astype(np.float32), quantile=0.25, length=len(full), excluded=empty()
    )
    assert found == pytest.approx(quiet_median(np.abs(full)), rel=1e-3)


def test_excluded_time_takes_no_part_in_the_noise_level(full):
    silent = full.copy()
    silent[20 * RATE : 60 * RATE] = 0
    gap = as_intervals([[20 * RATE, 60 * RATE]])
    found = noise_level(
        silent[::8].astype(np.float32), quantile=0.25, length=len(full), excluded=gap
    )
    expected = quiet_median(np.abs(silent[~to_mask(gap, len(full))]))
    assert found == pytest.approx(expected, rel=2e-3)


def test_a_signal_that_is_all_gap_has_no_noise_level(full):
    gap = as_intervals([[0, len(full)]])
    samples = full[::8].astype(np.float32)
    assert np.isnan(noise_level(samples, quantile=0.25, length=len(full), excluded=gap))


def test_a_dead_sensor_has_a_noise_level_of_zero():
    samples = np.zeros(4000, dtype=np.float32)
    assert noise_level(samples, quantile=0.25, length=32000, excluded=empty()) == 0
