"""The adaptive method judges by agreement, whatever a gain, and no single sensor fools it."""

from __future__ import annotations

import numpy as np
import pytest

from femo_signal.detection.adaptive import find_movements
from femo_signal.detection.bouts import Rhythm
from femo_signal.detection.evidence import agreement
from femo_signal.intervals import empty
from femo_signal.learning.candidate_features import train_pulses
from femo_signal.learning.candidate_spectrum import spectral_spreads
from femo_signal.recording import Channel, Signals
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings, EvidenceSettings

RATE, SECONDS = 128, 900
SENSORS = tuple(f"sensor_{number}" for number in range(1, 7))
SETTINGS = AnalysisSettings(method="adaptive")
KICKS = np.arange(40.0, SECONDS - 40, 47.0)


def wave(seconds: float, *, hertz: float = 7.0) -> np.ndarray:
    clock = np.arange(int(seconds * RATE)) / RATE
    return np.sin(np.pi * clock / seconds) ** 2 * np.sin(2 * np.pi * hertz * clock)


def belt(*, kicks=KICKS, sigma=12.0, seen=SENSORS, seconds=0.8, seed=5):
    """Noise on six sensors and the IMU, of very different size, and kicks on some sensors."""
    random = np.random.default_rng(seed)
    rows = {name: random.normal(0, 1, SECONDS * RATE) for name in SENSORS}
    for kick in kicks:
        first = round(kick * RATE)
        shape = sigma * wave(seconds)
        for name in seen:
            rows[name][first : first + len(shape)] += shape
    scales = dict(zip(SENSORS, (1e-3, 1e-3, 4e-3, 3e-4, 3e-4, 4e-3), strict=True))
    rows = {name: row * scales[name] for name, row in rows.items()}
    rows["acceleration"] = random.normal(0, 0.02, SECONDS * RATE)
    return rows


