"""Hiccup bouts are found where they are, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from femo_signal.detection.bouts import Rhythms, bout_intervals, find_rhythms
from femo_signal.detection.building import build_profile
from femo_signal.detection.hiccups import find_hiccups, taken_out
from femo_signal.detection.judged import judge_time
from femo_signal.detection.pulses import find_pulses
from femo_signal.intervals import clip, difference, empty, intersection, total
from femo_signal.manifest import load_manifest
from femo_signal.recording import Channel, Signals
from femo_signal.settings import HiccupSettings

from .conftest import ticks, truth_of

SECOND = 1024
RATE = 128  # Hz, of band-passed signals
V1 = ("sensor_1", "sensor_2", "sensor_3", "sensor_4", "sensor_5", "sensor_6")
V2 = ("sensor_3", "sensor_6")
SETTINGS = HiccupSettings()


class Belt:
    """Band-passed signals of a belt on which pulses can be laid, and the breath below."""

    def __init__(self, minutes=8, *, sensors=V1, seed=0, breath_hz=0.25):
        self.rng = np.random.default_rng(seed)
        self.seconds = round(minutes * 60)
        self.noise = {name: 0.004 if name in V2 else 0.0004 for name in sensors}
        size = self.seconds * RATE
        self.rows = {
            name: (noise * self.rng.standard_normal(size)).astype(np.float32)
            for name, noise in self.noise.items()
        }
        self.off = {}
        clock = np.arange(self.seconds * 4) / 4 + 1 / 8
        # Breaths are never quite of one length.
        wander = np.interp(clock, clock[::40], np.cumsum(self.rng.normal(0, 0.3, len(clock[::40]))))
        self.phase = 2 * np.pi * breath_hz * clock + wander
        self.clock = clock
        self.slow = {"quaternion_i": (0.01 * np.sin(self.phase)).astype(np.float32)}

    def lay(self, times, *, on=None, strength=20.0, deviation=0.0, hertz=7.0, gains=None):
        """Lay damped pulses at some seconds on sensors, times the noise of each."""
        clock = np.arange(round(0.5 * RATE)) / RATE
        shape = np.exp(-clock / 0.1) * np.sin(2 * np.pi * hertz * clock)
        strengths = strength * np.clip(
            1 + deviation * self.rng.standard_normal(len(times)), 0.2, 2.5
        )
        for name in on or self.rows:
            gain = (gains or {}).get(name, 1.0) * self.noise[name]
            for time, size in zip(times, strengths, strict=True):
                first = round(time * RATE)
                part = self.rows[name][first : first + len(shape)]
                part += (gain * size * shape[: len(part)]).astype(np.float32)
        return self

    def breaths(self):
        """Return the seconds at which she begins to breathe in."""
        turns = np.floor(self.phase / (2 * np.pi))
        return self.clock[1:][np.diff(turns) > 0]

    def signals(self):
        return Signals(
            sensors={name: Channel(row, RATE, 0, 8) for name, row in self.rows.items()},
            acceleration=None,
            roll=None,
            pitch=None,
            yaw=None,
            live=frozenset(self.rows),
            off=self.off,
            slow={name: Channel(row, 4, 128, 256) for name, row in self.slow.items()},
        )

    def rhythms(self, hidden=None, settings=SETTINGS) -> Rhythms:
        return find_rhythms(
            self.signals(),
            hidden=empty() if hidden is None else np.array(hidden, dtype=np.int64) * SECOND,
            length=self.seconds * SECOND,
            settings=settings,
        )


def hiccup_times(begin=60.0, end=240.0, *, seed=1, interval=2.8, jitter=0.25, missed=0.0):
    rng = np.random.default_rng(seed)
    steps = np.clip(rng.normal(interval, jitter, int((end - begin) / 1.9)), 1.9, 4.1)
    times = begin + np.cumsum(steps) - steps[0]
    times = times[times < end]
    return times[rng.random(len(times)) >= missed]


def covered(rhythms, begin, end):
    """Return the share of a stretch that bouts cover, and how much lies outside it."""
    found = bout_intervals(rhythms.bouts, SETTINGS)
    truth = np.array([[round(begin * SECOND), round(end * SECOND)]])
    inside = total(intersection(found, truth))
    return inside / total(truth), (total(found) - inside) / SECOND


@pytest.mark.parametrize("sensors", [V1, V2])
@pytest.mark.parametrize("seed", range(4))
def test_hiccups_of_uneven_strength_with_missed_pulses_are_told(sensors, seed):
    times = hiccup_times(seed=seed, missed=0.15)
    belt = Belt(sensors=sensors, seed=seed).lay(times, deviation=0.4)
    share, outside = covered(belt.rhythms(), times[0], times[-1])
    assert share > 0.9
    assert outside < 5


def test_a_bout_of_84_seconds_is_told_whole():
    times = hiccup_times(100, 184)
    rhythms = Belt(seed=5).lay(times, deviation=0.4).rhythms()
    (bout,) = rhythms.bouts
    assert abs(bout.start / SECOND - times[0]) < 0.3
    assert abs(bout.end / SECOND - times[-1] - 0.5) < 0.5
    assert len(bout.pulses) >= 0.9 * len(times)
    assert bout.interval_seconds == pytest.approx(2.8, abs=0.15)
    assert bout.strength_deviation == pytest.approx(0.4, abs=0.15)
    assert bout.sites == V1


def test_a_bout_that_the_end_of_the_recording_cuts_is_told():
    times = hiccup_times(435, 480)
    share, _ = covered(Belt(seed=2).lay(times, deviation=0.4).rhythms(), times[0], times[-1])
    assert share > 0.9


def test_half_a_minute_of_pulses_is_no_bout():
    assert not Belt(seed=3).lay(hiccup_times(100, 130)).rhythms().bouts


def test_a_rhythm_that_slowly_drifts_stays_one_bout():
    steps = 2.3 + 1.3 * np.linspace(0, 1, 80)
    times = 60 + np.cumsum(steps)
    share, _ = covered(Belt(seed=4).lay(times, deviation=0.4).rhythms(), times[0], times[-1])
    assert share > 0.95


def test_kicks_inside_a_bout_are_not_taken_for_its_pulses():
    times = hiccup_times(60, 240, jitter=0.1)
    kicks = times[5::9] + 1.4
    belt = Belt(seed=6).lay(times, deviation=0.3)
    belt.lay(kicks, strength=40, hertz=3.5, on=("sensor_3", "sensor_4"))
    (bout,) = belt.rhythms().bouts
    pulses = bout.pulses / SECOND
    assert all(np.abs(pulses - kick).min() > 0.5 for kick in kicks)
    assert np.mean([np.abs(pulses - time).min() < 0.3 for time in times]) > 0.9


@pytest.mark.parametrize("on", [("sensor_3",), ("sensor_3", "sensor_6"), V1])
@pytest.mark.parametrize("breath_hz", [0.22, 0.28, 0.33])
def test_clicks_at_each_breath_are_not_told_as_hiccups(on, breath_hz):
    belt = Belt(seed=7, breath_hz=breath_hz)
    clicks = belt.breaths() + belt.rng.normal(0, 0.05, len(belt.breaths()))
    belt.lay(clicks[2:-2], on=on, deviation=0.3)
    rhythms = belt.rhythms()
    assert not rhythms.bouts
    assert {series.reason for series in rhythms.regular_pulses} == {"breath"}
    told = sum(series.end - series.start for series in rhythms.regular_pulses)
    assert told > 0.8 * belt.seconds * SECOND


def test_clicks_when_she_breathes_in_and_when_she_breathes_out_are_not_told_as_hiccups():
    belt = Belt(seed=8, breath_hz=0.2)
    breaths = belt.breaths()[2:-2]
    belt.lay(np.sort(np.concatenate((breaths, breaths + 2.1))))
    assert not belt.rhythms().bouts


def test_hiccups_almost_as_slow_as_the_breath_are_still_told():
    found = 0
    for seed in range(10):
        times = hiccup_times(60, 240, seed=seed, interval=3.4)
        belt = Belt(seed=seed, breath_hz=1 / 3.4).lay(times, deviation=0.4)
        found += covered(belt.rhythms(), times[0], times[-1])[0] > 0.8
    assert found >= 9


def test_a_bout_among_clicks_at_each_breath_is_told_and_the_clicks_are_not():
    belt = Belt(seed=9, breath_hz=0.23)
    belt.lay(belt.breaths()[2:-2], on=("sensor_3",), hertz=12, strength=25)
    times = hiccup_times(120, 260)
    belt.lay(times, deviation=0.3)
    rhythms = belt.rhythms()
    share, outside = covered(rhythms, times[0], times[-1])
    assert share > 0.8
    assert outside < 5
    assert any(series.reason == "breath" for series in rhythms.regular_pulses)


def test_without_a_visible_breath_slow_pulses_are_not_told_as_hiccups_and_it_is_said():
    belt = Belt(seed=10, breath_hz=0.26)
    belt.lay(belt.breaths()[2:-2])
    belt.slow = {"quaternion_i": np.zeros(belt.seconds * 4, dtype=np.float32)}
    rhythms = belt.rhythms()
    assert not rhythms.bouts
    (series,) = rhythms.regular_pulses
    assert series.reason == "breath_unknown"
    assert series.breath_known is False


def test_without_a_visible_breath_quick_hiccups_at_many_sites_are_told():
    times = hiccup_times(interval=2.6)
    belt = Belt(seed=11).lay(times, deviation=0.4)
    belt.slow = {}
    (bout,) = belt.rhythms().bouts
    assert bout.breath_known is False
    assert bout.breath_concentration is None


def test_the_breath_is_seen_in_a_piezo_where_there_is_no_imu():
    belt = Belt(seed=12, breath_hz=0.29)
    belt.lay(belt.breaths()[2:-2])
    noise = belt.rng.standard_normal(belt.seconds * 4)
    belt.slow = {"sensor_3": (0.01 * np.sin(belt.phase) + 0.002 * noise).astype(np.float32)}
    rhythms = belt.rhythms()
    assert not rhythms.bouts
    assert {series.reason for series in rhythms.regular_pulses} == {"breath"}


def test_a_movement_that_was_not_masked_does_not_pass_for_the_breath():
    belt = Belt(seed=13, breath_hz=0.27)
    belt.lay(belt.breaths()[2:-2])
    row = belt.slow["quaternion_i"]
    row[400:430] += 0.5 * np.sin(np.arange(30)).astype(np.float32)
    assert not belt.rhythms().bouts


@pytest.mark.parametrize("sensor", V1)
def test_pulses_on_one_sensor_are_not_told_as_hiccups(sensor):
    rhythms = Belt(seed=14).lay(hiccup_times(), on=(sensor,)).rhythms()
    assert not rhythms.bouts
    (series,) = rhythms.regular_pulses
    assert series.reason == "one_sensor"
    assert series.sites == (sensor,)


def test_with_one_sensor_left_regular_pulses_are_named_and_not_told_as_hiccups():
    belt = Belt(sensors=V2, seed=15).lay(hiccup_times())
    belt.off = {"sensor_6": np.array([[0, belt.seconds * SECOND]])}
    rhythms = belt.rhythms()
    assert not rhythms.bouts
    assert [series.reason for series in rhythms.regular_pulses] == ["one_sensor"]


@pytest.mark.parametrize("rate_hz", [1.0, 1.25, 1.6])
def test_the_maternal_pulse_is_not_told_as_hiccups(rate_hz):
    times = np.arange(60, 260, 1 / rate_hz)
    times = times + np.random.default_rng(1).normal(0, 0.02, len(times))
    rhythms = Belt(seed=16).lay(times, on=("sensor_3",), strength=15).rhythms()
    assert not rhythms.bouts
    assert {series.reason for series in rhythms.regular_pulses} == {"rate"}


@pytest.mark.parametrize("gap", [1.2, 5.0, 6.0, 8.0, 10.0, 15.0])
def test_regular_events_at_other_intervals_are_no_hiccups(gap):
    times = np.arange(30, 450, gap)
    times = times + np.random.default_rng(4).normal(0, 0.1, len(times))
    assert not Belt(seed=17).lay(times).rhythms().bouts


def test_kicks_are_no_hiccups_however_many():
    belt = Belt(seed=18)
    time = 20.0
    while time < 460:
        near = tuple(belt.rng.permutation(V1)[: belt.rng.integers(1, 5)])
        gains = {name: belt.rng.uniform(0.3, 1) for name in near}
        hertz, strength = np.exp(belt.rng.uniform(0.9, 2.8)), belt.rng.uniform(8, 50)
        belt.lay([time], on=near, gains=gains, hertz=hertz, strength=strength)
        time += belt.rng.uniform(1.8, 5)
    assert not belt.rhythms().bouts


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
def test_another_gain_half_way_changes_nothing(factor):
    times = hiccup_times(150, 330)
    belt = Belt(seed=19).lay(times, deviation=0.4)
    for row in belt.rows.values():
        row[len(row) // 2 :] *= np.float32(factor)
    share, outside = covered(belt.rhythms(), times[0], times[-1])
    assert share > 0.9
    assert outside < 5


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_no_voltage_decides(factor):
    belt = Belt(seed=20).lay(hiccup_times(), deviation=0.4)
    before = bout_intervals(belt.rhythms().bouts, SETTINGS)
    for row in belt.rows.values():
        row *= np.float32(factor)
    np.testing.assert_array_equal(bout_intervals(belt.rhythms().bouts, SETTINGS), before)
    assert len(before) == 1


def test_a_bout_goes_on_behind_a_body_movement():
    times = hiccup_times(60, 240)
    belt = Belt(seed=21).lay(times, deviation=0.4)
    rhythms = belt.rhythms(hidden=[[120, 140]])
    share, _ = covered(rhythms, times[0], times[-1])
    assert share > 0.95
    assert not any(((b.pulses > 120 * SECOND) & (b.pulses < 140 * SECOND)).any()
                   for b in rhythms.bouts)  # fmt: skip


def test_a_bout_goes_on_where_a_sensor_falls_out():
    times = hiccup_times(60, 300)
    belt = Belt(seed=22).lay(times, deviation=0.4)
    belt.rows["sensor_3"][150 * RATE :] = 0
    belt.off = {"sensor_3": np.array([[150, belt.seconds]]) * SECOND}
    share, _ = covered(belt.rhythms(), times[0], times[-1])
    assert share > 0.9


def test_a_belt_with_nothing_to_see_has_no_rhythm():
    silent = replace(Belt(1).signals(), live=frozenset())
    short = replace(
        silent, live=frozenset(V2), sensors={n: Channel(np.zeros(3, np.float32), RATE, 0, 8)
                                            for n in V2},
    )  # fmt: skip
    flat = replace(short, sensors={n: Channel(np.zeros(9000, np.float32), RATE, 0, 8) for n in V2})
    for signals in (silent, short, flat):
        for hidden in (empty(), np.array([[0, 80 * SECOND]])):
            rhythms = find_rhythms(signals, hidden=hidden, length=70 * SECOND, settings=SETTINGS)
            assert rhythms.bouts == rhythms.regular_pulses == rhythms.chains == ()
            assert bout_intervals(rhythms.bouts, SETTINGS).shape == (0, 2)


def test_time_that_is_hidden_holds_no_pulse():
    belt = Belt(2, seed=23).lay(np.arange(20, 100, 2.5), strength=40)
    hidden = np.array([[30, 60], [80, 120]], dtype=np.int64) * SECOND
    signals = belt.signals()
    pulses, _ = find_pulses(signals.sensors, hidden=hidden, off={}, settings=SETTINGS)
    seconds = pulses.tick / SECOND
    assert len(seconds) > 10
    assert not (((seconds > 30.1) & (seconds < 59.9)) | (seconds > 80.1)).any()


def test_bouts_of_a_cohort_are_covered_and_none_invented(cohort):
    for item in load_manifest(cohort).items:
        path = cohort.parent / item.dat_file_key
        profile = build_profile(path)
        truth = ticks(truth_of(path)["hiccup_bouts"], trim_ticks=profile.info.trim_ticks)
        truth = clip(truth, 0, profile.info.length_ticks)
        found = find_hiccups(profile).bouts
        assert total(intersection(found, truth)) >= 0.9 * total(truth)
        assert total(difference(found, truth)) < 5 * SECOND


def test_bouts_of_another_generator_are_covered_and_none_invented(golden):
    path, truth = golden
    profile = build_profile(path)
    expected = ticks(truth["hiccup_bouts"], trim_ticks=profile.info.trim_ticks)
    hiccups = find_hiccups(profile)
    assert total(intersection(hiccups.bouts, expected)) >= 0.95 * total(expected)
    assert total(difference(hiccups.bouts, expected)) < 3 * SECOND
    assert hiccups.breath_known is (True if len(expected) else None)
    for train, chains in zip(hiccups.trains, hiccups.chains, strict=True):
        assert [chain.is_bout for chain in chains] == [True] * len(expected)
        assert train.chain.max(initial=-1) == len(chains) - 1


def left_of(movements, cores, bouts):
    """Return what of movements is counted where bouts are taken out; all in seconds."""
    length = 300 * SECOND
    axis = np.array([[0, length]], dtype=np.int64)
    judged = judge_time(
        length=length,
        lead=0,
        duration=length,
        gaps=empty(),
        body_movement=empty(),
        sensors_on={"sensor_3": axis},
        enough_on=axis,
        motion_on=axis,
        pulses=empty(),
        hiccups=taken_out(seconds(bouts), length=length),
    )
    kept = judged.counted(seconds(movements), seconds(cores), bridge_ticks=3 * SECOND)
    return (kept / SECOND).tolist()


def seconds(rows):
    return np.array(rows, dtype=np.int64).reshape(-1, 2) * SECOND


def test_removal_leaves_no_slivers_of_dilation_behind():
    movements = [[0, 4], [98, 140], [141, 203], [210, 214]]
    cores = [[1, 2], [100, 101], [201, 202], [211, 212]]
    assert left_of(movements, cores, [[100, 201]]) == [[0, 4], [210, 214]]


def test_a_movement_at_the_edge_of_a_bout_stays():
    kept = left_of([[90, 120]], [[92, 93], [100, 118]], [[100, 180]])
    assert kept[0] == pytest.approx([90, 100 - SETTINGS.margin_seconds], abs=1e-2)


def test_without_bouts_nothing_is_removed():
    assert left_of([[5, 9]], [[6, 7]], []) == [[5, 9]]
