"""Stores what the engine computes from the recordings of tests/data, for a new method version.

Run it after METHOD_VERSION was raised: ``python -m scripts.store_method_values``. The values of a
version are never replaced: that other values need another version is the point.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from femo_signal.learning.features import names_of
from femo_signal.learning.labels import extract_recording
from femo_signal.method_version import METHOD_VERSION
from femo_signal.settings import AnalysisSettings

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
STORED = DATA / "method_values.json"
RECORDINGS = ("v1_42s.dat.gz", "v2_42s.bin.gz")
# Half the reference's level: short recordings then have enough detections to tell methods apart
SETTINGS: dict[str, AnalysisSettings] = {
    "adaptive": AnalysisSettings(method="adaptive"),
    "reference": AnalysisSettings.model_validate(
        {"method": "reference", "detection": {"noise_multiplier": 20.0}}
    ),
}


def values_of(name: str, method: str) -> dict[str, Any]:
    """Return what a method computes of a stored recording: intervals in ticks, features by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name.removesuffix(".gz")
        path.write_bytes(gzip.decompress((DATA / name).read_bytes()))
        found = extract_recording(path, settings=SETTINGS[method], recording_id=path.name)
    return {
        "detections": found.detections.tolist(),
        "reference": found.reference.tolist(),
        "labels": found.labels.tolist(),
        "length_ticks": found.length_ticks,
        "seconds": [found.analysed_seconds, found.masked_seconds, found.gap_seconds],
        "features": {
            feature: [None if np.isnan(value) else float(f"{value:.9g}") for value in column]
            for feature, column in zip(names_of(SETTINGS[method]), found.features.T, strict=True)
        },
    }


def main() -> int:
    """Store the values; the exit status is 1 if this version has some already."""
    if STORED.exists() and json.loads(STORED.read_text())["method_version"] == METHOD_VERSION:
        click.echo(
            f"{STORED.name} holds the values of version {METHOD_VERSION} already: raise "
            "METHOD_VERSION in femo_signal/method_version.py if the engine computes others now",
            err=True,
        )
        return 1
    values = {
        f"{name}, {method}": values_of(name, method) for name in RECORDINGS for method in SETTINGS
    }
    content = {"method_version": METHOD_VERSION, "recordings": values}
    STORED.write_text(json.dumps(content) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
