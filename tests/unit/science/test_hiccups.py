"""Hiccup bouts are found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from femo_signal.hiccups import BoutRules, find_hiccups, link_pulses, taken_out
from femo_signal.intervals import clip, difference, empty, intersection, total
from femo_signal.judged import judge_time
from femo_signal.manifest import load_manifest
from femo_signal.profile import build_profile

from .conftest import ticks, truth_of

SECOND = 1024


def train_of(starts, amplitude=0.2, *, jitter=0.05, seed=0, length=0.3):
    """Pulses at given seconds."""
    rng = np.random.default_rng(seed)
    onset = (np.asarray(starts) * SECOND).astype(np.int64)
    pulses = np.column_stack((onset, onset + round(length * SECOND)))
    return pulses, amplitude * (1 + jitter * rng.standard_normal(len(onset)))


def hiccup_times(count, seed=1, begin=20.0):
    return begin + np.cumsum(np.random.default_rng(seed).uniform(2.1, 3.9, count))


def bouts(pulses, peaks, hidden=None):
    hidden = empty() if hidden is None else hidden
    return [c for c in link_pulses(pulses, peaks, hidden=hidden)[1] if c.is_bout]


def test_a_bout_of_ninety_seconds_is_found_whole():
    pulses, peaks = train_of(hiccup_times(30))
    (bout,) = bouts(pulses, peaks)
    assert (bout.start, bout.end) == (pulses[0, 0], pulses[-1, 1])
    assert bout.pulses == 30


def test_kicks_between_the_pulses_do_not_break_a_bout():
    times = hiccup_times(60)
    kicks = times[::7] + 1.1
    pulses, peaks = train_of(np.concatenate((times, kicks)))
    peaks[60:] *= 4
    order = np.argsort(pulses[:, 0])
    (bout,) = bouts(pulses[order], peaks[order])
    assert bout.pulses == 60
    assert bout.end - bout.start > 0.98 * (times[-1] - times[0]) * SECOND


def test_a_missed_pulse_now_and_then_is_bridged():
    times = np.delete(hiccup_times(50), [7, 19, 33])
    covered = sum(c.end - c.start for c in bouts(*train_of(times)))
    assert covered > 0.8 * (times[-1] - times[0]) * SECOND


def test_a_bout_goes_on_behind_a_body_movement():
    times = hiccup_times(60)
    hidden = np.array([[80, 98]], dtype=np.int64) * SECOND
    seen = times[(times < 79.5) | (times > 98)]
    (bout,) = bouts(*train_of(seen), hidden=hidden)
    assert bout.pulses == len(seen)


def test_steadiness_is_relative_to_the_amplitude_and_one_stray_pulse_matters_not():
    times = hiccup_times(60)
    assert bouts(*train_of(times, jitter=0.12))
    pulses, peaks = train_of(times, jitter=0.03)
    peaks[30] *= 8
    assert bouts(pulses, peaks)
    assert not bouts(pulses, peaks * np.exp(np.random.default_rng(2).normal(0, 0.6, 60)))


@pytest.mark.parametrize("gap", [1.2, 5.0, 6.0, 7.5, 8.0, 10.0, 15.0])
def test_regular_events_at_other_intervals_are_no_hiccups(gap):
    times = 20 + np.cumsum(gap + np.random.default_rng(4).normal(0, 0.1, 150))
    assert not bouts(*train_of(times))


def test_random_kicks_are_no_hiccups():
    rng = np.random.default_rng(6)
    times = 20 + np.cumsum(1.5 + rng.exponential(6.0, 400))
    pulses, peaks = train_of(times)
    assert not bouts(pulses, peaks * np.exp(rng.normal(0, 0.7, 400)))


def test_half_a_minute_of_pulses_is_too_short_for_a_bout():
    assert not bouts(*train_of(hiccup_times(10)))


def test_few_pulses_give_no_chain():
    for count in range(3):
        member, chains = link_pulses(*train_of(hiccup_times(count)), hidden=empty())
        assert chains == ()
        assert list(member) == [-1] * count


def test_bouts_of_a_cohort_are_covered_and_none_invented(cohort):
    for item in load_manifest(cohort).items:
        path = cohort.parent / item.dat_file_key
        profile = build_profile(path)
        truth = ticks(truth_of(path)["hiccup_bouts"], trim_ticks=profile.info.trim_ticks)
        truth = clip(truth, 0, profile.info.length_ticks)
        found = find_hiccups(profile).bouts
        assert total(intersection(found, truth)) >= 0.8 * total(truth)
        assert total(difference(found, truth)) < 20 * SECOND


def test_bouts_of_another_generator_are_covered_and_none_invented(golden):
    path, truth = golden
    profile = build_profile(path)
    expected = ticks(truth["hiccup_bouts"], trim_ticks=profile.info.trim_ticks)
    found = find_hiccups(profile).bouts
    assert total(intersection(found, expected)) >= 0.95 * total(expected)
    assert total(difference(found, expected)) < 3 * SECOND


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
        minimum_sensors=1,
        motion_on=axis,
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
    assert kept[0] == pytest.approx([90, 100 - BoutRules().margin_seconds], abs=1e-2)


def test_without_bouts_nothing_is_removed():
    assert left_of([[5, 9]], [[6, 7]], []) == [[5, 9]]
