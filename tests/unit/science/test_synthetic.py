"""The synthetic cohort is plausible, repeatable, and readable by our own readers."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from bench.cohort_figures import SensorFigures, measure_plans, measure_sensors, rate_at
from femo_signal.detection.building import build_profile
from femo_signal.intervals import as_intervals, overlapping
from femo_signal.manifest import load_manifest
from femo_signal.synthetic import (
    DEFAULT_START,
    KICK_FIELDS,
    RecordingPlan,
    draw_plan,
    draw_subject,
    ground_truth,
    render,
    synthesize_cohort,
    write_recording,
)
from femo_signal.synthetic.hiccups import draw_bouts

from .conftest import ticks, truth_of


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.mark.parametrize("kind", ["lifelike", "rich"])
@pytest.mark.parametrize("recording_format", ["v1", "v2"])
def test_the_same_seed_writes_the_same_bytes(tmp_path, recording_format, kind):
    for name in ("a", "b"):
        synthesize_cohort(
            tmp_path / name,
            recordings=2,
            minutes=1,
            recording_format=recording_format,
            seed=5,
            kind=kind,
        )
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_another_seed_writes_another_recording(tmp_path):
    for seed in (1, 2):
        synthesize_cohort(tmp_path / str(seed), recordings=1, minutes=1, seed=seed)
    name = "recording-001.dat"
    assert digests(tmp_path / "1")[name] != digests(tmp_path / "2")[name]


def test_a_longer_cohort_begins_with_the_same_recordings_of_the_same_subjects(tmp_path):
    # Four recordings are two subjects with two each; six begin with the same four.
    for count in (4, 6):
        synthesize_cohort(tmp_path / str(count), recordings=count, minutes=0.5)
    short, long = digests(tmp_path / "4"), digests(tmp_path / "6")
    assert short["recording-004.dat"] == long["recording-004.dat"]


def test_every_subject_has_at_least_two_recordings_from_four_on(tmp_path):
    manifest = load_manifest(synthesize_cohort(tmp_path, recordings=7, minutes=0.5))
    subjects = [item.subject_id for item in manifest.items]
    assert len(set(subjects)) == 3
    assert min(subjects.count(subject) for subject in subjects) >= 2


def test_subjects_differ_in_what_a_detector_sees():
    a, b = draw_subject("subject-01", seed=0), draw_subject("subject-02", seed=0)
    assert a.white_volts != b.white_volts
    assert a.kick_gap_seconds != b.kick_gap_seconds
    assert a.heart_hz != b.heart_hz


def test_a_v1_file_has_the_layout_of_the_format(tmp_path):
    synthesize_cohort(tmp_path, recordings=1, minutes=0.5)
    content = (tmp_path / "recording-001.dat").read_bytes()
    start, start_ms, end, end_ms, *rates = struct.unpack_from("<IHIH4H", content)
    assert (start, start_ms) == (1736197200, 250)  # 2025-01-06T21:00:00.250Z
    assert (end - start, end_ms) == (30, 250)
    assert rates == [1024, 1024, 128, 64]
    assert len(content) == 20 + 30 * 24198
    assert content[20] & 0xF8 == 0xF8  # the first record carries every block
    assert struct.unpack_from("<IH", content, 20 + 43) == (start, start_ms)


def test_a_v2_file_ends_as_the_format_says_and_leaves_lost_packets_out(tmp_path):
    for seed in range(12):
        folder = tmp_path / str(seed)
        synthesize_cohort(
            folder, recordings=1, minutes=4, recording_format="v2", seed=seed, annotations=False
        )
        recording = folder / "recording-001.bin"
        gaps = truth_of(recording)["gaps"]
        lost = sum(round((end - start) * 16) for start, end in gaps)
        assert len(recording.read_bytes()) == 48 + (4 * 60 * 16 - lost) * 424 + 4
        assert recording.read_bytes()[-4:] == struct.pack("<I", 0x445A5A44)
        if gaps:
            found = build_profile(recording).info.gaps
            seconds = [(gap.start_seconds, gap.end_seconds) for gap in found]
            np.testing.assert_allclose(seconds, gaps, atol=0.01)
            return
    pytest.fail("none of twelve recordings lost a packet")


def test_strong_kicks_are_detected_and_movements_masked(cohort):
    found = expected = masked = moves = 0
    for item in load_manifest(cohort).items:
        path = cohort.parent / item.dat_file_key
        profile = build_profile(path)
        truth = truth_of(path)
        trim = profile.info.trim_ticks
        strong = [
            kick
            for kick in truth["kicks"]
            if kick[2] * max(kick[5], kick[8]) > 0.05 and trim / 1024 < kick[0] < 560
        ]
        rows = ticks(strong, trim_ticks=trim)
        clear = ~overlapping(rows, profile.body_movement)
        found += int(overlapping(rows[clear], profile.detections).sum())
        expected += int(clear.sum())
        moved = ticks(truth["body_movements"], trim_ticks=trim)
        moved = moved[(moved[:, 0] > 0) & (moved[:, 1] < profile.info.length_ticks)]
        masked += int(overlapping(moved, profile.body_movement).sum())
        moves += len(moved)
    assert expected > 40
    assert found / expected > 0.95
    assert masked == moves > 0


def test_presses_are_late_missing_and_false():
    traits = draw_subject("subject-01", seed=3)
    plan = draw_plan(traits, seconds=3600, seed=3)
    kinds = [kind for _, _, kind in plan.presses]
    assert {"kick", "false", "movement"} == set(kinds)
    assert kinds.count("kick") < len(plan.kicks)
    starts = np.array([kick.start for kick in plan.kicks])
    delays = [
        press - starts[starts < press].max() for press, _, kind in plan.presses if kind == "kick"
    ]
    assert np.median(delays) == pytest.approx(1.3, abs=0.4)
    assert max(delays) > 2.5


def test_hiccup_pulses_follow_each_other_in_two_to_four_seconds():
    plan = draw_plan(draw_subject("subject-02", seed=1), seconds=1200, seed=8)
    assert plan.hiccup_pulses
    for pulses in plan.hiccup_pulses:
        steps = np.diff(pulses)
        assert pulses[-1] - pulses[0] > 80
        assert steps.min() >= 1.9
        assert np.mean(steps > 4.1) < 0.25  # a pulse is missing now and then


def test_ground_truth_names_its_fields_as_the_goldens_do(cohort):
    truth = truth_of(cohort.parent / "recording-002.dat")
    assert truth["kick_fields"] == list(KICK_FIELDS)
    assert all(len(kick) == len(KICK_FIELDS) for kick in truth["kicks"])
    keys = {"hiccup_bouts", "hiccup_pulses", "body_movements", "presses", "gaps", "fs", "seconds"}
    assert keys <= set(truth)
    rows = as_intervals((np.array([kick[:2] for kick in truth["kicks"]]) * 1024).astype(int))
    assert len(rows) == len(truth["kicks"])  # none overlaps another


def test_presses_alone_can_label_a_cohort(tmp_path):
    manifest = synthesize_cohort(tmp_path, recordings=1, minutes=0.5, annotations=False)
    assert "csvFileKey" not in json.loads(manifest.read_text())["items"][0]


def test_no_recordings_make_an_empty_manifest(tmp_path):
    assert load_manifest(synthesize_cohort(tmp_path, recordings=0, minutes=1)).items == ()


def test_recordings_too_short_to_analyse_are_refused(tmp_path):
    with pytest.raises(ValueError, match="20 seconds"):
        synthesize_cohort(tmp_path, recordings=1, minutes=0.1)


# What follows holds a lifelike cohort against the published figures that docs/method.md quotes.

NUISANCES = {
    "baseline_step", "breath_click", "click", "cough", "loose_belt", "lost_samples",
    "maternal_pulse", "railed_samples", "rubbing", "sensor_constant", "sensor_railed",
    "small_movement", "speech", "walking",
}  # fmt: skip


def woman(number: int, week: float | None = None):
    return draw_subject(f"woman-{number}", seed=11, kind="lifelike", gestational_week=week)


def counts_of(plan: RecordingPlan, chunk_seconds: int) -> list[np.ndarray]:
    chunks = list(render(plan, chunk_seconds=chunk_seconds))
    names = ("piezo", "accelerometer", "imu", "force", "button")
    return [np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in names]


@pytest.fixture(scope="module")
def nights() -> list[RecordingPlan]:
    return [draw_plan(woman(n), seconds=8 * 3600, seed=n) for n in range(10)]


@pytest.fixture(scope="module")
def measured() -> list[SensorFigures]:
    """The sensors of four women, ten minutes each in one of the busiest weeks."""
    return [
        figures
        for n in range(4)
        for figures in measure_sensors(draw_plan(woman(n, 30), seconds=600, seed=40 + n))
    ]


@pytest.mark.parametrize(("week", "published"), [(24, 50), (28, 74), (40, 29)])
def test_a_fetus_moves_as_often_as_published_for_its_week(week, published):
    assert rate_at(week, nights=50) == pytest.approx(published, rel=0.15)


def test_evenings_are_busier_than_mornings():
    def rate(hour: int) -> float:
        plans = [
            draw_plan(woman(n), seconds=3600, seed=n, start=DEFAULT_START.replace(hour=hour))
            for n in range(40)
        ]
        return measure_plans(plans).movements_per_hour

    assert rate(22) > 1.5 * rate(9)


def test_a_night_has_bursts_and_quiet_periods(nights):
    figures = measure_plans(nights)
    assert 14 <= figures.longest_quiet_minutes <= 24
    assert 0.06 <= figures.moving_epochs <= 0.17
    assert 0.1 < figures.close_pairs < 0.3


def test_hiccups_are_as_rare_and_as_long_as_published():
    hours, rng = 8 * 400, np.random.default_rng(1)
    nights = [draw_bouts(woman(1), [], 8 * 3600, rng) for _ in range(400)]
    minutes = [(pulses[-1] - pulses[0]) / 60 for night in nights for pulses in night]
    assert 0.15 <= len(minutes) / hours <= 0.19
    assert 0.016 <= sum(minutes) / 60 / hours <= 0.024
    assert 1.3 < min(minutes) < max(minutes) < 21.1


def test_mothers_feel_half_and_press_for_nothing_and_twice(nights):
    figures = measure_plans(nights)
    assert figures.felt == pytest.approx(0.45, abs=0.05)
    assert figures.presses_without_movement == pytest.approx(0.30, abs=0.04)
    assert figures.presses_close == pytest.approx(0.25, abs=0.05)


def test_movements_are_as_strong_as_real_ones(measured):
    best = np.concatenate([figures.movement_sigmas[figures.best] for figures in measured])
    assert len(best) > 12
    low, middle, high = np.quantile(best, [0.1, 0.5, 0.9])
    assert low > 7
    assert 12 < middle < 35
    assert high < 70


def test_noise_is_as_loud_and_as_slow_as_real_noise(measured):
    piezo = [f for f in measured if f.sensor in ("sensor_3", "sensor_6")]
    acoustic = [f for f in measured if f.sensor in ("sensor_4", "sensor_5")]
    assert all(0.0018 <= figures.sigma_volts <= 0.0066 for figures in piezo)
    assert all(0.0002 <= figures.sigma_volts <= 0.00046 for figures in acoustic)
    assert np.median([f.below_4_hz for f in piezo]) == pytest.approx(0.775, abs=0.025)
    assert 15 < np.median([f.kurtosis for f in piezo]) < 100
    assert np.median([figures.peaks_per_minute for figures in measured]) < 1.2


def test_a_sensor_is_as_noisy_as_its_truth_says(measured):
    for n in range(4):
        for figures in measured[6 * n : 6 * n + 6]:
            told = woman(n, 30).sigma_volts(figures.sensor)
            assert figures.sigma_volts == pytest.approx(told, rel=0.25)


def test_the_sensors_that_see_a_movement_are_told_and_the_others_do_not():
    plan = draw_plan(woman(1, 28), seconds=1200, seed=3)
    told = ground_truth(plan)["sees"]
    found = {figures.sensor: figures.movement_sigmas for figures in measure_sensors(plan)}
    seen = [found[name][i] for i, names in enumerate(told) for name in names]
    unseen = [found[name][i] for i, names in enumerate(told) for name in set(found) - set(names)]
    assert len(told) == len(plan.kicks) > 8
    assert np.mean(np.array(seen) > 3) > 0.95
    assert np.mean(np.array(unseen) < 6) > 0.85


def test_some_movements_are_seen_by_one_sensor_alone_and_some_not_by_the_large_piezos(nights):
    seen = [set(plan.sees(kick)) for plan in nights[:6] for kick in plan.kicks]
    assert 0.05 < np.mean([len(names) == 1 for names in seen]) < 0.5
    assert 0.05 < np.mean([not names & {"sensor_3", "sensor_6"} for names in seen]) < 0.5
    assert np.mean([not names for names in seen]) < 0.05
    assert len({kick.kind for plan in nights[:6] for kick in plan.kicks}) == 4
    lengths = [kick.end - kick.start for plan in nights[:6] for kick in plan.kicks]
    assert 0.3 <= min(lengths) < max(lengths) <= 5


def test_a_sensor_that_is_off_sees_nothing(nights):
    for plan in nights:
        for start, end, name in plan.sensors_off:
            for kick in plan.kicks:
                if start < kick.end and kick.start < end:
                    assert name not in plan.sees(kick)


def test_every_nuisance_happens_and_is_told_with_its_time_and_sensors(nights):
    labels = [label for plan in nights for label in plan.nuisances]
    assert {label.kind for label in labels} >= NUISANCES
    assert all(label.sensors and label.start < label.end for label in labels)
    alone = {label.kind for label in labels if len(label.sensors) == 1}
    assert alone >= NUISANCES - {"walking", "loose_belt"}
    lost = draw_plan(woman(2), seconds=8 * 3600, seed=2, recording_format="v2")
    assert "lost_packets" in {label.kind for label in lost.nuisances}
    assert all({"sensor_3", "sensor_6"} >= set(label.sensors) for label in lost.nuisances)


def plan_with(kind: str, **options) -> tuple[RecordingPlan, list]:
    """Return a recording of nuisances alone that has one of this kind, and its labels."""
    for seed in range(300):
        plan = draw_plan(woman(seed % 7), seconds=900, seed=seed, movements=False, **options)
        found = [label for label in plan.nuisances if label.kind == kind]
        if found:
            return plan, found
    raise AssertionError(f"no {kind} in 300 recordings")


@pytest.mark.parametrize("kind", ["sensor_constant", "sensor_railed", "railed_samples"])
def test_a_sensor_shows_one_value_while_its_label_says_that_it_is_off(kind):
    plan, labels = plan_with(kind, recording_format="v2")
    piezo = counts_of(plan, 60)[0]
    column = piezo[:, 0 if labels[0].sensors == ("sensor_3",) else 3]
    inside = column[round(labels[0].start * 1024) + 1 : round(labels[0].end * 1024) - 1]
    assert len(np.unique(inside)) == 1
    assert kind == "sensor_constant" or int(inside[0]) in (0, 65535)
    assert len(np.unique(column)) > 100


@pytest.mark.parametrize("kind", ["maternal_pulse", "breath_click"])
def test_a_pulse_train_is_strong_on_its_one_sensor(kind):
    plan, (label, *_) = plan_with(kind)
    (sensor,) = label.sensors
    others = [other for other in plan.nuisances if other is not label and sensor in other.sensors]
    train = [w for w in plan.waveforms if label.start <= w.start < label.end
             and not any(o.start - 1 <= w.start <= o.end + 1 for o in others)]  # fmt: skip
    steps = np.diff([wave.start for wave in train])
    period = 1 / (plan.traits.heart_hz if kind == "maternal_pulse" else plan.traits.breathing_hz)
    assert label.end - label.start > 50
    assert np.median(steps) == pytest.approx(period, rel=0.25)


def test_a_recording_of_nuisances_alone_has_no_movement():
    plan = draw_plan(woman(3), seconds=3600, seed=9, movements=False)
    truth = ground_truth(plan)
    assert truth["kicks"] == truth["hiccup_bouts"] == truth["sees"] == []
    assert truth["nuisances"]
    assert {kind for _, _, kind in truth["presses"]} <= {"false", "movement"}


def test_a_lifelike_cohort_holds_a_recording_without_movements(tmp_path):
    synthesize_cohort(tmp_path, recordings=8, minutes=0.5, kind="lifelike", seed=2)
    truth = json.loads((tmp_path / "recording-008.truth.json").read_text())
    assert truth["kicks"] == []


def test_hiccups_are_uneven_and_on_more_than_one_sensor():
    plans = [draw_plan(woman(n), seconds=3600, seed=n) for n in range(40)]
    pulses = [p for plan in plans for p in plan.hiccup_pulses]
    assert len(pulses) > 4
    steps = np.concatenate([np.diff(p) for p in pulses])
    assert steps.min() >= 1.9
    assert 0.02 < np.mean(steps > 4.1) < 0.16
    plan = next(plan for plan in plans if plan.hiccup_pulses)
    times = set(plan.hiccup_pulses[0])
    waves = [wave for wave in plan.waveforms if wave.start in times]
    assert len({path.channel for path in waves[0].paths}) > 2
    strengths = np.array([wave.paths[0].volts for wave in waves])
    assert 0.03 < strengths.std() / strengths.mean() < 0.45


@pytest.mark.parametrize("kind", ["lifelike", "rich"])
@pytest.mark.parametrize("recording_format", ["v1", "v2"])
def test_the_counts_do_not_depend_on_the_size_of_the_chunks(kind, recording_format):
    traits = draw_subject("subject-03", seed=1, kind=kind)
    plan = draw_plan(traits, seconds=240, seed=4, recording_format=recording_format)
    assert plan.waveforms
    for whole, pieces in zip(counts_of(plan, 240), counts_of(plan, 7), strict=True):
        np.testing.assert_array_equal(whole, pieces)


def test_a_drifting_clock_shows_in_the_stamps_and_the_truth_follows_them(tmp_path):
    number = next(n for n in range(100) if abs(woman(n).clock_ppm) > 2000)
    plan = draw_plan(woman(number), seconds=60, seed=1, recording_format="v2")
    write_recording(tmp_path / "a.bin", plan)
    packets = np.frombuffer((tmp_path / "a.bin").read_bytes()[48:-4], np.uint8).reshape(-1, 424)
    last = int(packets[-1, 3:7].copy().view("<u4")[0])
    truth = ground_truth(plan)
    assert truth["seconds"] == pytest.approx(60 / (1 + plan.traits.clock_ppm * 1e-6))
    assert last == pytest.approx(1000 * truth["seconds"] - 62.5, abs=2)
    assert abs(last - 59_937.5) > 100
    assert "clock_drift" in {row[2] for row in truth["nuisances"]}


def test_a_cohort_says_which_kind_it_is(tmp_path):
    manifest = synthesize_cohort(tmp_path, recordings=1, minutes=0.5, kind="lifelike")
    assert load_manifest(manifest).kind == "lifelike"
    assert truth_of(tmp_path / "recording-001.dat")["kind"] == "lifelike"


def test_a_rich_cohort_has_close_pairs_weak_events_and_movements_that_large_piezos_miss():
    plans = [draw_plan(draw_subject(f"s{n}", seed=4), seconds=3600, seed=n) for n in range(8)]
    kicks = [kick for plan in plans for kick in plan.kicks]
    steps = np.concatenate([np.diff([kick.start for kick in plan.kicks]) for plan in plans])
    assert measure_plans(plans).movements_per_hour > 100
    assert 0.05 < np.mean((steps >= 1.7) & (steps <= 3.6)) < 0.3
    assert 0.05 < np.mean([kick.weak for kick in kicks]) < 0.3
    unseen = [not {"sensor_3", "sensor_6"} & set(plan.sees(k)) for plan in plans
              for k in plan.kicks if plan.sees(k)]  # fmt: skip
    assert 0.03 < np.mean(unseen) < 0.3


def test_a_week_outside_the_published_ones_is_refused():
    with pytest.raises(ValueError, match="between 24 and 40"):
        draw_subject("a", seed=1, kind="lifelike", gestational_week=12)
