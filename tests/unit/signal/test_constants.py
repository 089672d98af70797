"""What the method decides by is in its settings, which travel in the model, and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import femo_signal

PACKAGE = Path(femo_signal.__file__).parent
FOLDERS = ("preprocessing", "detection", "learning")

# Numbers at the head of a module that decide nothing about a recording, and why.
ALLOWED = {
    # rates and units of the formats, and the filters designed for these rates
    "preprocessing/filters.py": {
        *("QUARTER_RATE", "LOW_RATE", "BLOCK_SECONDS", "QUARTER_CONTEXT"),
        *("_FIRST_ADDITIONS", "_SECOND_ADDITIONS", "_FADE", "_FALL_HZ"),
        *("UPSAMPLE_BLOCK", "UPSAMPLE_CONTEXT", "UPSAMPLE_INNER", "RESERVED_SAMPLES"),
    },
    "preprocessing/motion.py": {"ACCELERATION_UNIT", "QUATERNION_UNIT", "USED_COLUMNS"},
    "preprocessing/slow.py": {
        *("SLOW_RATE", "PIEZO_STRIDE", "MOTION_STRIDE", "LOW_STEP"),
        *("MOTION_COLUMNS", "MOTION_UNITS"),
    },
    "preprocessing/usable.py": {"MOTION_COLUMNS"},
    # the raster of samples at 256 Hz on which a step is looked for, and blocks of computing
    "preprocessing/levelling.py": {
        *("BLOCK", "EDGE", "CONTEXT", "COARSE", "LAG", "OUTSIDE", "NEXT", "SCALE_STRIDE"),
        *("EDGE_LEVEL", "_TIME", "_POWERS"),
    },
    "preprocessing/fourier.py": {"_AS_IT_IS", "_BY_LENGTH"},  # SciPy's ways to scale
    "preprocessing/mending.py": {"BLOCK_TICKS", "COARSE_TICKS", "SCALE_STRIDE", "BATCH_JUMPS"},
    "preprocessing/sensors.py": {"FILL_TICKS", "LONG_HOLD_TICKS", "QUARTER_GAIN", "NOTHING"},
    # how a quantile is found without sorting: the answer is the same
    "preprocessing/levels.py": {"BATCH_BLOCKS", "NEAR", "SURE"},
    "detection/building.py": {"READING_SHARE"},
    # a fact of the normal distribution, a batch, and what keeps a logarithm finite
    "detection/evidence.py": {"MAD_TO_SIGMA", "BATCH_FRAMES", "LEAST_ENERGY"},
    # the raster of samples at 64 Hz on which pulses are looked for
    "detection/pulses.py": {"SNIPPET_RATE", "HOP", "WINDOW"},
    "detection/chains.py": {"BATCH"},
    # how chance is drawn, which changes no detection
    "detection/chance.py": {"SHIFTS", "_UPPER"},
    # definitions of the features, which have versions of their own
    "learning/reference_features.py": {"FEATURES"},
    "learning/detection_features.py": {
        *("_HALF_WINDOW_SECONDS", "_HORIZON_SECONDS", "_RIPPLE_SECONDS"),
    },
    "learning/chain_features.py": {"_CHAIN_SECONDS", "_CHAIN_PULSES"},
    "learning/candidate_features.py": {"LEAST_STRENGTH", "ADAPTIVE_FEATURES"},
    # the scale of the rule's scores: a threshold of 0.5 is where it accepts
    "learning/classifiers.py": {"RULE_THRESHOLD", "RULE_STEEPNESS", "REJECTED_SCORE"},
}
# Training and evaluation have options and a card of their own; nothing there sees a recording.
OF_TRAINING = {
    *("calibration", "card", "comparison", "count_fit", "cross_validation", "curves", "domain"),
    *("evaluation", "evaluation_files", "expected_count", "extraction", "fingerprint", "fitting"),
    *("gain", "hyperparameters", "matching", "model", "model_files", "native_trees"),
    *("provenance", "scoring", "training", "trees"),
}


def numbers(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module binds, at its head, to something with a number in it."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        constants = [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)]
        if any(type(value) in (int, float) for value in constants):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def found() -> dict[str, set[str]]:
    files = [path for folder in FOLDERS for path in sorted((PACKAGE / folder).glob("*.py"))]
    return {
        str(path.relative_to(PACKAGE)): set(numbers(ast.parse(path.read_text("utf-8"))))
        for path in files
        if path.parent.name != "learning" or path.stem not in OF_TRAINING
    }


def test_no_number_that_decides_about_a_recording_is_kept_out_of_the_settings():
    private = {name: names - ALLOWED.get(name, set()) for name, names in found().items()}
    assert {name: names for name, names in private.items() if names} == {}


def test_what_is_allowed_beside_the_settings_is_there():
    there = found()
    gone = {name: names - there.get(name, set()) for name, names in ALLOWED.items()}
    assert {name: names for name, names in gone.items() if names} == {}


def test_a_number_at_the_head_of_a_module_is_noticed():
    module = ast.parse("A = 3\nB: float = 0.5\nC, D = 2 * A, 'x'\nE = 'x'\nF = True\n")
    assert set(numbers(module)) == {"A", "B", "C", "D"}
