"""The README: a reader who follows it finds what it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_stack.verification import load_template

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
RESOURCES = load_template(ROOT / "template.yaml")["Resources"]
DRAWN_TYPES = {
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::Serverless::Api",
    "AWS::Serverless::Function",
    "AWS::Serverless::StateMachine",
    "AWS::Cognito::UserPool",
    "AWS::SageMaker::ModelPackageGroup",
}


def test_the_diagram_shows_the_template_no_more_and_no_less() -> None:
    diagram = README.split("```mermaid")[1].split("```")[0]
    named = set(
        re.findall(r"\b(?:[A-Z][a-z]+)+\b", re.sub(r'"[^"]*"|\[\[.*?\]\]|-- \w+ -->', "", diagram))
    )
    built = {name for name, item in RESOURCES.items() if item["Type"] in DRAWN_TYPES}
    assert named - {"LR"} == built


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"\]\(([\w./-]+)\)|file://([\w./-]+)|--event ([\w./-]+)", README))),
)
def test_every_file_that_the_readme_points_at_exists(path: tuple[str, ...]) -> None:
    (name,) = filter(None, path)
    assert (ROOT / name).exists()


def test_every_output_and_parameter_that_the_readme_names_exists() -> None:
    template = load_template(ROOT / "template.yaml")
    known = {*template["Outputs"], *template["Parameters"], *RESOURCES}
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    named = set(re.findall(r"`((?:[A-Z][a-z]+){2,}(?:Arn|Uri|Url)?)(?:=\w+)?`", prose))
    assert named
    assert named <= known


def test_each_function_and_machine_has_a_sample_input() -> None:
    samples = {path.stem for path in (ROOT / "events").glob("*.json")}
    kinds = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
    for name, item in RESOURCES.items():
        if item["Type"] in kinds:
            words = re.findall(r"[A-Z][a-z]+", re.sub(r"(Function|StateMachine)$", "", name))
            first = "_".join(words).lower()
            assert any(sample.startswith(f"{first}_") for sample in samples), name
