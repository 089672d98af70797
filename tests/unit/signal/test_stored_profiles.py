"""Stored recordings: a clone, without the golden ones, still notices when the profile changes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from femo_signal.reporting.inspection import inspect_recording

from .recordings import REFERENCE

DATA = Path(__file__).parents[2] / "data"
EDGE_SECONDS = 0.05


@pytest.mark.parametrize("name", ["v1_42s", "v2_42s"])
def test_a_stored_recording_keeps_the_profile_it_had(name: str, tmp_path: Path) -> None:
    expected = json.loads((DATA / f"{name}.json").read_text())
    path = tmp_path / expected["recording"].removesuffix(".gz")
    path.write_bytes(gzip.decompress((DATA / expected["recording"]).read_bytes()))

    found = inspect_recording(path, settings=REFERENCE)

    assert found["trim_seconds"] == expected["trim_seconds"]
    assert found["thresholds"] == pytest.approx(expected["thresholds"], rel=0.01)
    for kind, intervals in expected["intervals"].items():
        assert len(found["intervals"][kind]) == len(intervals), kind
        np.testing.assert_allclose(
            found["intervals"][kind], intervals, rtol=0, atol=EDGE_SECONDS, err_msg=kind
        )
