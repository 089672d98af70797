"""The engine's adaptive method finds what its plain twin in bench/ finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import adaptive_profile
from femo_signal.detection.adaptive import Findings, find_movements
from femo_signal.intervals import Intervals, as_intervals, empty, to_mask, union
from femo_signal.preprocessing.preprocess import preprocess
from femo_signal.recording import Channel, Signals
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings, EdgeSettings
from femo_signal.synthetic import draw_plan, draw_subject, write_recording

from .test_adaptive import RATE, SECONDS, SENSORS, belt

SETTINGS = AnalysisSettings(method="adaptive")
STEP = TICKS_PER_SECOND // RATE
MOTION = ("acceleration", "roll", "pitch", "yaw")


def seconds(*spans: tuple[float, float]) -> Intervals:
    return as_intervals(np.array(spans) * TICKS_PER_SECOND)


def both(
    signals: Signals, gaps: Intervals, *, settings: AnalysisSettings = SETTINGS
) -> tuple[Findings, adaptive_profile.AdaptiveProfile]:
    """Run the engine and its twin on the same band-passed signals."""
    channels = dict(sorted(signals.sensors.items())) | {
        name: channel for name in MOTION if (channel := getattr(signals, name)) is not None
    }
    ticks = STEP * len(next(iter(channels.values())).samples)
    rows = {n: c.samples.astype(float) for n, c in channels.items() if n in signals.live}
    twin = adaptive_profile.profile(
        adaptive_profile.Belt(
            sensors={name: row for name, row in rows.items() if name not in MOTION},
            motion={name: row for name, row in rows.items() if name in MOTION},
            off={n: to_mask(signals.off.get(n, empty()), ticks) for n in rows},
            gaps=to_mask(gaps, ticks),
        )
    )
    return find_movements(signals, gaps=gaps, length=ticks, settings=settings), twin


def assert_the_same(found: Findings, twin: adaptive_profile.AdaptiveProfile) -> None:
    """Compare; the engine computes in float32, which is good for five digits of agreement.

    An edge lies where an energy crosses a share of its peak: five digits move it by a sample
    (8 ticks) at most.
    """
    assert len(found.detections) == len(twin.candidates) > 5
    np.testing.assert_allclose(found.evidence.agreement, twin.agreement, atol=1e-4)
    np.testing.assert_allclose(found.candidates.rise, twin.rise, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.candidates.strength, twin.strength, rtol=1e-4)
    np.testing.assert_allclose(found.detections, twin.candidates, atol=STEP)
    assert (found.seen == twin.seen).all()
    moving = to_mask(found.body_movement, len(twin.body_movement))
    assert (moving == twin.body_movement).all()


def in_memory(rows: dict[str, np.ndarray], off: dict[str, Intervals]) -> Signals:
    channels = {name: Channel(row.astype(np.float32), RATE, 0, STEP) for name, row in rows.items()}
    return Signals(
        sensors={name: channel for name, channel in channels.items() if name in SENSORS},
        acceleration=channels.get("acceleration"),
        roll=None,
        pitch=None,
        yaw=None,
        live=frozenset(channels),
        off=off,
    )


def test_sensors_off_and_gaps_are_to_the_engine_what_they_are_to_its_twin() -> None:
    rows = belt(sigma=8.0)
    rows["acceleration"][400 * RATE : 403 * RATE] *= 60  # she turns over
    off = {
        "sensor_1": seconds((0, 450)),
        "sensor_3": seconds((100, 130), (450, SECONDS)),
        "sensor_6": seconds((440, 520)),
        "acceleration": seconds((600, 640)),
    }
    found, twin = both(in_memory(rows, off), seconds((250, 262.5), (700, 701)))
    assert_the_same(found, twin)
    assert len(found.body_movement)
    assert len(np.unique(found.evidence.on, axis=1).T) > 4


@pytest.mark.parametrize("names", [SENSORS, ("sensor_3", "sensor_6")])
def test_short_gaps_are_to_the_engine_what_they_are_to_its_twin(names: tuple[str, ...]) -> None:
    rows = {name: row for name, row in belt().items() if name in (*names, "acceleration")}
    random = np.random.default_rng(3)
    alone = np.arange(20, 200, 1.7)
    lengths = random.choice([1, 7, 64, 192, 255, 256, 257], len(alone)) / TICKS_PER_SECOND
    for first in (alone[5::20] * RATE).astype(int):
        rows["acceleration"][first : first + RATE] *= 60  # she turns over next to a gap
    crowded = 300 + np.cumsum(random.uniform(0.05, 0.4, 300))  # many to a frame
    gaps = union(
        seconds(*zip(alone, alone + lengths, strict=True)),
        seconds(*zip(crowded, crowded + random.uniform(0.01, 0.24, 300), strict=True)),
    )
    found, twin = both(in_memory(rows, {"sensor_3": seconds((60, 80), (320, 330))}), gaps)
    assert_the_same(found, twin)
    frames = found.evidence.frames
    torn = frames.inside(gaps, margin_ticks=frames.window_ticks // 2)
    assert set(found.evidence.on[-1, torn]) == {False, True}


def test_two_sensors_without_an_imu_are_to_the_engine_what_they_are_to_its_twin() -> None:
    rows = {name: belt()[name] for name in ("sensor_3", "sensor_6")}
    assert_the_same(*both(in_memory(rows, {}), empty()))


@pytest.mark.parametrize("seed", range(8))
def test_short_recordings_with_anything_off_at_any_time_are_no_exception(seed: int) -> None:
    random = np.random.default_rng(seed)
    samples = int(random.integers(3 * RATE, 150 * RATE))
    names = [*random.choice(SENSORS, random.integers(1, 7), replace=False).tolist(), "acceleration"]
    rows = {name: random.normal(0, 1e-3, samples) for name in names}
    for at in random.integers(0, samples, 12):
        for name in names[:-1]:
            part = rows[name][at : at + 100]
            part += 1e-3 * random.uniform(0, 20) * np.sin(0.4 * np.arange(len(part)))

    def spans(count: int) -> Intervals:
        starts = random.integers(0, samples * STEP, count)
        ends = np.minimum(starts + random.integers(100, 30_000, count), samples * STEP)
        return as_intervals(np.column_stack((starts, ends)))

    off = {name: spans(random.integers(0, 4)) for name in names}
    found, twin = both(in_memory(rows, off), spans(random.integers(0, 2)))
    assert len(found.detections) == len(twin.candidates)
    np.testing.assert_allclose(found.detections, twin.candidates, atol=STEP)
    np.testing.assert_allclose(found.candidates.rise, twin.rise, rtol=1e-4, atol=1e-4)


def test_close_pairs_are_parted_where_the_twin_parts_them() -> None:
    kicks = np.arange(35.0, SECONDS - 35, 1.6)
    assert_the_same(*both(in_memory(belt(kicks=kicks, seconds=1.4), {}), empty()))


def test_edges_smoothed_over_longer_than_a_candidate_lie_where_the_twins_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adaptive_profile, "SMOOTH", 3 * RATE)
    settings = SETTINGS.model_copy(update={"edges": EdgeSettings(smooth_seconds=3.0)})
    assert_the_same(*both(in_memory(belt(), {}), empty(), settings=settings))


@pytest.mark.parametrize(("recording_format", "seed"), [("v1", 3), ("v2", 4)])
def test_a_lifelike_recording_gives_what_its_twin_gives(
    tmp_path: Path, recording_format, seed: int
) -> None:
    woman = draw_subject("w", seed=seed, kind="lifelike", gestational_week=32)
    plan = draw_plan(woman, seconds=600, seed=seed, recording_format=recording_format)
    path = tmp_path / "night.dat"
    write_recording(path, plan)
    read = preprocess(path, SETTINGS)
    assert_the_same(*both(read.signals, read.gaps))


def test_a_sound_file_gives_what_plain_filters_at_full_rate_give(tmp_path: Path) -> None:
    plan = draw_plan(draw_subject("w", seed=2, kind="rich"), seconds=480, seed=2, hiccups=False)
    path = tmp_path / "night.dat"
    write_recording(path, plan)
    read = preprocess(path, SETTINGS)
    found = find_movements(
        read.signals, gaps=read.gaps, length=read.info.length_ticks, settings=SETTINGS
    )
    twin = adaptive_profile.profile(adaptive_profile.load(path))
    assert len(twin.candidates) == len(found.detections)
    # The engine thins before it filters; both differ by a part in a thousand of the noise.
    np.testing.assert_allclose(twin.candidates, found.detections, atol=2 * STEP)
