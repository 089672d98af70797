"""A recording unlike the training is called so; a gain or a sensor that is off is not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.detection.profile import Profile
from femo_signal.intervals import as_intervals
from femo_signal.learning.dataset import RecordingFeatures
from femo_signal.learning.domain import (
    LEAST_LIMIT,
    SignalStatistics,
    collect_statistics,
    fit_domain,
)
from femo_signal.recording import Channel


@pytest.fixture(scope="module")
def profile(cohort) -> Profile:
    return build_profile(cohort.parent / "recording-001.dat")


def changed(profile: Profile, change) -> SignalStatistics:
    """Return the statistics with every sensor's samples changed."""
    signals = profile.signals
    sensors = {
        name: replace(channel, samples=change(channel).astype(np.float32))
        for name, channel in signals.sensors.items()
    }
    return collect_statistics(replace(profile, signals=replace(signals, sensors=sensors)))


def seconds(channel: Channel) -> np.ndarray:
    return np.arange(len(channel.samples)) / channel.sample_rate


def halfway(channel: Channel) -> np.ndarray:
    gain = np.where(seconds(channel) < seconds(channel)[-1] / 2, 1, 1 / 3)
    return channel.samples * gain


def wave(channel: Channel) -> np.ndarray:
    return 0.05 * np.sin(2 * math.pi * 8.3 * seconds(channel))


def steps(channel: Channel) -> np.ndarray:
    time = seconds(channel)
    step = np.abs(np.sin(math.pi * 1.8 * time)) ** 6 * np.sin(2 * math.pi * 5 * time)
    noise = np.random.default_rng(3).standard_normal(len(time))
    return 0.05 * step + 0.002 * noise


def low_pass(channel: Channel) -> np.ndarray:
    spectrum = np.fft.rfft(channel.samples)
    spectrum[np.fft.rfftfreq(len(channel.samples), 1 / channel.sample_rate) > 11] *= 0.03
    return np.fft.irfft(spectrum, len(channel.samples))


def hum(channel: Channel) -> np.ndarray:
    noise = np.random.default_rng(4).standard_normal(len(channel.samples))
    return 0.002 * noise + 0.02 * np.sin(2 * math.pi * 20 * seconds(channel))


@pytest.mark.parametrize("change", [wave, steps, low_pass, hum])
def test_another_kind_of_signal_is_strange(model, profile, change):
    result = model.compare_with_training(changed(profile, change))
    assert result.strange
    assert result.distance > result.limit
    assert result.most_unlike
    assert "unlike" in result.notice


@pytest.mark.parametrize("change", [lambda c: 3 * c.samples, lambda c: c.samples / 3, halfway])
def test_a_gain_makes_no_recording_strange(model, profile, change):
    plain = model.compare_with_training(profile)
    result = model.compare_with_training(changed(profile, change))
    assert not plain.strange
    assert not result.strange
    assert result.distance == pytest.approx(plain.distance, abs=1.0)
    assert result.notice is None


def test_sensors_that_are_off_make_no_recording_strange(model, profile):
    signals = profile.signals
    whole = as_intervals([[0, profile.info.length_ticks]])
    off = dict(signals.off) | dict.fromkeys(("sensor_3", "sensor_4"), whole)
    result = model.compare_with_training(replace(profile, signals=replace(signals, off=off)))
    assert not result.strange


def test_one_loose_sensor_does_not_make_the_recording_strange(model, profile):
    told = collect_statistics(profile)
    loose = {name: 30.0 for name in told.values if name.startswith("sensor_6.")}
    assert not model.compare_with_training(
        SignalStatistics(told.format, dict(told.values) | loose)
    ).strange


def test_a_format_that_was_never_trained_on_is_strange(model, profile):
    told = replace(collect_statistics(profile), format="v2")
    result = model.compare_with_training(told)
    assert result.strange
    assert "format v2" in result.notice


def test_where_no_sensor_was_on_long_enough_nobody_can_tell(model):
    result = model.compare_with_training(SignalStatistics("v1", {}))
    assert result.strange is None
    assert result.distance is None
    assert result.notice


def test_a_model_that_does_not_say_what_it_was_trained_on_vouches_for_nothing(model, profile):
    mute = replace(model, card=model.card.model_copy(update={"domain": None}))
    result = mute.compare_with_training(profile)
    assert result.strange is None
    assert result.notice


def test_women_who_differ_widen_the_limit():
    rng = np.random.default_rng(5)
    groups = [f"subject {number}" for number in range(12)]

    def limit(spread: float, outliers: int) -> float:
        values = spread * rng.standard_normal(12)
        values[:outliers] += 40 * spread
        told = [SignalStatistics("v1", {"candidates": 4 + value}) for value in values]
        return fit_domain(told, groups).limit

    assert limit(0.1, 0) == LEAST_LIMIT
    assert limit(0.5, 3) > 2 * LEAST_LIMIT


def test_kept_features_hold_the_statistics(tmp_path, dataset):
    first = dataset.recordings[0]
    first.save(tmp_path / "one.npz")
    assert RecordingFeatures.load(tmp_path / "one.npz").statistics == first.statistics


def test_statistics_that_are_no_numbers_are_refused():
    assert SignalStatistics("v1", {"candidates": 3.0}).is_sound
    assert not SignalStatistics("v1", {"candidates": float("nan")}).is_sound
    assert not SignalStatistics("v1", {"unheard_of": 3.0}).is_sound
