"""A stored model is data that is checked; it refuses what it was not trained on."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from femo_signal.errors import ModelError
from femo_signal.features import feature_names
from femo_signal.model import MovementModel


@pytest.fixture
def copy(model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "model")
    return tmp_path / "model"


def edited(folder, **changes):
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, **changes}))
    return folder


def test_a_model_survives_the_disk(model, model_folder, dataset):
    again = MovementModel.load(model_folder)
    np.testing.assert_array_equal(
        again.predict_proba(dataset.features), model.predict_proba(dataset.features)
    )
    assert again.threshold == model.threshold
    assert again.settings == model.settings


def test_a_model_is_text_and_json_and_nothing_else(model_folder):
    assert sorted(path.name for path in model_folder.iterdir()) == ["model.json", "model.txt"]
    assert (model_folder / "model.txt").read_text().startswith("tree\n")
    card = json.loads((model_folder / "model.json").read_text())
    assert card["feature_names"] == list(feature_names)
    assert card["libraries"]["lightgbm"]
    assert card["metrics"]["f1"] == card["evaluation"]["metrics"]["f1"]


def test_other_features_are_refused(model, dataset):
    with pytest.raises(ModelError, match="other features"):
        model.predict_proba(dataset.features[:, :-1], feature_names[:-1])


def test_the_same_features_in_another_order_are_refused(model, dataset):
    with pytest.raises(ModelError, match="another order"):
        model.predict_proba(dataset.features[:, ::-1], feature_names[::-1])


def test_no_detections_give_no_probabilities(model):
    assert model.predict_proba(np.zeros((0, len(feature_names)))).shape == (0,)


def test_a_card_of_other_features_is_refused(copy):
    with pytest.raises(ModelError, match="other features"):
        MovementModel.load(edited(copy, feature_names=["a", "b"]))


def test_settings_that_were_changed_by_hand_are_noticed(copy):
    card = json.loads((copy / "model.json").read_text())
    card["settings"]["detection"]["noise_multiplier"] = 12.0
    with pytest.raises(ModelError, match="settings_digest"):
        MovementModel.load(edited(copy, **card))


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 2.0},
        {"schema_version": 2},
        {"surprise": 1},
        {"calibration": {"raw": [0.0, 1.0], "probability": [1.0, 0.0]}},
        {"calibration": {"raw": [0.0], "probability": [0.0]}},
    ],
)
def test_a_malformed_card_is_refused_by_the_field(copy, changes):
    with pytest.raises(ModelError, match=next(iter(changes))):
        MovementModel.load(edited(copy, **changes))


def test_missing_files_are_told(tmp_path):
    with pytest.raises(ModelError, match=r"model\.txt"):
        MovementModel.load(tmp_path)


def test_damaged_trees_are_refused(copy, dataset):
    (copy / "model.txt").write_text("tree\nnonsense\n")
    with pytest.raises(ModelError, match=r"model\.txt"):
        MovementModel.load(copy).predict_proba(dataset.features)
