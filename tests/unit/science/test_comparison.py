"""A gain is one only on the same recordings, and with its interval beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from femo_cli.compare import comparison_lines
from femo_signal.errors import ModelError
from femo_signal.intervals import as_intervals
from femo_signal.learning.comparison import _on_common_time, compare_models
from femo_signal.learning.dataset import Dataset
from femo_signal.learning.gain import LEAST_UNSEEN, gain_over
from femo_signal.learning.outcomes import RecordingOutcome, model_outcomes
from femo_signal.learning.provenance import TrainedKeys
from femo_signal.learning.scoring import paired_differences
from femo_signal.settings import AnalysisSettings

TRUE = as_intervals([[1000 * k, 1000 * k + 500] for k in range(1, 21)])


def silent(model):
    """The model without a word of what it was trained on."""
    return replace(model, record=None, card=model.card.model_copy(update={"trained_on": None}))


def decided(share, *, subjects=8, seed=1, group=None):
    """Of twenty movements a subject, each is accepted with this probability."""
    random = np.random.default_rng(seed)
    found = []
    for subject in range(subjects):
        accepted = random.random(len(TRUE)) < share
        found.append(
            RecordingOutcome(
                recording_id=f"r{subject}",
                group=group or f"s{subject}",
                subject_id=f"s{subject}",
                label_source="annotations",
                detections=TRUE,
                labels=np.ones(len(TRUE), dtype=np.int8),
                probability=accepted.astype(float),
                accepted=accepted,
                reference=TRUE,
                judged=as_intervals([[0, 30_000]]),
            )
        )
    return found


def test_a_model_gains_nothing_over_itself(dataset, model):
    gain = gain_over(dataset, model_outcomes(dataset, model), model)
    assert (gain["f1"], gain["low"], gain["high"]) == (0, 0, 0)
    assert (gain["recordings"], gain["subjects"]) == (6, 3)
    assert gain["status"] == "compared"


def test_a_gain_says_how_many_recordings_the_model_in_service_had_seen(dataset, model):
    outcomes = model_outcomes(dataset, model)
    assert gain_over(dataset, outcomes, model)["recordings_seen_by_serving"] == 6
    packed = replace(model, record=None)
    assert gain_over(dataset, outcomes, packed)["recordings_seen_by_serving"] == 6
    gain = gain_over(dataset, outcomes, silent(model))
    assert gain["recordings_seen_by_serving"] is None
    assert gain["compared_on"] == "not_known"


def learnt(model, recordings):
    """The model as it is packed, as if these of the dataset's recordings were all it learnt."""
    keys = TrainedKeys.of(
        [(one.content_sha256, one.fingerprint) for one in recordings],
        [one.subject_id for one in recordings],
        salt=model.card.trees_sha256,
    )
    return replace(model, card=model.card.model_copy(update={"trained_on": keys}), record=None)


def each_of_another_woman(dataset):
    return Dataset(
        tuple(
            replace(one, subject_id=f"woman-{number}")
            for number, one in enumerate(dataset.recordings)
        )
    )


def test_a_model_in_service_is_not_favoured_by_recordings_that_it_has_learnt(dataset, model):
    women = each_of_another_woman(dataset)
    ours = model_outcomes(women, model)
    # Where it has learnt, the new method finds nothing: a loss that only the learnt ones show.
    ours[:2] = [replace(one, accepted=np.zeros_like(one.accepted)) for one in ours[:2]]
    flattered = gain_over(women, ours, silent(model))
    assert flattered["f1"] < 0
    gain = gain_over(women, ours, learnt(model, women.recordings[:2]))
    assert gain["compared_on"] == "unseen"
    assert (gain["recordings"], gain["subjects"]) == (4, 4)
    assert gain["recordings_seen_by_serving"] == 2
    assert (gain["f1"], gain["low"], gain["high"]) == (0, 0, 0)


def test_a_woman_whom_the_model_in_service_knows_by_another_recording_is_no_new_one(dataset, model):
    women = each_of_another_woman(dataset)
    twice = Dataset((*women.recordings[:5], replace(women.recordings[5], subject_id="woman-0")))
    gain = gain_over(twice, model_outcomes(twice, model), learnt(model, twice.recordings[:1]))
    assert gain["recordings_seen_by_serving"] == 2
    assert (gain["compared_on"], gain["recordings"]) == ("unseen", 4)
    renamed = [replace(one, subject_id=f"then-{one.subject_id}") for one in twice.recordings[:1]]
    gain = gain_over(twice, model_outcomes(twice, model), learnt(model, renamed))
    assert gain["recordings_seen_by_serving"] == 2


def test_a_comparison_with_too_few_new_women_takes_all_and_says_that_it_favours_one(dataset, model):
    women = each_of_another_woman(dataset)
    outcomes = model_outcomes(women, model)
    for known in (6 - LEAST_UNSEEN + 1, 6):
        gain = gain_over(women, outcomes, learnt(model, women.recordings[:known]))
        assert gain["compared_on"] == "too_few_unseen"
        assert (gain["recordings"], gain["recordings_seen_by_serving"]) == (6, known)
        assert gain["status"] == "compared"
        assert f"{known} of the 6 recordings" in gain["explanation"]


