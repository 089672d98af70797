"""The catalogue of errors: what is raised anywhere is in it, and nothing else."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from femo_result.errors import ApiCode, CommandCode, JobCode, Kind
from scripts import describe_errors
from tests.unit.template.documents import resources

ROOT = Path(__file__).resolve().parents[3]
ENGINE = ROOT / "femo_signal"
CONTAINER = ROOT / "inference_container" / "femo_container"
FUNCTIONS = ROOT / "functions"
# Why a number is left out of a result, which fails nothing
REASONS = {"unknown_whether_like_training", "unlike_training"}


def given_to_code(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what a piece of code gives to something called ``code``."""
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
def raised() -> frozenset[str]:
    """Return each text that the science and the container give to something called ``code``."""
    return (
        frozenset(
            one.value
            for folder in (ENGINE, CONTAINER)
            for path in folder.rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            for value in given_to_code(node)
            for one in ast.walk(value)
            if isinstance(one, ast.Constant) and re.fullmatch("[a-z][a-z0-9_]*", str(one.value))
        )
        - REASONS
        - {"code"}
    )


@cache
def named(kind: str) -> frozenset[str]:
    """Return the members of an enumeration that the functions name."""
    found = {
        node.attr
        for path in FUNCTIONS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr) == kind
    }
    return frozenset(found)


def gateway_codes() -> dict[str, str]:
    """Return what API Gateway says by itself: messages by their codes."""
    ((_, api),) = resources("AWS::Serverless::Api")
    answers = [
        json.loads(answer["ResponseTemplates"]["application/json"])["error"]
        for answer in api["GatewayResponses"].values()
    ]
    return {answer["code"]: answer["message"] for answer in answers}


def test_the_codes_are_found_where_they_are_given() -> None:
    assert {"worker_lost", "loading", "timeout", "unknown_field", "not_a_recording"} <= raised()
    assert {"JOB_NOT_FOUND", "BACKLOG_FULL"} <= named("Code")


def test_no_code_is_raised_that_the_catalogue_does_not_explain() -> None:
    assert raised() <= {str(code) for code in (*JobCode, *CommandCode)}


def test_the_catalogue_explains_no_code_that_nothing_raises() -> None:
    by_the_functions = {str(JobCode[name]) for name in named("JobCode")}
    untold = {str(code) for code in JobCode if code.kind is Kind.UNTOLD}
    assert {str(code) for code in (*JobCode, *CommandCode)} <= raised() | by_the_functions | untold
    assert untold <= {str(ApiCode[name]) for name in named("Code")}
    in_the_api = {str(ApiCode[name]) for name in named("Code")} | set(gateway_codes())
    assert {str(code) for code in ApiCode} == in_the_api


@pytest.mark.parametrize("code", sorted(gateway_codes()))
def test_the_gateway_speaks_in_the_words_of_the_catalogue(code: str) -> None:
    assert gateway_codes()[code] == ApiCode(code).sentence


def test_a_code_means_a_job_or_a_command_and_not_both() -> None:
    assert not {str(code) for code in JobCode} & {str(code) for code in CommandCode}


@pytest.mark.parametrize("code", [*ApiCode, *JobCode, *CommandCode], ids=str)
def test_every_error_says_in_a_sentence_what_is_wrong(
    code: ApiCode | JobCode | CommandCode,
) -> None:
    assert code.sentence[0].isupper() or code.sentence.startswith(("nextToken", "s3Key"))
    assert code.sentence.endswith(".")
    assert len(code.sentence.split()) >= 4


def test_the_page_is_that_of_the_catalogue() -> None:
    assert describe_errors.PAGE.read_text() == describe_errors.page(), (
        "run python -m scripts.describe_errors"
    )


def test_the_catalogue_needs_nothing_but_python() -> None:
    code = "import sys, femo_result.errors\nprint(*{n.partition('.')[0] for n in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "femo_result" in loaded
    assert not loaded & {"pydantic", "numpy", "httpx", "boto3", "femo_signal"}
