"""Figures are honest: one event answers for one, chance stands beside, 0/0 is undefined."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from femo_signal.detection.chance import circular_shifts, joined
from femo_signal.learning.curves import average_precision, reliability
from femo_signal.learning.evaluation import summarize_outcomes
from femo_signal.learning.evaluation_files import write_evaluation
from femo_signal.learning.matching import chance_hits, chance_of_meeting, match_one_to_one
from femo_signal.learning.outcomes import RecordingOutcome
from femo_signal.learning.scoring import Counts, metrics_of


def rows(*pairs):
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def outcome(detections, accepted, reference, *, labels=None, probability=None, group="A"):
    accepted = np.array(accepted, dtype=bool)
    return RecordingOutcome(
        recording_id=f"recording {group}",
        group=group,
        subject_id=group,
        label_source="annotations",
        detections=detections,
        labels=np.array(accepted if labels is None else labels, dtype=np.int8),
        probability=accepted.astype(float) if probability is None else np.array(probability),
        accepted=accepted,
        reference=reference,
        judged=rows((0, 1800 * 1024)),
    )


def test_one_detection_answers_for_one_event_only():
    assert match_one_to_one(rows((0, 100)), rows((10, 20), (30, 40))).tolist() == [0]


def test_one_event_is_answered_by_one_detection_only():
    assert sorted(match_one_to_one(rows((0, 10), (12, 20)), rows((5, 15)))) == [-1, 0]


def test_touching_is_not_overlapping():
    assert match_one_to_one(rows((0, 10)), rows((10, 20))).tolist() == [-1]


def test_the_matching_is_the_largest_possible():
    rng = np.random.default_rng(0)
    for _ in range(200):
        edges = np.sort(rng.choice(40, 8, replace=False))
        found = edges.reshape(-1, 2)
        start = rng.integers(0, 38, 4)
        reference = np.column_stack((start, start + rng.integers(1, 15, 4)))
        overlap = (found[:, None, 0] < reference[None, :, 1]) & (
            reference[None, :, 0] < found[:, None, 1]
        )
        best = max(
            sum(overlap[row, column] for row, column in enumerate(order))
            for order in itertools.permutations(range(4))
        )
        assert (match_one_to_one(found, reference) >= 0).sum() == best


def test_undefined_figures_are_none_and_not_a_crash():
    figures = metrics_of(Counts(), analysed_seconds=0.0)
    for name in ("f1", "precision", "sensitivity", "specificity", "accuracy", "pabak"):
        assert figures[name] is None
    assert figures["false_detections_per_hour"] is None
    assert figures["count_bias"] is None


def test_figures_follow_from_their_counts():
    figures = metrics_of(Counts(6, 2, 8, 4), analysed_seconds=7200)
    assert figures["sensitivity"] == 0.6
    assert figures["precision"] == 0.75
    assert figures["specificity"] == 0.8
    assert figures["f1"] == pytest.approx(2 / 3)
    assert figures["pabak"] == pytest.approx(2 * 0.7 - 1)
    assert figures["false_detections_per_hour"] == 1
    assert figures["count_bias"] == pytest.approx(-0.2)


def test_chance_is_high_for_a_busy_detector_and_low_for_a_shy_one():
    presses = rows(*((k, k + 10) for k in range(0, 1000, 50)))
    busy = rows(*((k, k + 10) for k in range(0, 1000, 15)))
    assert chance_of_meeting(busy, presses, judged=rows((0, 1000)), seed=0) > 0.95
    shy = rows((100, 102))
    assert chance_of_meeting(shy, presses, judged=rows((0, 1000)), seed=0) < 0.05
    assert chance_of_meeting(rows(), presses, judged=rows((0, 1000)), seed=0) == 0
    assert chance_of_meeting(busy, rows(), judged=rows((0, 1000)), seed=0) is None


def test_chance_matches_one_to_one_in_every_shift():
    rng = np.random.default_rng(3)
    judged = rows((100, 400), (500, 1000))
    start = np.sort(rng.choice(np.arange(100, 1000, 20), 15, replace=False))
    found = np.column_stack((start, start + rng.integers(3, 15, 15)))
    start = rng.integers(100, 990, 12)
    reference = np.column_stack((start, start + rng.integers(5, 60, 12)))
    expected = [
        (match_one_to_one(joined(found, judged), shifted) >= 0).sum()
        for shifted in circular_shifts(joined(reference, judged), judged, seed=4)
    ]
    assert chance_hits(found, reference, judged=judged, seed=4).tolist() == expected


def test_chance_stands_beside_sensitivity_and_f1_everywhere():
    good = outcome(rows((0, 10), (20, 30)), [1, 0], rows((5, 8)), group="A")
    evaluation = summarize_outcomes([good], method="test", baseline=[good])
    tables = [evaluation.metrics, evaluation.accept_all, evaluation.baseline]
    for table in [*tables, *evaluation.per_recording, *evaluation.per_group]:
        for name in ("sensitivity", "f1"):
            assert 0 <= table[f"chance_{name}"] <= table[f"chance_{name}_upper"] <= 1


def test_average_precision_of_a_perfect_and_of_a_useless_ranking():
    labels = np.array([1, 0, 1, 0], dtype=np.int8)
    assert average_precision(np.array([0.9, 0.1, 0.8, 0.2]), labels) == 1
    assert average_precision(np.full(4, 0.5), labels) == 0.5
    assert average_precision(np.ones(2), np.ones(2, dtype=np.int8)) is None


def test_reliability_shows_predicted_beside_observed():
    table = reliability(np.array([0.05, 0.95, 0.99, 1.0]), np.array([0, 1, 0, 1], dtype=np.int8))
    assert [row["count"] for row in table] == [1, 3]
    assert table[1]["observed"] == pytest.approx(2 / 3)


def test_an_evaluation_is_json_without_nan_even_when_nothing_was_found():
    empty = outcome(rows(), [], rows())
    evaluation = summarize_outcomes([empty], method="test")
    parsed = json.loads(evaluation.to_json())
    assert parsed["metrics"]["f1"] is None
    for name in ("chance_sensitivity", "chance_f1", "chance_f1_upper"):
        assert parsed["metrics"][name] is None
    assert "recording A" in evaluation.per_recording_csv()


def test_recordings_add_up_and_subjects_are_shown_apart():
    good = outcome(rows((0, 10), (20, 30)), [1, 0], rows((5, 8)), group="A")
    bad = outcome(rows((0, 10), (20, 30)), [1, 1], rows((50, 60)), group="B")
    evaluation = summarize_outcomes([good, bad], method="test")
    assert evaluation.metrics["true_positive"] == 1
    assert evaluation.metrics["false_positive"] == 2
    assert evaluation.metrics["true_negative"] == 1
    assert evaluation.metrics["false_negative"] == 1
    assert evaluation.metrics["analysed_hours"] == 1
    assert evaluation.group_spread["f1"]["maximum"] == 1
    assert evaluation.group_spread["f1"]["minimum"] == 0
    assert evaluation.accept_all["false_positive"] == 3


def test_an_evaluation_is_written_with_its_figures_and_picture(tmp_path):
    row = outcome(rows((0, 10), (20, 30)), [1, 0], rows((5, 8)))
    write_evaluation(summarize_outcomes([row], method="test"), tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["evaluation.json", "evaluation.png", "metrics.json", "per_recording.csv"]
    pooled = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert pooled["metrics"]["f1"] == 1
