"""The fast band-pass is the reference's band-pass."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import signal

from femo_signal.preprocessing import filters
from femo_signal.preprocessing.filters import (
    OverlapSave,
    bandpass_response,
    quarter,
    quarter_response,
)

RATE = 1024


def noise(seconds: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(seconds * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * f * t) for f in (50, 150, 250))
    return 32768 + 500 * np.sin(2 * np.pi * 0.2 * t) + 20 * hum + rng.normal(0, 300, len(t))


@pytest.mark.parametrize("band", [(1.0, 30.0), (1.0, 10.0), (0.5, 40.0)])
def test_the_closed_form_is_the_filter_that_scipy_designs(band):
    frequencies = np.linspace(0, 500, 2000)
    sections = signal.butter(5, band, btype="bandpass", fs=RATE, output="sos")
    _, gain = signal.sosfreqz(sections, worN=frequencies, fs=RATE)
    assert np.allclose(bandpass_response(frequencies, band, order=5), np.abs(gain) ** 2, atol=1e-9)


def test_the_thinned_band_pass_equals_sosfiltfilt():
    samples = noise(200)
    sections = signal.butter(5, [1, 30], btype="bandpass", fs=RATE, output="sos")
    expected = signal.sosfiltfilt(sections, samples)[::8]

    response = bandpass_response(OverlapSave.frequencies, (1, 30), order=5)
    response /= quarter_response(OverlapSave.frequencies)
    overlap_save = OverlapSave(1, 256, response, overlap_seconds=8)
    padded = np.pad(samples.astype(np.float32), filters.QUARTER_CONTEXT, mode="edge")
    overlap_save.push(quarter(padded[None]))
    (found,) = overlap_save.finish()

    inner = slice(5 * 128, -5 * 128)  # what the shortest trim leaves
    error = np.abs(found - expected)[inner]
    assert len(found) == len(expected)
    assert error.max() < 2e-3 * expected[inner].std()


def test_the_pieces_in_which_a_signal_arrives_change_no_bit():
    samples = noise(300)[None, ::4].astype(np.float32)
    response = bandpass_response(OverlapSave.frequencies, (1, 30), order=5)
    results = []
    for sizes in ([samples.shape[1]], [1, 7, 5000, 60000], [32768] * 2):
        overlap_save = OverlapSave(1, 256, response, overlap_seconds=8)
        edges = [0, *np.cumsum(sizes), samples.shape[1]]
        for first, past in itertools.pairwise(edges):
            overlap_save.push(samples[:, first:past])
        results.append(overlap_save.finish()[0])
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_a_signal_that_outgrows_its_room_keeps_every_bit(monkeypatch):
    samples = noise(600)[None, ::4].astype(np.float32)
    response = bandpass_response(OverlapSave.frequencies, (1, 30), order=5)
    results = []
    for room in (filters.RESERVED_SAMPLES, 20_000):  # of 76,800 samples
        monkeypatch.setattr(filters, "RESERVED_SAMPLES", room)
        overlap_save = OverlapSave(1, 256, response, overlap_seconds=8)
        overlap_save.push(samples)
        results.append(overlap_save.finish()[0])
    assert np.array_equal(*results)


def test_a_signal_comes_back_at_full_rate():
    samples = noise(60, seed=2)
    sections = signal.butter(5, [1, 30], btype="bandpass", fs=RATE, output="sos")
    full = signal.sosfiltfilt(sections, samples)
    low = full[::8].astype(np.float32)
    blocks = np.arange(-(-len(low) // filters.UPSAMPLE_INNER))
    found = filters.upsample_blocks(low, blocks).ravel()[: len(full)]
    inner = slice(1024, -1024)
    assert np.abs(found - full)[inner].max() < 3e-3 * full.std()


def test_a_constant_channel_is_not_live():
    overlap_save = OverlapSave(2, 256, np.ones(8193), overlap_seconds=8)
    overlap_save.push(np.array([[5, 5, 5], [5, 5, 6]], dtype=np.float32))
    assert overlap_save.live.tolist() == [False, True]


def test_a_long_hold_is_the_same_as_its_samples_one_by_one():
    samples = noise(150)[None, ::4].astype(np.float32)
    response = bandpass_response(OverlapSave.frequencies, (1, 30), order=5)
    held, pushed = (OverlapSave(1, 256, response, overlap_seconds=8) for _ in range(2))
    count = 256 * 4000 + 77
    for overlap_save in (held, pushed):
        overlap_save.push(samples)
    held.hold(count)
    pushed.push(np.repeat(samples[:, -1:], count, axis=1))
    for overlap_save in (held, pushed):
        overlap_save.push(samples[:, -1:] - samples[:, :1] + samples)
    found, expected = held.finish()[0], pushed.finish()[0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
