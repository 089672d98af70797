"""Settings are validated, travel as JSON, and change their digest with their content."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from femo_signal.errors import SettingsError
from femo_signal.settings import AnalysisSettings


def test_settings_survive_their_json():
    settings = AnalysisSettings()
    again = AnalysisSettings.from_json(settings.model_dump_json())
    assert again == settings
    assert again.digest() == settings.digest()


def test_every_changed_constant_changes_the_cache_key():
    data = AnalysisSettings().model_dump(mode="json")
    digests = {AnalysisSettings().digest()}
    groups = [name for name, value in data.items() if isinstance(value, dict)]
    changed = 0
    for group in groups:
        for name, value in data[group].items():
            if isinstance(value, float):
                other = json.loads(json.dumps(data))
                other[group][name] = value * 1.0625
                try:
                    digests.add(AnalysisSettings.model_validate(other).digest())
                except ValidationError:
                    continue
                changed += 1
    assert changed > 12
    assert len(digests) == changed + 1


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"colour": 1}', "colour"),
        ('{"detection": {"noise_multiplier": -1}}', "detection.noise_multiplier"),
        ('{"detection": {"sensors": ["sensor_9"]}}', "detection.sensors.0"),
        ('{"preprocessing": {"sensor_band_hz": [30, 1]}}', "preprocessing"),
        ('{"schema_version": 2}', "schema_version"),
        ("not json", "settings"),
    ],
)
def test_wrong_settings_are_refused_in_one_line_that_names_the_field(text, where):
    with pytest.raises(SettingsError) as caught:
        AnalysisSettings.from_json(text)
    assert str(caught.value).startswith(where + ":")
    assert "\n" not in str(caught.value)


def test_settings_cannot_be_changed_under_a_model_that_holds_them():
    with pytest.raises(ValidationError):
        AnalysisSettings().detection.noise_multiplier = 2.0  # type: ignore[misc]
