"""Every code with which an analysis can fail is final or passes: none is left to chance."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from femo_jobs import outcomes
from femo_jobs.faults import FINAL, PASSING, REPEAT_DELAYS_SECONDS, attempts_for
from femo_jobs.jobs import JobError

from .conftest import ROOT

SOURCES = (ROOT / "inference_container" / "femo_container", ROOT / "femo_signal")
# Of training and processing jobs and of the command line: these never answer an invocation
ELSEWHERE = {
    "cache_unwritable",
    "conversion_impossible",
    "invalid_environment",
    "invalid_hyperparameter",
    "invalid_job_input",
    "invalid_manifest",
    "malformed_layout",
    "matlab_hdf5",
    "not_matlab",
    "nothing_learnt",
    "nothing_unseen",
    "nothing_to_convert",
    "one_class_only",
    "output_exists",
    "output_unwritable",
    "source_unreadable",
    "too_few_detections",
    "too_few_recordings",
    "unknown_layout",
}
# Why a number is left out of a result, which fails nothing
REASONS = {"unknown_whether_like_training", "unlike_training"}


def codes_of(path: Path) -> Iterator[str]:
    """Yield each text that a module gives to something called ``code``."""
    for node in ast.walk(ast.parse(path.read_text())):
        for value in given_to_code(node):
            yield from (
                one.value
                for one in ast.walk(value)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def given_to_code(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.keyword(arg="code", value=value):
            yield value
        case ast.AnnAssign(target=ast.Name(id="code"), value=ast.expr() as value):
            yield value
        case ast.Assign(targets=[ast.Name(id="code" | "COULD_NOT_LOAD")], value=value):
            yield value
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            for name, value in zip(names, values, strict=True):
                if isinstance(name, ast.Name) and name.id == "code":
                    yield value
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code":
                    yield value


@cache
def container_codes() -> set[str]:
    return {
        code
        for folder in SOURCES
        for path in folder.rglob("*.py")
        for code in codes_of(path)
        if re.fullmatch("[a-z][a-z0-9_]*", code)
    } - {"code"}


def function_codes() -> set[str]:
    errors = [value for value in vars(outcomes).values() if isinstance(value, JobError)]
    return {error.code for error in errors} - {"expired", "not_queued"}  # outcomes by their status


def test_the_codes_are_found_where_they_are_given() -> None:
    assert {"worker_lost", "loading", "timeout", "unknown_field", "not_a_recording"} <= (
        container_codes()
    )


@pytest.mark.parametrize(
    "code", sorted((container_codes() | function_codes()) - ELSEWHERE - REASONS)
)
def test_a_fault_is_either_a_jobs_outcome_or_passes(code: str) -> None:
    assert (code in FINAL) != (code in PASSING), f"say in femo_jobs.faults which {code} is"


@pytest.mark.parametrize("code", sorted(FINAL | set(PASSING)))
def test_no_fault_is_classified_that_nothing_raises(code: str) -> None:
    documented = (ROOT / "femo_signal" / "errors.py").read_text()
    assert code in container_codes() | function_codes() or f"``{code}``" in documented


def test_an_attempt_is_repeated_no_more_often_than_delays_are_set_for() -> None:
    assert max(PASSING.values()) == len(REPEAT_DELAYS_SECONDS) + 1
    assert min(PASSING.values()) > 1
    assert attempts_for("a_code_of_a_newer_container") == 1
