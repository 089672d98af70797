"""The README and the documentation: a reader who follows them finds what they name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from local_stack.verification import load_template
from scripts.run_notebook import run_notebook

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = {path.name: path.read_text() for path in sorted((ROOT / "docs").glob("*.md"))}
EVERYTHING = "\n".join([README, *PAGES.values()])
# Pages whose names in capitals are the stack's alone: no class, no property of AWS
OF_THE_STACK = ("backends.md", "deploy.md", "training.md", "troubleshooting.md")
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


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)(?:`| +#|$| [A-Z]+=)", EVERYTHING, re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize(
    "path",
    sorted(
        {
            *re.findall(r"\]\(([\w./-]+)\)|file://([\w./-]+)|--event ([\w./-]+)", README),
            *re.findall(r"\](\()\)|file://([\w./-]+)|--event ([\w./-]+)", EVERYTHING),
        }
    ),
)
def test_every_file_that_a_page_points_at_exists(path: tuple[str, ...]) -> None:
    (name,) = filter(None, path)
    assert (ROOT / name).exists()


def test_every_output_and_parameter_that_a_page_names_exists() -> None:
    template = load_template(ROOT / "template.yaml")
    known = {*template["Outputs"], *template["Parameters"], *RESOURCES}
    pages = "\n".join([README, *(PAGES[name] for name in OF_THE_STACK)])
    prose = re.sub(r"```.*?```", "", pages, flags=re.DOTALL)
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


def test_the_notebook_is_kept_without_outputs_that_could_grow_old() -> None:
    notebook = json.loads((ROOT / "docs" / "first_night.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)


def test_a_scientist_can_run_the_notebook_from_top_to_bottom(tmp_path: Path) -> None:
    run_notebook(ROOT / "docs" / "first_night.ipynb", tmp_path / "run.ipynb")
    assert "true movements in judged time" in (tmp_path / "run.ipynb").read_text()


def test_every_page_has_a_place_in_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().split("nav:")[1]
    assert {name for name in PAGES if name not in navigation} == set()
