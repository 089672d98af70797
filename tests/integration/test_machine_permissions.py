"""Each permission of the state machines, the rule and the jobs is needed, and where.

One permission is missing at a time: an execution fails for want of it where it should, and goes on
by a redrive, without the next one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from femo_client import FemoClient

from .conftest import Stack
from .executions import NO_GATE, begin, entered, redrive
from .grants import (
    TRIED,
    Grant,
    all_grants,
    find,
    take_away_in_turn,
    takes_away,
    takes_away_together,
    without,
)
from .test_console import CONSOLE_IS_TRIED
from .test_fast_lane import FAST_LANE_IS_TRIED
from .test_models import MODELS_ARE_TRIED
from .test_permissions import count_lines, group_is_there
from .test_scaling import WARM_UP_IS_TRIED
from .waiting import Tail, wait_for

pytestmark = pytest.mark.integration


def fail_in_turn(
    stack: Stack, start: Callable[[], str], steps: Sequence[tuple[Grant, str]]
) -> dict[str, Any]:
    """Start an execution, have it fail once for each permission, and return its output."""
    arn = ""
    for grant, state in steps:
        with without(stack, grant):
            if arn:
                ended = redrive(stack, arn)
            else:
                arn = start()
                ended = stack.wait_for_execution(arn)
        assert ended["status"] == "FAILED", f"{grant} is not needed: {ended.get('output')}"
        assert entered(stack, arn)[-1] == state, f"{grant}: {ended['cause']}"
        # S3 answers a HEAD without words
        assert grant.action in ended["cause"] or "403" in ended["cause"], ended["cause"]
    ended = redrive(stack, arn)
    assert ended["status"] == "SUCCEEDED", ended
    assert ended["redriveCount"] == len(steps)
    output: dict[str, Any] = json.loads(ended["output"])
    return output


# Training

PROCESSING = "TrainingRole RunProcessingJobs sagemaker:"
TRAINING = "TrainingRole RunTrainingJobs sagemaker:"
TRAINING_STEPS = take_away_in_turn(
    ("TrainingRole ReadM* s3:GetObject RecordingsBucket/*", "FindManifest"),
    (f"{PROCESSING}CreateProcessingJob *", "ExtractFeatures"),
    (f"{PROCESSING}AddTags *", "ExtractFeatures"),
    (f"{PROCESSING}ListTags *", "ExtractFeatures"),
    (f"{PROCESSING}DescribeProcessingJob *", "ExtractFeatures"),
    ("TrainingRole GiveJobRole *", "ExtractFeatures"),
    *(
        (f"TrainingRole HearOfJobs events:{action} *ProcessingJobsRule", "ExtractFeatures")
        for action in ("PutTargets", "PutRule", "DescribeRule")
    ),
    ("TrainingJobRole FindObjects s3:ListBucket RecordingsBucket", "ExtractFeatures"),
    ("TrainingJobRole ReadR* s3:GetObject RecordingsBucket/*", "ExtractFeatures"),
    ("TrainingJobRole KeepFeatures s3:PutObject *", "ExtractFeatures"),
    ("TrainingJobRole WriteOutputs s3:PutObject *", "ExtractFeatures"),
    ("TrainingJobRole FindObjects s3:ListBucket ModelsBucket", "PrepareDataset"),
    ("TrainingJobRole ReadR* s3:GetObject ModelsBucket/*", "PrepareDataset"),
    (f"{TRAINING}CreateTrainingJob *", "Train"),
    (f"{TRAINING}AddTags *", "Train"),
    (f"{TRAINING}ListTags *", "Train"),
    (f"{TRAINING}DescribeTrainingJob *", "Train"),
    *(
        (f"TrainingRole HearOfJobs events:{action} *TrainingJobsRule", "Train")
        for action in ("PutTargets", "PutRule", "DescribeRule")
    ),
    ("TrainingRole FindEndpoint *", "LookForEndpoint"),
    ("TrainingRole LookAtEndpoint *", "DescribeServingEndpoint"),
    ("TrainingRole LookAtEndpointConfig *", "DescribeServingConfig"),
    ("TrainingRole LookAtModel *", "DescribeServingModel"),
    ("TrainingRole ReadM* s3:GetObject ModelsBucket/*", "ReadMetrics"),
    ("TrainingRole RegisterModels * model-package/*", "RegisterModel"),
)


@pytest.fixture(scope="module")
def trained(deployed: Stack, manifest: str) -> dict[str, Any]:
    """The output of a run that has failed for want of each permission of its machine and jobs."""
    machine_input = {
        "manifest": manifest,
        "forceExtract": True,
        "autoApprove": False,
        "qualityGate": NO_GATE,
    }
    return fail_in_turn(
        deployed, lambda: begin(deployed, "Training", machine_input), TRAINING_STEPS
    )


def test_each_permission_of_the_training_machine_and_its_jobs_is_needed_where_it_says(
    trained: dict[str, Any],
) -> None:
    assert trained["outcome"] == "REGISTERED"


@takes_away(
    "TrainingRole FindManifests s3:ListBucket ModelsBucket",
    "TrainingRole FindManifests s3:ListBucket RecordingsBucket",
)
def test_a_missing_manifest_is_not_told_as_missing_without(stack: Stack, grant: Grant) -> None:
    bucket = stack.outputs[f"{grant.resource}Name"]
    with without(stack, grant):
        arn = begin(stack, "Training", {"manifest": f"s3://{bucket}/absent.json"})
        assert stack.wait_for_execution(arn)["error"] == "S3.S3Exception"
    assert redrive(stack, arn)["error"] == "S3.NoSuchKeyException"


@takes_away(
    f"{PROCESSING}StopProcessingJob *",
    f"{TRAINING}StopTrainingJob *",
)
def test_a_job_outlives_its_stopped_execution_without(
    stack: Stack, manifest: str, grant: Grant
) -> None:
    kind = grant.action.removeprefix("sagemaker:Stop")
    sagemaker, states = stack.client("sagemaker"), stack.client("stepfunctions")
    arn = begin(
        stack,
        "Training",
        {"manifest": manifest, "forceExtract": kind == "ProcessingJob", "autoApprove": False},
    )

    def running() -> str | None:
        listed = getattr(sagemaker, f"list_{SNAKE[kind]}s")(StatusEquals="InProgress")
        found = [job[f"{kind}Name"] for job in listed[f"{kind}Summaries"]]
        return found[0] if found else None

    def status() -> str:
        described = getattr(sagemaker, f"describe_{SNAKE[kind]}")(**{f"{kind}Name": name})
        return str(described[f"{kind}Status"])

    log = Tail(stack, "sagemaker")
    name = wait_for(running)
    with without(stack, grant):
        states.stop_execution(executionArn=arn)
        log.wait_for(f"Stop{kind} is refused", grant.action, name)
        wait_for(lambda: status() != "InProgress")
    assert status() == "Completed"
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"


SNAKE = {"ProcessingJob": "processing_job", "TrainingJob": "training_job"}


@takes_away_together(
    *(
        [f"TrainingJobRole WriteLogs logs:{action} *{kind}s:[*]" for kind in SNAKE]
        for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
    )
)
def test_jobs_of_either_kind_leave_no_log_without(
    stack: Stack, trained: dict[str, Any], grants: list[Grant]
) -> None:
    log = Tail(stack, "sagemaker")
    for kind in SNAKE:
        if group_is_there(stack, log_group(kind)):
            stack.client("logs").delete_log_group(logGroupName=log_group(kind))
    with without(stack, *grants):
        run_jobs_again(stack, trained)
        for grant in grants:
            group = grant.resource.removeprefix("log-group:").removesuffix(":*")
            log.wait_for(f"log lines of {group}", "are lost", grant.action)


def log_group(kind: str) -> str:
    return f"/aws/sagemaker/{kind}s"


@takes_away("TrainingJobRole PutJobMetrics *")
def test_jobs_leave_logs_and_no_metrics_without(
    stack: Stack, trained: dict[str, Any], grant: Grant
) -> None:
    log = Tail(stack, "sagemaker")
    for kind in SNAKE:
        if group_is_there(stack, log_group(kind)):
            stack.client("logs").delete_log_group(logGroupName=log_group(kind))
    with without(stack, grant):
        names = run_jobs_again(stack, trained)
        log.wait_for(f"The metrics of {names['TrainingJob']} are not published", grant.action)
    wait_for(lambda: all(group_is_there(stack, log_group(kind)) for kind in SNAKE))
    wait_for(lambda: all(count_lines(stack, log_group(kind)) for kind in SNAKE))


def run_jobs_again(stack: Stack, trained: dict[str, Any]) -> dict[str, str]:
    """Run jobs of either kind at once, and return their names by kind once they have ended."""
    with ThreadPoolExecutor(len(SNAKE)) as pool:
        names = pool.map(lambda kind: run_job_again(stack, trained, kind), SNAKE)
        return dict(zip(SNAKE, names, strict=True))


def run_job_again(stack: Stack, trained: dict[str, Any], kind: str) -> str:
    """Run a job of a finished run under another name, and return that once it has ended."""
    sagemaker, name = stack.client("sagemaker"), f"femo-dev-again-{uuid.uuid4().hex}"
    old = trained["trainingJobName"]
    if kind == "ProcessingJob":
        old = old.replace("-train-", "-prepare-").rsplit("-", 2)[0]
        listed = sagemaker.list_processing_jobs(NameContains=old)["ProcessingJobSummaries"]
        old = listed[0]["ProcessingJobName"]
    describe = getattr(sagemaker, f"describe_{SNAKE[kind]}")
    members = sagemaker.meta.service_model.operation_model(f"Create{kind}").input_shape.members
    job = {key: value for key, value in describe(**{f"{kind}Name": old}).items() if key in members}
    getattr(sagemaker, f"create_{SNAKE[kind]}")(**{**job, f"{kind}Name": name})
    ended = wait_for(
        lambda: (
            None
            if (found := describe(**{f"{kind}Name": name}))[f"{kind}Status"] == "InProgress"
            else found
        )
    )
    assert ended[f"{kind}Status"] == "Completed", ended.get("FailureReason")
    return name


# Approval and deployment


def approve(stack: Stack, package: str) -> None:
    for status in ("PendingManualApproval", "Approved"):
        stack.client("sagemaker").update_model_package(
            ModelPackageArn=package, ModelApprovalStatus=status
        )


def executions(stack: Stack, machine: str, **chosen: Any) -> list[str]:
    listed = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.outputs[f"{machine}StateMachineArn"], maxResults=1000, **chosen
    )["executions"]
    return [execution["executionArn"] for execution in listed]


@takes_away("ApprovalRuleRole StartApproval *")
def test_an_approval_is_kept_in_a_dead_letter_queue_without(
    deployed: Stack, package: str, grant: Grant
) -> None:
    with without(deployed, grant):
        approve(deployed, package)
        (kept,) = wait_for(
            lambda: deployed.client("sqs").receive_message(
                QueueUrl=deployed.outputs["EventDeadLetterQueueUrl"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=1,
            ).get("Messages")
        )  # fmt: skip
    assert json.loads(kept["Body"])["detail"]["ModelPackageArn"] == package
    attributes = {name: at["StringValue"] for name, at in kept["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert grant.action in attributes["ERROR_MESSAGE"]


DEPLOYMENT_STEPS = take_away_in_turn(
    ("DeploymentRole ReadSmokeRecording *", "FindSmokeRecording"),
    ("DeploymentRole ReadModelPackages *", "DescribeModelPackage"),
    ("DeploymentRole TakeTurns dynamodb:UpdateItem *", "Claim"),
    ("DeploymentRole CreateModels sagemaker:CreateModel *", "CreateModel"),
    ("DeploymentRole CreateModels sagemaker:AddTags *", "CreateModel"),
    ("DeploymentRole GiveHostingRole *", "CreateModel"),
    ("DeploymentRole * sagemaker:CreateEndpointConfig *", "CreateEndpointConfig"),
    ("DeploymentRole CreateEndpointConfigs sagemaker:AddTags *", "CreateEndpointConfig"),
    ("DeploymentRole FindEndpoint *", "LookForEndpoint"),
    ("DeploymentRole TryEndpoint sagemaker:DescribeEndpoint *", "DescribeOldEndpoint"),
    ("DeploymentRole * *:RegisterScalableTarget *", "RegisterScalableTarget"),
    ("DeploymentRole ScaleEndpointByItsCapacity *", "RegisterScalableTarget"),
    ("DeploymentRole LookAtScaledVariant *", "RegisterScalableTarget"),
    ("DeploymentRole * *:PutScalingPolicy *", "TrackBacklog"),
    ("DeploymentRole KeepTrackingAlarms cloudwatch:PutMetricAlarm *", "TrackBacklog"),
    ("DeploymentRole LookAtAlarms *", "TrackBacklog"),
    ("DeploymentRole PutWakeAlarm *", "PutWakeAlarm"),
)
START_DEPLOYMENTS = take_away_in_turn(("ApprovalRole StartDeployments *", "StartDeployment"))


def test_an_approved_model_is_deployed_once_and_each_permission_for_it_is_needed(
    deployed: Stack, package: str
) -> None:
    version = package.rsplit("/", 1)[-1]
    ((start_deployments, state),) = START_DEPLOYMENTS
    before = executions(deployed, "Approval")

    def approvals(status: str) -> list[str]:
        return [
            arn
            for arn in executions(deployed, "Approval", statusFilter=status)
            if arn not in before
        ]

    with without(deployed, start_deployments):
        approve(deployed, package)
        (approval,) = wait_for(lambda: approvals("FAILED"))
        ended = deployed.wait_for_execution(approval)
    assert entered(deployed, approval)[-1] == state
    assert start_deployments.action in ended["cause"]

    def start() -> str:
        told = json.loads(redrive(deployed, approval)["output"])
        assert told["outcome"] == "STARTED"
        return str(told["execution"])

    output = fail_in_turn(deployed, start, DEPLOYMENT_STEPS)
    assert (output["outcome"], output["modelPackageArn"]) == ("DEPLOYED", package)
    told = json.loads(read_smoke_result(deployed, output["smokeResultLocation"]))
    assert told["result"]["model"]["package"] == f"femo-dev/{version}"
    with FemoClient(deployed.outputs["ApiUrl"], deployed.credentials()) as api:
        # Scaling, which the machine has let go on, may change the number of instances just then
        wait_for(lambda: api.service().as_json()["endpoint"] == {"status": "InService"})
        assert api.service().as_json()["modelPackage"] == f"femo-dev/{version}"

    known = {approval, *approvals("SUCCEEDED")}
    approve(deployed, package)  # once more, after it was not approved for a moment

    def started() -> str | None:
        new = [arn for arn in approvals("SUCCEEDED") if arn not in known]
        told = [json.loads(deployed.wait_for_execution(arn)["output"]) for arn in new]
        return next((str(one["execution"]) for one in told if one["outcome"] == "STARTED"), None)

    again = deployed.wait_for_execution(wait_for(started))
    assert json.loads(again["output"])["outcome"] == "DEPLOYED"


def read_smoke_result(stack: Stack, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    content: bytes = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


@takes_away("DeploymentRole FindSm* s3:ListBucket ModelsBucket")
def test_a_missing_smoke_recording_is_not_told_as_missing_without(
    deployed: Stack, recording: Path, grant: Grant
) -> None:
    s3, bucket = deployed.client("s3"), deployed.outputs["ModelsBucketName"]
    s3.delete_object(Bucket=bucket, Key="smoke/recording.dat")
    machine_input = {"modelDataUrl": f"s3://{bucket}/absent.tar.gz"}
    with without(deployed, grant):
        arn = begin(deployed, "Deployment", machine_input)
        assert deployed.wait_for_execution(arn)["error"] == "S3.S3Exception"
    assert redrive(deployed, arn)["error"] == "S3.NoSuchKeyException"
    s3.upload_file(str(recording), bucket, "smoke/recording.dat")


def kept_executions(stack: Stack) -> set[str]:
    """Executions of which the dead-letter queue has an event now, among those of other rules."""
    received = stack.client("sqs").receive_message(
        QueueUrl=stack.outputs["EventDeadLetterQueueUrl"],
        WaitTimeSeconds=1,
        MaxNumberOfMessages=10,
    )
    events = [json.loads(message["Body"])["detail"] for message in received.get("Messages", [])]
    return {event["executionArn"] for event in events if "executionArn" in event}


@takes_away("RestorationRuleRole StartRestoration *")
def test_a_failed_deployment_is_kept_in_a_dead_letter_queue_without(
    deployed: Stack, grant: Grant
) -> None:
    with without(deployed, grant):
        arn = begin(deployed, "Deployment", {})
        assert deployed.wait_for_execution(arn)["status"] == "FAILED"
        wait_for(lambda: arn in kept_executions(deployed))


# Permissions whose want a machine catches, or meets where a deployment seldom comes by; each with
# the machine, its state and what the state reads
ABSENT = "femo-dev-0123456789abcdef-0-0"
RESULT = {"outcome": "DEPLOYED", "reason": "tried"}
GOING = {"configName": ABSENT, "previousConfigName": ABSENT, "instances": 0}
ALONE = [
    (find(pattern), machine, state, variables)
    for pattern, machine, state, variables in (
        ("DeploymentRole TakeTurns dynamodb:GetItem *", "Deployment", "ReadLease", {}),
        ("DeploymentRole * *:DeregisterScalableTarget *", "Deployment", "StopScaling", {}),
        ("DeploymentRole KeepTrackingAlarms cloudwatch:DeleteAlarms *", "Deployment",
         "StopScaling", {}),
        ("DeploymentRole PutE* sagemaker:UpdateEndpoint endpoint/*", "Deployment", "UpdateEndpoint",
         GOING),
        ("DeploymentRole * sagemaker:UpdateEndpoint endpoint-config/*", "Deployment",
         "RollBack", GOING),
        ("DeploymentRole TryEndpoint sagemaker:DeleteEndpoint *", "Deployment", "Withdraw", {}),
        ("DeploymentRole WriteSmokeRequest *", "Deployment", "WriteSmokeRequest", {}),
        ("DeploymentRole * sagemaker:InvokeEndpointAsync *", "Deployment", "InvokeSmokeJob",
         {"smokeTries": 1}),
        ("DeploymentRole FindSm* s3:ListBucket RequestsBucket", "Deployment",
         "LookForSmokeResult", {"smokeOutputKey": "results/none"}),
        ("DeploymentRole LookAtQueue *", "Deployment", "LookAtQueue",
         {"smokeSent": 0, "smokeSeconds": 0, "smokeLooks": 0}),
        ("DeploymentRole LookAtScaling *", "Deployment", "LookForScaling", {}),
        ("DeploymentRole TellOfScaling *", "Deployment", "MeasureScaling", {"scales": True}),
        ("DeploymentRole * sagemaker:ListEndpointConfigs *", "Deployment", "ListOldConfigs",
         GOING | {"provenConfigName": ABSENT}),
        ("DeploymentRole * sagemaker:ListModels *", "Deployment", "ListOldModels",
         {"keptConfigs": [ABSENT]}),
        ("DeploymentRole CleanUpEndpointConfigs *", "Deployment", "DeleteOldConfig",
         {"oldConfigs": [ABSENT]}),
        ("DeploymentRole CleanUpModels *", "Deployment", "DeleteOldModel",
         {"oldModels": [ABSENT]}),
        ("DeploymentRole TellOfRollback *", "Deployment", "Tell", {"result": RESULT}),
        ("DeploymentRole EncryptAlerts kms:GenerateDataKey *", "Deployment", "Tell",
         {"result": RESULT}),
        ("DeploymentRole EncryptAlerts kms:Decrypt *", "Deployment", "Tell", {"result": RESULT}),
        ("DeploymentRole PutF* sagemaker:CreateEndpoint *", "Deployment", "CreateFastLane",
         {"fastConfigName": ABSENT}),
        ("DeploymentRole TryFastLane sagemaker:AddTags *", "Deployment", "CreateFastLane",
         {"fastConfigName": ABSENT}),
        ("DeploymentRole PutF* sagemaker:UpdateEndpoint *", "Deployment", "UpdateFastLane",
         {"fastConfigName": ABSENT}),
        ("DeploymentRole TryFastLane sagemaker:DescribeEndpoint *", "Deployment",
         "DescribeFastLane", {}),
        ("DeploymentRole TryFastLane sagemaker:InvokeEndpoint *", "Deployment", "ProveFastLane",
         {}),
        ("DeploymentRole TryFastLane sagemaker:DeleteEndpoint *", "Deployment", "TurnFastLaneOff",
         {"fastReason": ""}),
        ("TrainingRole EndJobLogs * *ProcessingJobs:*", "Training", "EndJobLog",
         {"endless": ["/aws/sagemaker/ProcessingJobs"]}),
        ("TrainingRole EndJobLogs * *TrainingJobs:*", "Training", "EndJobLog",
         {"endless": ["/aws/sagemaker/TrainingJobs"]}),
        ("ApprovalRole MarkApprovals dynamodb:GetItem *", "Approval", "ReadMark", {}),
        ("ApprovalRole MarkApprovals dynamodb:PutItem *", "Approval", "Mark", {"execution": "e"}),
        ("ApprovalRole MarkApprovals dynamodb:DeleteItem *", "Approval", "RemoveMark", {}),
        ("ApprovalRole FindEndpoint *", "Approval", "LookForEndpoint", {}),
        ("ApprovalRole LookWhatServes *", "Approval", "DescribeEndpoint", {}),
        ("ApprovalRole TellOfRejection *", "Approval", "TellRejected", {}),
        ("ApprovalRole EncryptAlerts kms:GenerateDataKey *", "Approval", "TellRejected", {}),
        ("ApprovalRole EncryptAlerts kms:Decrypt *", "Approval", "TellRejected", {}),
    )
]  # fmt: skip
TRIED.update(grant for grant, *_ in ALONE)


@pytest.mark.parametrize(("grant", "machine", "state", "variables"), ALONE)
def test_a_state_that_cannot_do_its_work_says_so_without(
    deployed: Stack, grant: Grant, machine: str, state: str, variables: dict[str, Any]
) -> None:
    """In a machine of this state alone: in the whole one it is caught, or seldom comes by."""
    states = deployed.client("stepfunctions")
    whole = states.describe_state_machine(
        stateMachineArn=deployed.outputs[f"{machine}StateMachineArn"]
    )
    tried = json.loads(whole["definition"])["States"][state]
    alone = {key: value for key, value in tried.items() if key not in ("Catch", "Next", "Retry")}
    known = {"version": "0", "modelPackageArn": "none", "reason": "tried", **variables}
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Before",
        "States": {
            "Before": {"Type": "Pass", "Assign": known, "Next": state},
            state: {**alone, "End": True},
        },
    }
    arn = states.create_state_machine(
        name=f"alone-{uuid.uuid4()}", definition=json.dumps(definition), roleArn=whole["roleArn"]
    )["stateMachineArn"]
    with without(deployed, grant):
        ended = deployed.run_machine(arn, {})
        assert ended["status"] == "FAILED"
        assert grant.action in ended["cause"] or "403" in ended["cause"], ended["cause"]
    if state in ("Withdraw", "StopScaling"):
        return  # with it the endpoint would go, or its scaling
    allowed = redrive(deployed, ended["executionArn"])
    assert grant.action not in allowed.get("cause", ""), allowed
    # What is absent cannot be put into service, deleted, or given an end
    absent = (ABSENT, "does not exist", deployed.outputs["FastLaneEndpointName"])
    missing = any(words in allowed.get("cause", "") for words in absent)
    assert allowed["status"] == "SUCCEEDED" or missing, allowed


FIRST_STEPS = take_away_in_turn(
    ("DeploymentRole PutE* sagemaker:CreateEndpoint endpoint/*", "CreateEndpoint"),
    ("DeploymentRole * sagemaker:CreateEndpoint endpoint-config/*", "CreateEndpoint"),
    ("DeploymentRole TryEndpoint sagemaker:AddTags *", "CreateEndpoint"),
)

# What the local stack cannot enforce, and which call of which part needs it
NOT_ENFORCED = {
    "* SendTraces *": "Lambda and Step Functions send traces (Tracing in the template)",
    "* DeliverLogs *": "Step Functions delivers a machine's log (Logging in the template)",
    "FastLaneFunctionRole TakeJobs *": "Lambda takes messages from the function's queue",
    "* PullImage *": "SageMaker pulls the image that a job or a model names",
    "* SignInToRegistry *": "SageMaker pulls the image that a job or a model names",
    "TrainingRole ReadImage *": "CreateModelPackage looks at the image",
    "TrainingRole RegisterModels * model-package-group/*": "CreateModelPackage names the group",
    "* s3:AbortMultipartUpload *": "SageMaker breaks off an upload in parts that fails",
    "* logs:DescribeLogStreams *": "SageMaker looks for the stream of a container",
    "HostingRole PutEndpointMetrics *": "SageMaker publishes an endpoint's metrics",
    "* LookAtRollbackAlarm *": "UpdateEndpoint looks at the alarms of its rollback",
    "DeploymentRole MakeScalingRoleOnce *": "RegisterScalableTarget, the first in an account",
}


def test_each_permission_is_taken_away_in_a_test_or_one_that_cannot_be_here() -> None:
    cannot = {
        grant
        for grant in all_grants()
        for pattern in NOT_ENFORCED
        if fnmatchcase(str(grant), pattern)
    }
    # Imported for what they take away
    assert CONSOLE_IS_TRIED
    assert FAST_LANE_IS_TRIED
    assert MODELS_ARE_TRIED
    assert WARM_UP_IS_TRIED
    assert not cannot & TRIED
    assert sorted(map(str, set(all_grants()) - cannot - TRIED)) == []
    for pattern in NOT_ENFORCED:
        assert any(fnmatchcase(str(grant), pattern) for grant in cannot), pattern
