"""Checks the text of LightGBM's trees before LightGBM, which trusts it, parses it.

A child or feature index out of range makes LightGBM read or write beyond its arrays, a cycle makes
it run for ever, and a text that is cut short ends the process. What is accepted here is a subset of
what LightGBM writes: the trees of one binary classifier with numeric splits (format "v4",
https://github.com/microsoft/LightGBM/blob/v4.6.0/src/io/tree.cpp, `Tree::ToString`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ModelError

__all__ = ["checked_trees"]

OBJECTIVE = "binary sigmoid:1"
_FIXED = {
    "version": "v4",
    "num_class": "1",
    "num_tree_per_iteration": "1",
    "label_index": "0",
    "objective": OBJECTIVE,
}
_HEADER = (*_FIXED, "max_feature_idx", "feature_names", "feature_infos", "tree_sizes")
_SPLIT_FIELDS = (
    "split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child",
    "internal_value", "internal_weight", "internal_count",
)  # fmt: skip
_LEAF_FIELDS = ("leaf_value", "leaf_weight", "leaf_count")
_WHOLE = {
    "split_feature", "decision_type", "left_child", "right_child", "internal_count", "leaf_count",
}  # fmt: skip
_TREE = ("num_leaves", "num_cat", *_SPLIT_FIELDS, *_LEAF_FIELDS, "is_linear", "shrinkage")
_END = "end of trees"
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?")
_THRESHOLD = re.compile(rf"{_NUMBER.pattern}|[-+]?inf")  # inf: what is known from what is missing
_WHOLE_NUMBER = re.compile(r"-?\d{1,9}")
_FEATURE_INFO = re.compile(r"none|\[[-+.0-9einf]+:[-+.0-9einf]+\]")
_MOST_DIGITS = 40
_MOST_LEAVES = 1024
_MOST_TREES = 5000
_MOST_LEAF_VALUE = 1e6  # log-odds: far beyond any, and their sum stays finite
_CATEGORICAL, _UNUSED_BITS = 1, ~0b1111


def checked_trees(text: str, feature_names: Sequence[str]) -> str:
    """Return the part of LightGBM's text that makes predictions, once it is known to be sound.

    Parameters
    ----------
    text : str
        As `lightgbm.Booster.model_to_string` gives it.
    feature_names : sequence of str
        The names that its features have to have, in this order.

    Raises
    ------
    ModelError
        Saying which line or tree is wrong.
    """
    if not text.isascii():
        raise _broken("it holds other characters than LightGBM writes")
    end = text.find(f"\n{_END}\n")
    if end < 0:
        raise _broken(f"it has no line '{_END}': it was cut short")
    head, *blocks = text[:end].split("\nTree=")
    header = _header(head, feature_names)
    if not 1 <= len(blocks) <= _MOST_TREES:
        raise _broken(f"it has {len(blocks)} trees, not 1 to {_MOST_TREES}")
    if header["tree_sizes"].split() != [
        # Each tree's size counts its first line and the blank lines behind it.
        str(len("Tree=") + len(block) + 1)
        for block in blocks
    ]:
        raise _broken("tree_sizes do not fit the trees: it was cut or changed")
    for number, block in enumerate(blocks):
        try:
            _check_tree(block, number, len(feature_names))
        except ValueError as error:
            raise _broken(f"tree {number}: {error}") from error
    return text[: end + len(_END) + 2]


def _broken(reason: str) -> ModelError:
    return ModelError(f"model.txt is not a sound LightGBM model: {reason}; train the model again")


def _header(text: str, feature_names: Sequence[str]) -> dict[str, str]:
    first, *lines = text.rstrip("\n").split("\n")
    if first != "tree":
        raise _broken("its first line is not 'tree'")
    try:
        header = _fields(lines)
    except ValueError as error:
        raise _broken(str(error)) from error
    header.pop("monotone_constraints", None)  # tells what training kept to; predicts nothing
    if set(header) != set(_HEADER):
        wrong = sorted(set(header) ^ set(_HEADER))
        raise _broken(f"its header lacks, or should not have, {', '.join(wrong)[:200]}")
    for name, wanted in {**_FIXED, "max_feature_idx": str(len(feature_names) - 1)}.items():
        if header[name] != wanted:
            raise _broken(f"{name} is {header[name][:60]!r}, not {wanted!r}")
    if header["feature_names"].split(" ") != list(feature_names):
        raise ModelError(
            "model.txt and model.json name different features; use the two files of one training"
        )
    infos = header["feature_infos"].split(" ")
    if len(infos) != len(feature_names) or not all(map(_FEATURE_INFO.fullmatch, infos)):
        raise _broken("feature_infos do not fit the features")
    return header


def _fields(lines: Sequence[str]) -> dict[str, str]:
    """Split lines of NAME=VALUE.

    Raises
    ------
    ValueError
        If a line is none, or a name comes twice.
    """
    found: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or name in found:
            raise ValueError(f"the line {line[:60]!r} is no field, or one that came before")
        found[name] = value
    return found


def _check_tree(block: str, number: int, features: int) -> None:
    """Check one tree, without its ``Tree=``.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
    first, *lines = block.rstrip("\n").split("\n")
    if first != str(number):
        raise ValueError(f"it is called {first[:20]!r}")
    fields = _fields(lines)
    if set(fields) != set(_TREE):
        wrong = sorted(set(fields) ^ set(_TREE))
        raise ValueError(f"it lacks, or should not have, {', '.join(wrong)[:200]}")
    if (fields["num_cat"], fields["is_linear"]) != ("0", "0"):
        raise ValueError("it has categorical splits or linear leaves, which none of ours has")
    leaves = int(_numbers(fields, "num_leaves", 1, whole=True)[0])
    if not 1 <= leaves <= _MOST_LEAVES:
        raise ValueError(f"num_leaves is {leaves}, not 1 to {_MOST_LEAVES}")
    _numbers(fields, "shrinkage", 1)
    splits = {
        name: _numbers(fields, name, leaves - 1, whole=name in _WHOLE) for name in _SPLIT_FIELDS
    }
    if leaves == 1:
        _numbers(fields, "leaf_count", len(fields["leaf_count"].split()), whole=True)
        value = _numbers(fields, "leaf_value", 1)
    else:
        value, *_ = [_numbers(fields, name, leaves, whole=name in _WHOLE) for name in _LEAF_FIELDS]
    if np.any(np.abs(value) > _MOST_LEAF_VALUE):
        raise ValueError(f"leaf_value exceeds {_MOST_LEAF_VALUE:g}")
    _check_splits(splits, leaves, features)


