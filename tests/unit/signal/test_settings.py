"""Settings are validated, travel as JSON, and change their digest with their content."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from femo_signal.errors import FemoError, SettingsError
from femo_signal.learning.labels import extract_recording
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
        ('{"match": {"window_seconds": 1, "minimum_movement_seconds": 2}}', "match"),
        ('{"detection": {"noise_multiplier": NaN}}', "detection.noise_multiplier"),
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


def numbers() -> list[tuple[str, str]]:
    data = AnalysisSettings().model_dump(mode="json")
    return [
        (group, name)
        for group, values in data.items()
        if isinstance(values, dict)
        for name, value in values.items()
        if isinstance(value, int | float | list | dict)
    ]


@pytest.mark.parametrize(("group", "name"), numbers())
@pytest.mark.parametrize("value", ["1e300", "1e999", "9" * 400, "NaN", "-Infinity", "-1e300"])
def test_no_number_is_so_large_that_the_analysis_would_overflow(group, name, value):
    shape = AnalysisSettings().model_dump(mode="json")[group][name]
    if isinstance(shape, dict):
        given = "{" + ", ".join(f'"{key}": {value}' for key in shape) + "}"
    elif isinstance(shape, list):
        given = "[" + ", ".join(value for _ in shape) + "]"
    else:
        given = value
    with pytest.raises(SettingsError, match=group):
        AnalysisSettings.from_json(f'{{"{group}": {{"{name}": {given}}}}}')


def test_frames_that_are_compared_one_by_one_cannot_differ_in_length():
    for name in ("window_samples", "hop_samples"):
        value = {"window_samples": 128, "hop_samples": 8}[name]
        with pytest.raises(SettingsError, match=f"body_movement.evidence.{name}"):
            AnalysisSettings.from_json(f'{{"evidence": {{"{name}": {value}}}}}')


def test_what_is_left_out_of_the_imus_evidence_is_the_imus():
    text = '{"body_movement": {"evidence": {"seen_z": 2.5}}}'
    given = AnalysisSettings.from_json(text).body_movement.evidence
    assert given.model_dump(
        exclude={"seen_z"}
    ) == AnalysisSettings().body_movement.evidence.model_dump(exclude={"seen_z"})
    assert given.seen_z == 2.5


def extremes(node, definitions):
    """The least and the most that each number of a schema may be, as whole documents of it."""
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    for name, part in node.get("properties", {}).items():
        if part.get("type") in ("number", "integer"):
            for bound in ("maximum", "minimum"):
                if bound in part:
                    yield {name: part[bound]}
        elif "$ref" in part:
            for inner in extremes(part, definitions):
                yield {name: inner}


@pytest.mark.parametrize("method", ["adaptive", "reference"])
def test_settings_at_their_bounds_are_analysed_or_refused_but_never_crash(tmp_path, method):
    data = Path(__file__).parents[2] / "data" / "v2_42s.bin.gz"
    path = tmp_path / "v2.bin"
    path.write_bytes(gzip.decompress(data.read_bytes()))
    schema = AnalysisSettings.model_json_schema()
    tried = 0
    for document in extremes(schema, schema["$defs"]):
        try:
            settings = AnalysisSettings.model_validate({"method": method, **document})
        except ValidationError:
            continue  # contradicts another setting
        try:
            extract_recording(path, settings=settings, recording_id="r")
        except FemoError:
            continue
        tried += 1
    assert tried > 15
