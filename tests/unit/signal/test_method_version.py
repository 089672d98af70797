"""Caches and models are keyed on METHOD_VERSION: it has to be raised whenever an answer changes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from femo_signal.method_version import METHOD_VERSION
from scripts.store_method_values import RECORDINGS, SETTINGS, STORED, values_of

ADVICE = (
    "the engine computes something else than METHOD_VERSION promises: old features would be taken "
    "from the caches and old models used. Raise METHOD_VERSION, then store the new values: "
    "python -m scripts.store_method_values"
)
CLOSE = {"rtol": 1e-5, "atol": 1e-8}  # the last digits differ from machine to machine


def test_the_stored_values_are_of_this_method_version() -> None:
    assert json.loads(STORED.read_text())["method_version"] == METHOD_VERSION, ADVICE


@pytest.mark.parametrize("method", SETTINGS)
@pytest.mark.parametrize("name", RECORDINGS)
def test_what_is_computed_changes_only_with_the_method_version(name: str, method: str) -> None:
    stored = json.loads(STORED.read_text())["recordings"][f"{name}, {method}"]
    found = values_of(name, method)
    assert stored["labels"], "a recording without detections would notice nothing"
    for kind in ("detections", "reference", "labels", "length_ticks"):
        assert found[kind] == stored[kind], f"{kind}: {ADVICE}"
    np.testing.assert_allclose(found["seconds"], stored["seconds"], **CLOSE, err_msg=ADVICE)
    assert list(found["features"]) == list(stored["features"]), ADVICE
    for feature, values in stored["features"].items():
        np.testing.assert_allclose(
            np.array(found["features"][feature], dtype=float),
            np.array(values, dtype=float),
            **CLOSE,
            err_msg=f"{feature}: {ADVICE}",
        )
