"""Training keeps test data apart, repeats to the byte, and says what it cannot do."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from femo_signal.calibration import best_threshold, correct_for_presses, fit_calibration
from femo_signal.dataset import Dataset, prepare_dataset
from femo_signal.errors import ModelError
from femo_signal.model import Calibration
from femo_signal.settings import AnalysisSettings
from femo_signal.training import Hyperparameters, _split, evaluate_model, train_model


def with_labels(dataset, label):
    return Dataset(
        tuple(replace(r, labels=np.full_like(r.labels, label)) for r in dataset.recordings)
    )


def test_training_twice_gives_the_same_bytes(tmp_path, dataset, model, model_folder):
    shuffled = prepare_dataset(list(reversed(dataset.recordings)))
    train_model(shuffled).save(tmp_path, with_record=True)
    for name in ("model.txt", "model.json", "training.json"):
        assert (tmp_path / name).read_bytes() == (model_folder / name).read_bytes()


def test_no_subject_is_in_two_folds(dataset):
    folds = _split(dataset, range(len(dataset.recordings)), 8)
    names = dataset.group_names
    assert sorted(k for _, test in folds for k in test) == list(range(len(dataset.recordings)))
    for train, test in folds:
        assert not {names[k] for k in train} & {names[k] for k in test}
    assert len(folds) == 3  # leave one of three subjects out


def test_recordings_are_the_groups_where_no_subject_is_named(dataset):
    nameless = Dataset(tuple(replace(r, subject_id=None) for r in dataset.recordings))
    assert len(_split(nameless, range(6), 8)) == 6
    assert evaluate_model(nameless).method.endswith("by recording")


def test_one_subject_alone_is_split_by_recording_and_told(dataset):
    single = Dataset(tuple(replace(r, subject_id="S") for r in dataset.recordings))
    evaluation = evaluate_model(single)
    assert "by recording" in evaluation.method
    assert any("one subject" in notice for notice in evaluation.notices)


def test_the_model_beats_accepting_everything_out_of_fold(model):
    metrics, everything = model.metadata["metrics"], model.metadata["evaluation"]["accept_all"]
    assert metrics["f1"] > everything["f1"]
    assert metrics["precision"] > 0.9
    assert metrics["false_detections_per_hour"] < everything["false_detections_per_hour"] / 5
    assert metrics["chance_sensitivity"] < metrics["sensitivity"]
    assert model.metadata["evaluation"]["baseline"]["f1"] > everything["f1"]


def test_presses_alone_train_a_model_that_rejects_hiccups(cohort, dataset):
    from femo_signal.labels import extract_recording

    pressed = prepare_dataset(
        [
            extract_recording(
                cohort.parent / r.recording_id,
                recording_id=r.recording_id,
                subject_id=r.subject_id,
            )
            for r in dataset.recordings
        ]
    )
    accepted = train_model(pressed)
    chosen = accepted.predict_proba(dataset.features) >= accepted.threshold
    truth = dataset.labels == 1
    assert chosen[truth].mean() > 0.6
    assert chosen[~truth].mean() < 0.2


@pytest.mark.parametrize(("label", "word"), [(0, "false"), (1, "true")])
def test_one_class_only_is_refused_with_what_to_do(dataset, label, word):
    with pytest.raises(ModelError, match=f"labelled {word}.*add recordings") as caught:
        train_model(with_labels(dataset, label))
    assert caught.value.code == "one_class_only"


def test_one_recording_is_refused(dataset):
    with pytest.raises(ModelError, match="one recording is not enough"):
        train_model(Dataset(dataset.recordings[:1]))


def test_too_few_detections_are_refused(dataset):
    few = Dataset(
        tuple(
            replace(r, features=r.features[:3], labels=r.labels[:3], detections=r.detections[:3])
            for r in dataset.recordings[:2]
        )
    )
    with pytest.raises(ModelError, match="only 6 detections"):
        train_model(few)


def test_a_recording_without_detections_does_no_harm(dataset):
    first = dataset.recordings[0]
    silent = replace(
        first,
        recording_id="silent",
        features=first.features[:0],
        labels=first.labels[:0],
        detections=first.detections[:0],
    )
    evaluation = evaluate_model(Dataset((*dataset.recordings, silent)))
    row = next(r for r in evaluation.per_recording if r["recording"] == "silent")
    assert row["detections"] == 0
    assert row["precision"] is None


def test_two_recordings_are_enough(dataset):
    model = train_model(Dataset(dataset.recordings[1:3]))
    assert 0 < model.threshold < 1


def test_recordings_of_other_settings_do_not_mix(dataset):
    other = AnalysisSettings.model_validate({"detection": {"noise_multiplier": 30.0}})
    changed = replace(dataset.recordings[0], settings=other)
    with pytest.raises(ModelError, match="different settings"):
        prepare_dataset([changed, *dataset.recordings[1:]])


def test_an_evaluation_of_a_model_tells_when_it_knows_the_recordings(dataset, model):
    evaluation = evaluate_model(dataset, model=model)
    assert any("trained on 6 of these 6" in notice for notice in evaluation.notices)


def test_a_model_of_other_settings_is_not_evaluated(dataset, model):
    other = AnalysisSettings.model_validate({"detection": {"noise_multiplier": 30.0}})
    changed = Dataset(tuple(replace(r, settings=other) for r in dataset.recordings))
    with pytest.raises(ModelError, match="other settings"):
        evaluate_model(changed, model=model)


def test_hyperparameters_are_understood_as_text_and_checked():
    chosen = Hyperparameters.parse({"num_iterations": "50", "learning_rate": "0.1"})
    assert (chosen.num_iterations, chosen.learning_rate) == (50, 0.1)
    assert Hyperparameters.parse(Hyperparameters(num_leaves=9)).num_leaves == 9
    with pytest.raises(ModelError, match=r"bushes.*known are num_iterations"):
        Hyperparameters.parse({"bushes": 3})
    for name, value in (("num_iterations", 0), ("learning_rate", "nan"), ("lambda_l2", "1e999")):
        with pytest.raises(ModelError, match=name):
            Hyperparameters.parse({name: value})


def test_a_dataset_survives_the_disk(tmp_path, dataset):
    dataset.save(tmp_path)
    again = Dataset.load(tmp_path)
    np.testing.assert_array_equal(again.features, dataset.features)
    assert again.group_names == dataset.group_names
    assert json.loads((tmp_path / "dataset.json").read_text())["schema_version"] == 1


def test_a_folder_without_a_dataset_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no dataset"):
        Dataset.load(tmp_path)


def test_calibration_maps_scores_to_observed_shares():
    rng = np.random.default_rng(1)
    truth = rng.random(4000)
    labels = (rng.random(4000) < truth).astype(np.int8)
    raw = truth**2 / (truth**2 + (1 - truth) ** 2)  # overconfident scores
    for size in (400, 4000):
        curve = fit_calibration(raw[:size], labels[:size])
        assert np.abs(curve(raw) - truth).mean() < 0.06


def test_a_threshold_separates_what_can_be_separated():
    probability = np.array([0.05, 0.1, 0.15, 0.8, 0.9])
    threshold = best_threshold(probability, np.array([0, 0, 0, 1, 1.0]))
    assert 0.15 < threshold <= 0.8


def test_presses_are_corrected_between_chance_and_how_often_she_feels_one():
    curve = Calibration(raw=(0.0, 1.0), probability=(0.2, 0.6))
    corrected = correct_for_presses(curve, np.array([0.0, 0.1, 1.0, 1.0]), chance=0.2)
    assert corrected.probability == (0.0, 1.0)
    assert correct_for_presses(curve, np.array([0.0, 1.0]), chance=0.58) is None
