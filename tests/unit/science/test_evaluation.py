"""Figures are honest: one event answers for one, chance stands beside, 0/0 is undefined."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from femo_cli.evaluation_table import evaluation_lines
from femo_cli.main import femo
from femo_result.words import RESEARCH_USE
from femo_signal.detection.chance import circular_shifts, joined
from femo_signal.learning.curves import average_precision, reliability
from femo_signal.learning.dataset import Dataset
from femo_signal.learning.evaluation import summarize_outcomes
from femo_signal.learning.evaluation_files import write_evaluation
from femo_signal.learning.matching import chance_hits, chance_of_meeting, match_one_to_one, widened
from femo_signal.learning.outcomes import RecordingOutcome, outcome_of
from femo_signal.learning.scoring import Counts, metrics_of


def rows(*pairs):
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def outcome(detections, accepted, reference, *, labels=None, probability=None, group="A", **facts):
    accepted = np.array(accepted, dtype=bool)
    return RecordingOutcome(
        recording_id=f"recording {group}",
        group=group,
        subject_id=group,
        label_source=facts.pop("label_source", "annotations"),
        detections=detections,
        labels=np.array(accepted if labels is None else labels, dtype=np.int8),
        probability=accepted.astype(float) if probability is None else np.array(probability),
        accepted=accepted,
        reference=reference,
        judged=rows((0, 1800 * 1024)),
        **facts,
    )


def seconds(*pairs):
    return (np.array(pairs).reshape(-1, 2) * 1024).astype(np.int64)


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


def test_an_evaluation_is_written_with_its_figures(tmp_path):
    row = outcome(rows((0, 10), (20, 30)), [1, 0], rows((5, 8)))
    write_evaluation(summarize_outcomes([row], method="test"), tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["evaluation.json", "metrics.json", "per_recording.csv"]
    pooled = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert pooled["metrics"]["f1"] == 1
    assert "f1_low" not in pooled["metrics"]  # of one subject there is no interval


def test_the_figures_that_a_model_package_keeps_have_their_intervals(tmp_path):
    subjects = [
        outcome(rows((0, 10), (20, 30)), [1, wrong], rows((5, 8)), group=f"s{wrong}")
        for wrong in (0, 1)
    ]
    evaluation = summarize_outcomes(subjects, method="test")
    write_evaluation(evaluation, tmp_path / "out")
    kept = json.loads((tmp_path / "out" / "metrics.json").read_text())["metrics"]
    interval = evaluation.intervals["precision"]
    assert interval["low"] < interval["high"]
    assert (kept["precision_low"], kept["precision_high"]) == (interval["low"], interval["high"])
    # The training machine keeps this many of them, as SageMaker takes no more.
    assert len(kept) <= 38


@pytest.mark.parametrize("found", [[], [(0, 10), (20, 30)]])
def test_an_evaluation_from_another_machine_is_shown_and_drawn_as_it_was(tmp_path, found):
    row = outcome(rows(*found), [True] * len(found), rows((5, 8)))
    evaluation = summarize_outcomes([row], method="test")
    path, picture = tmp_path / "evaluation.json", tmp_path / "e.svg"
    path.write_text(evaluation.to_json())
    done = CliRunner().invoke(femo, ["evaluation", str(path), "--plot", str(picture)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == evaluation_lines(json.loads(path.read_text()))
    assert "Calibration" in picture.read_text()
    assert RESEARCH_USE in picture.read_text()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no JSON", "JSON"),
        ('{"metrics": {}}', "method"),
        ('{"schema_version": 2}', "method"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_evaluation_is_refused_in_one_line_and_leaves_no_picture(tmp_path, text, why):
    path = tmp_path / "evaluation.json"
    if text is not None:
        path.write_text(text)
    done = CliRunner().invoke(femo, ["evaluation", str(path), "--plot", str(tmp_path / "e.png")])
    assert done.exit_code == 2
    assert why in done.stderr
    assert not (tmp_path / "e.png").exists()


def test_an_evaluation_without_a_figure_that_is_shown_is_refused(tmp_path):
    whole = summarize_outcomes([outcome(rows(), [], rows())], method="test").to_dict()
    for name in ("metrics", "ceiling"):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({**whole, name: {}}))
        done = CliRunner().invoke(femo, ["evaluation", str(path)])
        assert done.exit_code == 2
        assert "no evaluation that this version can show" in done.stderr


def test_a_movement_five_seconds_before_a_press_answers_for_it_in_the_wide_windows_alone():
    pressed = outcome(
        seconds((5, 6)),
        [1],
        widened(seconds((10.5, 11)), "-3/+2 s"),
        label_source="presses",
    )
    evaluation = summarize_outcomes([pressed], method="test")
    assert evaluation.metrics["sensitivity"] == 0
    assert evaluation.per_recording[0]["window"] == "-3/+2 s"
    found = {window: row["sensitivity"] for window, row in evaluation.windows.items()}
    assert found == {"overlap": 0, "-3/+2 s": 0, "-5/+2 s": 1, "-5/+5 s": 1}


def test_annotated_movements_are_answered_by_what_overlaps_them():
    near = outcome(seconds((5, 6)), [1], seconds((7, 8)))
    evaluation = summarize_outcomes([near], method="test")
    assert evaluation.metrics["f1"] == evaluation.windows["overlap"]["f1"] == 0
    assert evaluation.windows["-3/+2 s"]["f1"] == 1


def test_the_windows_of_a_press_are_those_around_the_press_and_not_around_its_label(dataset):
    half = round(dataset.settings.sensation.window_seconds * 1024)
    press = seconds((100, 101))
    pressed = replace(
        dataset.recordings[0], label_source="presses", reference=press + np.array([-half, half])
    )
    alone = Dataset((pressed,))
    made = outcome_of(alone, 0, np.zeros(len(pressed.labels)), 0.5)
    assert made.reference.tolist() == seconds((97, 103)).tolist()
    assert made.within("overlap").reference.tolist() == press.tolist()


def test_every_miss_has_its_cause_and_they_add_up():
    night = outcome(
        seconds((10, 12), (20, 21), (30, 31), (60, 61)),
        [1, 0, 0, 1],
        seconds((10, 10.5), (11, 11.5), (20, 21), (30, 31), (40, 41), (50, 51)),
        hiccup_bouts=seconds((28, 35)),
        dismissed=seconds((40, 41)),
        unjudged_reference=seconds((3000, 3001), (3010, 3011)),
    )
    evaluation = summarize_outcomes([night], method="test")
    assert evaluation.misses == {
        "not_judged": 2,
        "merged": 1,
        "rejected": 2,
        "taken_for_hiccup": 1,
        "no_candidate": 1,
        "reference_events": 8,
        "sensitivity_of_all_events": 1 / 8,
    }
    row = evaluation.per_recording[0]
    missed = [count for name, count in row.items() if name.startswith("missed_")]
    assert sum(missed) == row["false_negative"] + 2


def test_no_classifier_is_asked_for_what_was_never_a_candidate():
    night = outcome(seconds((10, 11), (20, 21)), [0, 1], seconds((10, 11), (40, 41)))
    best = summarize_outcomes([night], method="test").ceiling
    assert best["sensitivity"] == 0.5
    assert best["f1"] == pytest.approx(2 / 3)
    assert 0 <= best["chance_sensitivity"] < 0.1


def test_two_kinds_of_sensor_agree_only_where_two_kinds_see_it():
    found = seconds((10, 11), (20, 21), (30, 31))
    seen = {"piezo": found, "acoustic": found[:1]}
    night = outcome(found, [1, 1, 1], found[:2], seen_by_kind=seen)
    row = summarize_outcomes([night], method="test").baselines["two_kinds"]
    assert (row["true_positive"], row["false_positive"], row["false_negative"]) == (1, 0, 1)
    alone = outcome(found, [1, 1, 1], found[:2], seen_by_kind={"piezo": found})
    assert summarize_outcomes([alone], method="test").baselines["two_kinds"] is None


def test_with_hiccups_taken_out_their_time_is_neither_judged_nor_missed():
    night = outcome(
        seconds((10, 11), (110, 111), (120, 121)),
        [1, 1, 1],
        seconds((10, 11), (115, 116)),
        hiccup_time=seconds((100, 200)),
    )
    evaluation = summarize_outcomes([night], method="test")
    assert evaluation.metrics["false_positive"] == 2
    removed = evaluation.hiccups_removed
    assert (removed["true_positive"], removed["false_positive"]) == (1, 0)
    assert removed["false_negative"] == 0
    assert removed["misses"]["not_judged"] == 1
    assert removed["analysed_hours"] == pytest.approx(1700 / 3600)


def test_a_press_beside_a_bout_is_not_judged_where_hiccups_are_taken_out():
    pressed = outcome(
        seconds((5, 6)),
        [1],
        widened(seconds((10, 11), (98, 99)), "-3/+2 s"),
        label_source="presses",
        hiccup_time=seconds((100, 200)),
    )
    assert len(pressed.without_hiccups().reference) == 1


def test_one_subject_alone_has_no_interval_and_several_have_one():
    def told(groups):
        nights = [
            outcome(seconds((10, 11), (20, 21)), [1, k % 2], seconds((10, 11), (20, 21)), group=g)
            for k, g in enumerate(groups)
        ]
        return summarize_outcomes(nights, method="test", seed=1)

    assert told("AAAA").intervals["f1"] == {"low": None, "high": None}
    several = told("ABCD")
    low, high = several.intervals["f1"].values()
    assert low < several.metrics["f1"] < high
    assert several.intervals == told("ABCD").intervals
    for row in several.windows.values():
        assert set(row["intervals"]["sensitivity"]) == {"low", "high"}


@pytest.mark.parametrize(("given", "share"), [(None, None), ((1.0, 3.0), 0.5)])
def test_coverage_is_the_share_of_recordings_whose_true_count_the_interval_holds(given, share):
    found = seconds((10, 11), (20, 21), (30, 31), (40, 41), (50, 51))
    nights = [
        outcome(found, [1] * 5, found[:many], group=str(many), count_interval=given)
        for many in (2, 5)
    ]
    pressed = outcome(
        found, [1] * 5, found, group="P", count_interval=given, label_source="presses"
    )
    evaluation = summarize_outcomes([*nights, pressed], method="test")
    assert evaluation.metrics["count_interval_coverage"] == share


def test_counts_are_compared_with_annotations_and_not_with_presses_where_there_are_both():
    found = seconds((10, 11), (20, 21))
    pressed = outcome(found, [1, 1], found[:1], group="P", label_source="presses")
    night = outcome(found, [1, 1], found[:1], group="A")
    both = summarize_outcomes([night, pressed], method="test").agreement_of_counts
    assert [point["recording"] for point in both["points"]] == ["recording A"]
    assert (both["bias"], both["low"], both["high"]) == (1, None, None)


def test_the_threshold_is_marked_where_it_lies_on_the_curve():
    found = seconds((10, 11), (20, 21), (30, 31), (40, 41))
    night = outcome(
        found,
        [1, 1, 1, 0],
        found[:2],
        labels=[1, 1, 0, 0],
        probability=[0.9, 0.8, 0.7, 0.2],
        threshold=0.5,
    )
    curve = summarize_outcomes([night], method="test").precision_recall
    assert curve["accepted"]["threshold_low"] == curve["accepted"]["threshold_high"] == 0.5
    assert curve["accepted"]["precision"] == pytest.approx(2 / 3)
    assert curve["accepted"]["recall"] == 1
    at = next(point for point in curve["points"] if point["threshold"] == 0.8)
    assert (at["precision"], at["recall"]) == (1, 1)


def test_the_printed_table_shows_chance_intervals_windows_and_misses():
    nights = [
        outcome(seconds((10, 11), (20, 21)), [1, k % 2], seconds((10, 11), (20, 21)), group=g)
        for k, g in enumerate("ABC")
    ]
    text = "\n".join(evaluation_lines(summarize_outcomes(nights, method="test").to_dict()))
    for part in ("by chance", "95 % over subjects", "-3/+2 s", "never a candidate", "perfect"):
        assert part in text
    assert "linear model" not in text  # there was none