def signals_of(rows, off=None):
    channels = {
        name: Channel(row.astype(np.float32), RATE, 0, TICKS_PER_SECOND // RATE)
        for name, row in rows.items()
    }
    return Signals(
        sensors={name: channel for name, channel in channels.items() if name in SENSORS},
        acceleration=channels.get("acceleration"),
        roll=None,
        pitch=None,
        yaw=None,
        live=frozenset(channels),
        off=off or {},
    )


def found(rows, *, off=None):
    return find_movements(
        signals_of(rows, off), gaps=empty(), length=SECONDS * TICKS_PER_SECOND, settings=SETTINGS
    )


def strong(findings):
    """Starts of what the unlearned rule accepts, s."""
    kept = findings.candidates.strength >= SETTINGS.candidates.rule_strength
    return findings.detections[kept, 0] / TICKS_PER_SECOND


def test_kicks_that_all_sensors_see_are_found_at_their_true_start():
    starts = strong(found(belt()))
    assert starts == pytest.approx(KICKS, abs=0.3)


@pytest.mark.parametrize("seen", [("sensor_4", "sensor_5"), ("sensor_1", "sensor_4", "sensor_6")])
def test_a_kick_that_the_large_piezos_do_not_see_is_not_lost(seen):
    starts = strong(found(belt(seen=seen)))
    assert len(starts) == len(KICKS)


@pytest.mark.parametrize("gain", [1 / 3, 3.0])
@pytest.mark.parametrize("since", [0.0, SECONDS / 2])
def test_a_gain_that_differs_or_changes_changes_no_count(gain, since):
    rows = belt()
    for name in SENSORS:
        rows[name][round(since * RATE) :] *= gain
    assert strong(found(rows)) == pytest.approx(KICKS, abs=0.3)


def test_pulses_on_one_sensor_alone_are_no_movements():
    rows = belt(kicks=())
    for second in np.arange(30.0, SECONDS - 30, 11.0):
        first = round(second * RATE)
        rows["sensor_4"][first : first + 40] += 3e-4 * 30 * wave(40 / RATE)
    findings = found(rows)
    assert len(strong(findings)) <= 2


def test_noise_alone_makes_hardly_any_candidate():
    hours = SECONDS / 3600
    findings = found(belt(kicks=()))
    assert len(findings.candidates.peak) / hours <= 3 * SETTINGS.candidates.chance_per_hour
    assert len(strong(findings)) <= 1


def test_what_the_imu_sees_at_the_same_moment_is_hers():
    rows = belt()
    for kick in KICKS[::2]:
        first = round(kick * RATE)
        rows["acceleration"][first : first + 100] += 0.1 * wave(100 / RATE, hertz=4.0)
    findings = found(rows)
    assert strong(findings) == pytest.approx(KICKS[1::2], abs=0.3)
    assert findings.with_motion == len(KICKS[::2])


def test_without_an_imu_nothing_is_taken_for_hers():
    rows = belt()
    del rows["acceleration"]
    findings = found(rows)
    assert findings.motion_z is None
    assert not len(findings.body_movement)
    assert strong(findings) == pytest.approx(KICKS, abs=0.3)


def test_a_sensor_that_is_off_neither_votes_nor_silences_the_others():
    rows = belt()
    half = SECONDS * RATE // 2
    rows["sensor_3"][half:] = 0.0
    off = {"sensor_3": np.array([[half, SECONDS * RATE]]) * (TICKS_PER_SECOND // RATE)}
    findings = found(rows, off=off)
    assert strong(findings) == pytest.approx(KICKS, abs=0.3)
    late = findings.detections[:, 0] > SECONDS * TICKS_PER_SECOND / 2
    assert not findings.seen[late, findings.evidence.sensors.index("sensor_3")].any()


def test_kicks_two_seconds_apart_are_two():
    pairs = np.concatenate((KICKS, KICKS + 2.0))
    assert strong(found(belt(kicks=pairs))) == pytest.approx(np.sort(pairs), abs=0.3)


def test_detections_are_as_long_as_the_movements():
    findings = found(belt(seconds=1.2))
    kept = findings.candidates.strength >= SETTINGS.candidates.rule_strength
    seconds = (findings.detections[kept, 1] - findings.detections[kept, 0]) / TICKS_PER_SECOND
    assert np.median(seconds) == pytest.approx(1.0, abs=0.35)


def test_detections_are_disjoint_and_in_order():
    findings = found(belt(kicks=np.arange(35.0, SECONDS - 35, 1.6), seconds=1.4))
    edges = findings.detections.ravel()
    assert (np.diff(edges) > 0).all()


def test_a_recording_without_a_live_sensor_has_no_movements_and_no_fault():
    findings = found({"acceleration": np.zeros(SECONDS * RATE)})
    assert findings.detections.shape == (0, 2)


def test_a_belt_that_is_off_throughout_has_no_movements_and_no_fault():
    rows = {name: np.zeros(SECONDS * RATE) for name in SENSORS}
    off = {name: np.array([[0, SECONDS * TICKS_PER_SECOND]]) for name in SENSORS}
    assert found(rows, off=off).detections.shape == (0, 2)


def test_no_sensor_counts_more_than_the_second_strongest():
    settings = EvidenceSettings(lag_frames=0)
    z = np.array([[9.0], [2.0], [0.0]], np.float32)
    on = np.ones_like(z, dtype=bool)
    assert agreement(z, on, settings=settings)[0] == pytest.approx(4 / np.sqrt(3))


def test_the_same_signals_give_the_same_findings():
    first, second = found(belt()), found(belt())
    assert np.array_equal(first.detections, second.detections)
    assert np.array_equal(first.candidates.strength, second.candidates.strength)


def spreads(rows):
    findings = found(rows)
    return spectral_spreads(findings, signals_of(rows), SETTINGS), findings


def two_sensors(rows):
    return {name: rows[name] for name in ("sensor_3", "sensor_6", "acceleration")}


@pytest.mark.parametrize("seen", ["sensor_3", "sensor_6"])
def test_with_two_sensors_rubbing_on_one_fills_more_of_the_band_than_a_movement_does(seen):
    kicks = two_sensors(belt(seen=(seen,)))
    rubbed = two_sensors(belt(kicks=()))
    random = np.random.default_rng(8)
    scale = rubbed[seen].std()
    for start in KICKS:
        part = rubbed[seen][round(start * RATE) :][:RATE]
        part += 6 * scale * random.normal(0, 1, len(part)) * np.hanning(len(part))
    of_kicks, _ = spreads(kicks)
    of_rubbing, _ = spreads(rubbed)
    assert len(of_kicks) >= len(KICKS) - 2
    assert len(of_rubbing) >= len(KICKS) - 2
    assert np.quantile(of_kicks, 0.9) < np.quantile(of_rubbing, 0.1)


def test_where_many_sensors_are_on_their_agreement_tells_and_the_width_is_left_out():
    widths, findings = spreads(belt())
    assert len(findings.detections) == len(widths) > 0
    assert np.isnan(widths).all()


@pytest.mark.parametrize("gain", [1 / 3, 3.0])
def test_a_gain_changes_no_width(gain):
    rows = two_sensors(belt(seen=("sensor_3",)))
    before, _ = spreads(rows)
    after, _ = spreads(rows | {name: gain * rows[name] for name in ("sensor_3", "sensor_6")})
    assert after == pytest.approx(before, rel=1e-3)


def test_the_first_pulses_of_a_train_are_of_it_though_it_raises_the_level_of_the_later_ones():
    rows = two_sensors(belt(kicks=()))
    pulses = np.arange(100.0, 500.0, 2.2)
    shape = np.std(rows["sensor_3"]) * 25 * wave(0.5)
    for pulse in pulses:
        first = round(pulse * RATE)
        rows["sensor_3"][first : first + len(shape)] += shape
    findings = found(rows)
    ticks = np.round((pulses + 0.25) * TICKS_PER_SECOND).astype(np.int64)
    train = Rhythm(
        start=int(ticks[0]), end=int(ticks[-1]), pulses=ticks, sites=("sensor_3",),
        interval_seconds=2.2, interval_deviation=0.0, missed_share=0.0, strength_deviation=0.0,
        likeness=1.0, stray_share=0.0,
    )  # fmt: skip
    rejected = train_pulses(findings, [train], settings=SETTINGS.candidates)
    starts = findings.detections[:, 0] / TICKS_PER_SECOND
    early = (starts > 99) & (starts < 160)
    strength = findings.candidates.strength
    assert strength[early].max() > 1.3 * np.median(strength[rejected])  # what the level does
    assert early.sum() >= 10
    assert rejected[early].all()