def test_nobody_reads_from_a_packed_model_whom_it_learnt_from(dataset, model):
    text = model.card.model_dump_json()
    for one in dataset.recordings:
        assert f'"{one.subject_id}"' not in text
        assert one.recording_id not in text
        assert one.fingerprint not in text
    keys = model.card.trained_on
    other = TrainedKeys.of([("a" * 64,)], ["s1"], salt="another model")
    same = TrainedKeys.of([("a" * 64,)], ["s1"], salt="this model")
    assert not set(other.recordings) & set(same.recordings)
    assert not set(other.subjects) & set(same.subjects)
    assert (keys.count, len(keys.subjects)) == (6, 3)


def test_models_of_other_settings_are_not_compared_on_features_that_are_not_theirs(dataset, model):
    outcomes = model_outcomes(dataset, model)
    other = AnalysisSettings(method="reference" if dataset.settings.method == "adaptive"
                             else "adaptive")  # fmt: skip
    elsewhere = Dataset(tuple(replace(r, settings=other) for r in dataset.recordings))
    gain = gain_over(elsewhere, outcomes, model)
    assert gain["status"] == "other_settings"
    assert gain["f1"] is gain["low"] is gain["high"] is None


def test_the_interval_of_a_gain_holds_the_sure_one_above_nothing():
    gain = paired_differences(decided(0.9), decided(0.5, seed=2), seed=0)
    assert gain["f1"]["low"] > 0
    assert gain["f1"]["low"] < gain["f1"]["difference"] < gain["f1"]["high"]
    assert gain["sensitivity"]["low"] > 0
    assert gain["precision"] == {"difference": 0, "low": 0, "high": 0}


def test_many_recordings_of_one_subject_do_not_make_a_gain_sure():
    gain = paired_differences(decided(0.9, group="s"), decided(0.5, seed=2, group="s"), seed=0)
    assert gain["f1"]["difference"] > 0
    assert gain["f1"]["low"] is gain["f1"]["high"] is None


@pytest.mark.parametrize("percent", [50.0, 90.0])
def test_a_surer_interval_is_a_wider_one(percent):
    def width(share):
        row = paired_differences(decided(0.9), decided(0.6, seed=2), seed=0, percent=share)["f1"]
        return row["high"] - row["low"]

    assert width(percent) < width(95.0)


def told_of(model, recordings):
    """The model as if it had been trained on these of its recordings alone."""
    kept = model.record.model_copy(update={"recordings": tuple(recordings)})
    return replace(model, record=kept)


def test_models_are_compared_on_subjects_that_neither_has_seen_and_the_others_are_told(
    dataset, model
):
    by_subject = {one.subject_id: one for one in model.record.recordings}
    first, second, third = sorted(by_subject)
    ours = told_of(model, [by_subject[first]])
    theirs = told_of(model, [by_subject[second]])
    comparison = compare_models(dataset, ours, dataset, theirs).to_dict()
    assert {row["subject"] for row in comparison["recordings"]} == {third}
    assert len(comparison["recordings"]) + len(comparison["left_out"]) == 6
    reasons = {row["reason"] for row in comparison["left_out"]}
    assert reasons == {
        f"the {name} model was trained on it or on its subject" for name in ("first", "second")
    }
    assert comparison["differences"]["f1"]["difference"] == 0
    assert comparison["first"]["metrics"]["chance_f1"] is not None


def test_a_model_trained_on_exactly_these_recordings_is_tested_out_of_fold(dataset, model):
    comparison = compare_models(dataset, model, dataset, silent(model)).to_dict()
    assert comparison["first"]["tested"] == "out of fold"
    assert comparison["second"]["tested"] == "as it is"
    assert comparison["first"]["metrics"]["f1"] == pytest.approx(model.card.metrics["f1"])
    assert not comparison["left_out"]
    assert any("second model" in notice and "not known" in notice
               for notice in comparison["notices"])  # fmt: skip
    text = "\n".join(comparison_lines(comparison))
    for part in ("out of fold", "by chance", "6 recordings of 3 subjects"):
        assert part in text


def test_nothing_unseen_is_refused_with_what_to_give_instead(dataset, model):
    part = Dataset(dataset.recordings[:3])
    with pytest.raises(ModelError, match=r"neither model has seen.*other subjects") as caught:
        compare_models(part, model, part, model)
    assert caught.value.code == "nothing_unseen"


def test_models_that_trim_or_judge_differently_are_scored_on_the_same_moments():
    (ours,) = decided(1.0, subjects=1)
    later = 700  # the second cuts so many more ticks off at each end, and misses some time
    theirs = replace(
        ours,
        detections=ours.detections - later,
        reference=ours.reference - later,
        judged=as_intervals([[0, 10_000 - later]]),
    )
    first, second = _on_common_time(ours, theirs, 30_000, 30_000 - 2 * later)
    assert first.judged.tolist() == second.judged.tolist() == [[700, 10_000]]
    assert first.detections.tolist() == second.detections.tolist()
    assert len(first.reference) == len(second.reference) == 9
