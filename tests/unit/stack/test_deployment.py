"""A deployment is repeated when its inputs change, and its outputs work on this machine."""

from pathlib import Path

import pytest

from local_stack.deployment import inputs_hash, local_outputs
from local_stack.verification import expected_routes, load_template


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "functions" / "api").mkdir(parents=True)
    (tmp_path / "statemachines").mkdir()
    (tmp_path / "template.yaml").write_text("Resources: {}\n")
    (tmp_path / "functions" / "api" / "app.py").write_text("x = 1\n")
    (tmp_path / "statemachines" / "a.asl.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["template.yaml", "functions/api/app.py", "statemachines/a.asl.json", "functions/new.py"],
)
def test_a_changed_input_is_built_and_deployed_again(project: Path, name: str) -> None:
    before = inputs_hash(project)
    (project / name).write_text("changed\n")
    assert inputs_hash(project) != before


def test_what_is_no_input_does_not_cost_a_build(project: Path) -> None:
    before = inputs_hash(project)
    (project / "README.md").write_text("text")
    (project / "functions" / "api" / "__pycache__").mkdir()
    (project / "functions" / "api" / "__pycache__" / "app.pyc").write_bytes(b"x")
    assert inputs_hash(project) == before


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "https://abc123.execute-api.us-east-1.amazonaws.com/dev",
            "http://127.0.0.1:4566/_aws/execute-api/abc123/dev",
        ),
        (
            "https://femo-dev.auth.us-east-1.amazoncognito.com/oauth2/token",
            "http://127.0.0.1:4566/oauth2/token",
        ),
        ("arn:aws:sns:us-east-1:000000000000:topic", "arn:aws:sns:us-east-1:000000000000:topic"),
        ("https://example.com/x", "https://example.com/x"),
    ],
)
def test_hosts_of_aws_are_replaced_by_the_gateway(output: str, expected: str) -> None:
    assert local_outputs({"O": output}, "http://127.0.0.1:4566") == {"O": expected}


def test_the_template_is_read_with_its_short_forms(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        "Resources:\n"
        "  Api:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties:\n"
        "      Role: !GetAtt Role.Arn\n"
        "      Name: !Sub ${AWS::StackName}-x\n"
        "      Events:\n"
        "        Health:\n"
        "          Type: Api\n"
        "          Properties: {Path: /health, Method: get, Auth: {Authorizer: NONE}}\n"
        "        Jobs: {Type: Api, Properties: {Path: /jobs, Method: POST, RestApiId: !Ref Api}}\n"
    )
    template = load_template(path)
    properties = template["Resources"]["Api"]["Properties"]
    assert properties["Role"] == {"Fn::GetAtt": ["Role", "Arn"]}
    assert properties["Name"] == {"Fn::Sub": "${AWS::StackName}-x"}
    assert expected_routes(template) == {("/health", "GET"): True, ("/jobs", "POST"): False}
