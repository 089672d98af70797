"""The synthetic cohort is plausible, repeatable, and readable by our own readers."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from femo_signal.intervals import as_intervals, overlapping
from femo_signal.manifest import load_manifest
from femo_signal.profile import build_profile
from femo_signal.synthetic import KICK_FIELDS, draw_plan, draw_subject, synthesize_cohort

from .conftest import ticks, truth_of


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.mark.parametrize("recording_format", ["v1", "v2"])
def test_the_same_seed_writes_the_same_bytes(tmp_path, recording_format):
    for name in ("a", "b"):
        synthesize_cohort(
            tmp_path / name, recordings=2, minutes=1, recording_format=recording_format, seed=5
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
    assert a.noise_volts != b.noise_volts
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
    starts = np.array([kick[0] for kick in plan.kicks])
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
        assert np.mean(steps > 4.1) < 0.1  # a pulse is missing now and then


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
