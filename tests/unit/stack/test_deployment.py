"""A deployment is repeated when its inputs change, and its outputs work on this machine."""

from pathlib import Path

import pytest

from local_stack.addresses import local_outputs
from local_stack.deployment import inputs_hash
from local_stack.verification import expected_routes, load_template

TEMPLATE = """
Globals: {Function: {Timeout: 3}}
Resources:
  Api: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions/api/}}
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: shared}}
  Machine: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: machines/a.asl.json}}
  Elsewhere: {Type: AWS::Serverless::Function, Properties: {CodeUri: "s3://bucket/code.zip"}}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    for name in ("functions/api/app.py", "shared/x.py", "machines/a.asl.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return tmp_path / "template.yaml"


@pytest.mark.parametrize(
    "name",
    [
        "template.yaml",
        "functions/api/app.py",
        "functions/api/new.py",
        "shared/x.py",
        "machines/a.asl.json",
    ],
)
def test_a_changed_input_is_built_and_deployed_again(template: Path, name: str) -> None:
    before = inputs_hash(template)
    with (template.parent / name).open("a") as file:
        file.write("# changed\n")
    assert inputs_hash(template) != before


def test_what_a_folder_links_to_is_built_and_deployed_again_as_well(template: Path) -> None:
    beside = template.parent / "beside"
    beside.mkdir()
    (template.parent / "shared" / "linked").symlink_to("../beside")
    before = inputs_hash(template)
    (beside / "module.py").write_text("# changed\n")
    assert inputs_hash(template) != before


def test_what_is_no_input_does_not_cost_a_build(template: Path) -> None:
    before = inputs_hash(template)
    (template.parent / "README.md").write_text("text")
    cache = template.parent / "functions" / "api" / "__pycache__"
    cache.mkdir()
    (cache / "app.pyc").write_bytes(b"x")
    assert inputs_hash(template) == before


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
        (
            "https://abc123.execute-api.us-east-1.amazonaws.com/dev/console/",
            "http://127.0.0.1:4566/_aws/execute-api/abc123/dev/console/",
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
