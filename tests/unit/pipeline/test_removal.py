"""`femo remove`: nothing that costs is left, nothing of anybody else's goes, and data stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from femo_cli.remove import remove
from femo_pipeline.removal.account import Account
from femo_pipeline.removal.kept import RETAINED
from tests.unit.template.documents import template

from .removal_account import (
    REGION,
    STACK,
    TEMPLATE,
    SageMaker,
    fill,
    left,
    make_account,
    put_alarm,
)


@dataclass
class World:
    """An account with a stack in it, and the command."""

    account: Account
    sagemaker: SageMaker
    stack_id: str

    def remove(self, *options: str, stack: str = STACK, typed: str = "") -> Result:
        return CliRunner().invoke(remove, [stack, *options], input=f"{typed}\n")

    def status(self, stack_id: str | None = None) -> str:
        found = self.account.cloudformation.describe_stacks(StackName=stack_id or self.stack_id)
        return found["Stacks"][0]["StackStatus"]

    def create(self, name: str, document: dict[str, Any] = TEMPLATE) -> str:
        return self.account.cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps(document)
        )["StackId"]

    def resource(self, logical_id: str) -> str:
        found = self.account.cloudformation.describe_stack_resource(
            StackName=self.stack_id, LogicalResourceId=logical_id
        )
        return found["StackResourceDetail"]["PhysicalResourceId"]

    def open_jobs(self, count: int) -> None:
        for number in range(count):
            item = {"jobKey": {"S": f"default#{number}"}, "openKey": {"S": "default#open#0"}}
            self.account.dynamodb.put_item(TableName=self.resource("JobTable"), Item=item)
        settled = {"jobKey": {"S": "default#settled"}}
        self.account.dynamodb.put_item(TableName=self.resource("JobTable"), Item=settled)


@pytest.fixture(scope="module")
def services() -> tuple[Account, SageMaker]:
    sagemaker = SageMaker()
    session = boto3.Session("testing", "testing", region_name=REGION)
    return make_account(session, sagemaker), sagemaker


@pytest.fixture
def world(services: tuple[Account, SageMaker], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with mock_aws():
        account, sagemaker = services
        sagemaker.clear()
        made = World(account, sagemaker, "")
        made.stack_id = made.create(STACK)
        fill(account, sagemaker, STACK)
        monkeypatch.setattr("femo_pipeline.removal.account.cloud_account", lambda: account)
        yield made


def test_nothing_that_costs_is_left_of_a_removed_stack(world: World) -> None:
    execution = world.account.states.start_execution(
        stateMachineArn=world.resource("TrainingStateMachine"), input="{}"
    )["executionArn"]
    done = world.remove(typed=STACK)
    assert done.exit_code == 0, done.output
    assert world.status() == "DELETE_COMPLETE"
    assert left(world.account, world.sagemaker) == set()
    assert execution in done.stderr


def test_data_is_kept_and_told_with_the_commands_that_end_it(world: World) -> None:
    bucket, table = world.resource("RecordingsBucket"), world.resource("JobTable")
    done = world.remove("--yes", "--json")
    kept = {one["name"]: one["commands"] for one in json.loads(done.stdout)["kept"]}
    assert set(kept) == {bucket, table}
    assert kept[table] == [f"aws dynamodb delete-table --region {REGION} --table-name {table}"]
    code = kept[bucket][0].split('"')[1]
    boto3.client("s3", region_name=REGION).put_object(Bucket=bucket, Key="a", Body=b"1")
    exec(code, {})
    assert boto3.client("s3", region_name=REGION).list_buckets()["Buckets"] == []


def test_nothing_of_another_stack_or_person_goes(world: World) -> None:
    ours = left(world.account, world.sagemaker)
    for name in ("femo-dev2", "femo-develop", "femo", "my-femo-dev"):
        fill(world.account, world.sagemaker, name)
        world.account.logs.create_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{name}")
    for name in ("femo-dev-mine", "TargetTracking-endpoint/femo-dev-mine"):
        put_alarm(world.account, name, "arn:aws:sns:us-east-1:123456789012:femo-dev")
    theirs = left(world.account, world.sagemaker) - ours
    assert world.remove("--yes").exit_code == 0
    assert left(world.account, world.sagemaker) == theirs


def test_a_removal_that_failed_half_way_goes_on_where_it_was(world: World) -> None:
    world.sagemaker.refused["femo-dev-abc"] = "AccessDeniedException"
    failed = world.remove("--yes")
    assert failed.exit_code == 1
    assert "NOT REMOVED Models: femo-dev-abc" in failed.stdout
    assert "have sagemaker:ListModels, DeleteModel allowed; then: femo remove femo-dev" in (
        failed.stdout
    )
    assert world.status() == "CREATE_COMPLETE"
    assert not world.sagemaker.there["endpoint"]
    world.sagemaker.refused.clear()
    assert world.remove("--yes").exit_code == 0
    assert left(world.account, world.sagemaker) == set()
    assert world.status() == "DELETE_COMPLETE"


def test_what_a_stack_left_that_was_deleted_by_hand_is_removed_and_then_nothing(
    world: World,
) -> None:
    world.account.cloudformation.delete_stack(StackName=STACK)
    first, second = world.remove("--yes"), world.remove("--yes")
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert left(world.account, world.sagemaker) == set()
    assert "There is nothing left to remove." in second.stdout


def test_an_endpoint_that_is_being_updated_is_waited_for_and_not_left_to_cost(
    world: World,
) -> None:
    world.sagemaker.busy[STACK] = 3
    assert world.remove("--yes").exit_code == 0
    assert not world.sagemaker.there["endpoint"]


def test_a_log_group_that_outlives_its_stack_does_not_block_the_next_deployment(
    world: World,
) -> None:
    world.account.logs.create_log_group(logGroupName="/aws/sagemaker/Endpoints/femo-dev-quick")
    assert world.remove("--yes").exit_code == 0
    assert world.account.logs.describe_log_groups()["logGroups"] == []


def test_jobs_without_an_outcome_are_not_given_up_unasked(world: World) -> None:
    world.open_jobs(2)
    before = left(world.account, world.sagemaker)
    refused = CliRunner().invoke(remove, [STACK], input=f"{STACK}\n")
    assert refused.exit_code != 0
    assert "2 jobs of femo-dev have no outcome yet" in refused.output
    assert left(world.account, world.sagemaker) == before
    assert world.remove("--yes").exit_code == 0


def test_a_mistyped_name_removes_nothing(world: World) -> None:
    before = left(world.account, world.sagemaker)
    refused = world.remove(typed="femo-prod")
    assert refused.exit_code != 0
    assert left(world.account, world.sagemaker) == before
    assert world.status() == "CREATE_COMPLETE"


def test_a_dry_run_tells_all_and_removes_nothing(world: World) -> None:
    world.open_jobs(1)
    before = left(world.account, world.sagemaker)
    done = world.remove("--dry-run", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["dryRun"], told["openJobs"]) == (0, True, 1)
    assert told["found"]["Endpoints"] == ["femo-dev", "femo-dev-quick"]
    assert left(world.account, world.sagemaker) == before
    assert world.status() == "CREATE_COMPLETE"


def test_a_second_stack_that_failed_by_its_names_does_not_take_the_first_ones_endpoint(
    world: World,
) -> None:
    document = {**TEMPLATE, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}
    second = world.create("femo-try", document)
    before = left(world.account, world.sagemaker)
    done = world.remove("--yes", stack="femo-try")
    assert done.exit_code == 0, done.output
    assert "its endpoint, models and packages stay" in done.stderr
    assert left(world.account, world.sagemaker) == before
    assert (world.status(second), world.status()) == ("DELETE_COMPLETE", "CREATE_COMPLETE")


@pytest.mark.parametrize(
    ("stack", "told"), [("billing", "not a stack of this project"), ("none", "no stack 'none'")]
)
def test_a_stack_that_is_not_ours_is_refused(world: World, stack: str, told: str) -> None:
    world.create("billing", {"Resources": {"A": {"Type": "AWS::SNS::Topic"}}})
    done = world.remove("--yes", stack=stack)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_protected_stack_is_refused_with_the_command_that_frees_it(world: World) -> None:
    world.account.cloudformation.create_stack(
        StackName="femo-prod",
        TemplateBody=json.dumps({**TEMPLATE, "Resources": {"A": {"Type": "AWS::SNS::Topic"}}}),
        EnableTerminationProtection=True,
    )
    done = world.remove("--yes", stack="femo-prod")
    assert done.exit_code == 1
    assert "--no-enable-termination-protection --stack-name femo-prod" in done.stderr
    assert world.sagemaker.there["endpoint"]


def retained() -> dict[str, Any]:
    policies = ("Retain", "RetainExceptOnCreate")
    return {
        name: resource
        for name, resource in template()["Resources"].items()
        if resource.get("DeletionPolicy") in policies
    }


def test_all_that_the_template_keeps_is_told() -> None:
    # A bucket's policy goes with its bucket, and the account has its setting whoever set it
    without_an_end = ("AWS::S3::BucketPolicy", "AWS::ApiGateway::Account")
    assert set(RETAINED) == {
        name for name, one in retained().items() if one["Type"] not in without_an_end
    }


def test_what_a_removed_stack_keeps_takes_no_name_from_the_next_one() -> None:
    for name, resource in retained().items():
        given = set(resource.get("Properties", {}))
        assert not given & {"BucketName", "TableName", "UserPoolName", "RoleName"}, name


def test_a_stack_is_found_by_the_parameters_that_the_template_has() -> None:
    assert {"ProjectName", "StageName"} <= set(template()["Parameters"])
    assert "ModelPackageGroup" in template()["Resources"]