def _numbers(
    fields: dict[str, str], name: str, count: int, *, whole: bool = False
) -> NDArray[np.float64]:
    """Return a field's numbers, all finite but for thresholds.

    Raises
    ------
    ValueError
        If there are more or fewer than `count`, or one is no number.
    """
    parts = fields[name].split(" ") if fields[name] else []
    if len(parts) != count:
        raise ValueError(f"{name} has {len(parts)} values, not {count}")
    pattern = _WHOLE_NUMBER if whole else _THRESHOLD if name == "threshold" else _NUMBER
    for part in parts:
        if len(part) > _MOST_DIGITS or not pattern.fullmatch(part):
            raise ValueError(f"{name} holds {part[:30]!r}, which is no such number")
    values = np.array(parts, dtype=np.float64)
    if name != "threshold" and not np.isfinite(values).all():
        raise ValueError(f"{name} holds a number without bounds")
    return values


def _check_splits(splits: dict[str, NDArray[np.float64]], leaves: int, features: int) -> None:
    """Check that the splits are one tree: each node but the first has one parent, before it.

    Raises
    ------
    ValueError
        If they are not.
    """
    feature = splits["split_feature"]
    if np.any((feature < 0) | (feature >= features)):
        raise ValueError(f"split_feature names none of the {features} features")
    decision = splits["decision_type"].astype(np.int64)
    missing = (decision >> 2) & 3
    if np.any((decision & (_CATEGORICAL | _UNUSED_BITS)) != 0) or np.any(missing > 2):
        raise ValueError("decision_type is none of a numeric split")
    children = np.concatenate((splits["left_child"], splits["right_child"])).astype(np.int64)
    nodes = np.sort(children[children >= 0])
    ends = np.sort(~children[children < 0])
    if not np.array_equal(nodes, np.arange(1, leaves - 1)) or (
        leaves > 1 and not np.array_equal(ends, np.arange(leaves))
    ):
        raise ValueError("left_child and right_child are no tree: a node lacks or has two parents")
    parents = np.tile(np.arange(leaves - 1), 2)
    if np.any((children >= 0) & (children <= parents)):
        raise ValueError("left_child and right_child are no tree: a node comes before its parent")
