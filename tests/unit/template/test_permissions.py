"""Each role may do what its part does, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.pipeline.machines import load

from .documents import Document, as_list, granted, resources, statements, template

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
# Log delivery and traces of a state machine
MACHINE = TRACES | {
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
# What each part calls, by the name that IAM has for it. HeadObject is GetObject, and without
# ListBucket S3 answers 403 where there is no object; parts of an upload are PutObject.
CALLS = {
    "ApiFunctionRole": LOGS
    | TRACES
    | {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:Query",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListMultipartUploadParts",
        "s3:GetObject",
        "s3:PutObject",
        "sagemaker:InvokeEndpointAsync",
        "sagemaker:DescribeEndpoint",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "sqs:SendMessage",
        "kms:Decrypt",
    },
    "FastLaneFunctionRole": LOGS
    | TRACES
    | {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "sagemaker:InvokeEndpoint",
        "sagemaker:InvokeEndpointAsync",
        "sns:Publish",
        "kms:GenerateDataKey",
        "kms:Decrypt",
    },
    "CompletionFunctionRole": LOGS
    | TRACES
    | {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "sagemaker:InvokeEndpointAsync",
        "sqs:SendMessage",
    },
    "ConsoleFunctionRole": LOGS | TRACES | {"ssm:GetParameter"},
    "ModelsFunctionRole": LOGS
    | TRACES
    | {
        "sagemaker:ListModelPackages",
        "sagemaker:DescribeModelPackage",
        "sagemaker:UpdateModelPackage",
        "sagemaker:DescribeEndpoint",
        "states:StartExecution",
        "states:DescribeExecution",
    },
    "SweeperFunctionRole": LOGS
    | TRACES
    | {
        "dynamodb:Query",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "sagemaker:InvokeEndpointAsync",
        "cloudwatch:GetMetricStatistics",
    },
    "HostingRole": LOGS
    | {
        "logs:CreateLogGroup",
        "logs:DescribeLogStreams",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:ListBucket",
        "sns:Publish",
        "kms:GenerateDataKey",
        "kms:Decrypt",
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "cloudwatch:PutMetricData",
        "cloudwatch:DescribeAlarms",
    },
    "InFlightFunctionRole": LOGS | TRACES | {"dynamodb:Query"},
    "TrainingRole": MACHINE
    | {
        "s3:ListBucket",
        "s3:GetObject",
        "kms:Decrypt",
        "sagemaker:CreateProcessingJob",
        "sagemaker:DescribeProcessingJob",
        "sagemaker:StopProcessingJob",
        "sagemaker:CreateTrainingJob",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:StopTrainingJob",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "sagemaker:CreateModelPackage",
        "sagemaker:ListEndpoints",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeModel",
        "iam:PassRole",
        "events:PutTargets",
        "events:PutRule",
        "events:DescribeRule",
        "ecr:BatchGetImage",
        "ecr:DescribeImages",
        "logs:PutRetentionPolicy",
    },
    "TrainingJobRole": LOGS
    | {
        "logs:CreateLogGroup",
        "logs:DescribeLogStreams",
        "s3:GetObject",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:ListBucket",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "cloudwatch:PutMetricData",
    },
    "ApprovalRole": MACHINE
    | {
        "states:StartExecution",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:DeleteItem",
        "sagemaker:ListEndpoints",
        "sagemaker:DescribeEndpoint",
        "sns:Publish",
        "kms:GenerateDataKey",
        "kms:Decrypt",
    },
    "ApprovalRuleRole": {"states:StartExecution"},
    "RestorationRuleRole": {"states:StartExecution"},
    "DeploymentRole": MACHINE
    | {
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
        "cloudwatch:GetMetricStatistics",
        "cloudwatch:PutMetricData",
        "application-autoscaling:DescribeScalingPolicies",
        "sagemaker:ListEndpointConfigs",
        "sagemaker:ListModels",
        "sagemaker:DeleteEndpointConfig",
        "sagemaker:DeleteModel",
        "sagemaker:DescribeModelPackage",
        "sagemaker:CreateModel",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:CreateEndpoint",
        "sagemaker:UpdateEndpoint",
        "sagemaker:ListEndpoints",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DeleteEndpoint",
        "sagemaker:InvokeEndpoint",
        "sagemaker:InvokeEndpointAsync",
        "sagemaker:AddTags",
        "iam:PassRole",
        "sns:Publish",
        "kms:GenerateDataKey",
        "kms:Decrypt",
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
        "cloudwatch:PutMetricAlarm",
        # Asked by Application Auto Scaling of its caller
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "iam:CreateServiceLinkedRole",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
    },
}
# AWS knows no resource for these
WITHOUT_RESOURCE = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
    "cloudwatch:GetMetricStatistics",
    "sagemaker:ListEndpoints",
    # Application Auto Scaling looks for its alarms by a list
    "cloudwatch:DescribeAlarms",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListModelPackages",
    "sagemaker:ListModels",
    "application-autoscaling:DescribeScalingPolicies",
}


def roles() -> Iterator[str]:
    for name, _ in resources("AWS::IAM::Role"):
        yield name


@pytest.mark.parametrize("role", sorted(CALLS))
def test_a_role_may_do_just_what_its_part_calls(role: str) -> None:
    assert granted(role) == CALLS[role]


@pytest.mark.parametrize("role", sorted(roles()))
def test_no_action_is_granted_by_a_wildcard(role: str) -> None:
    assert not {action for action in granted(role) if "*" in action}


@pytest.mark.parametrize("role", sorted(roles()))
def test_a_wildcard_resource_is_used_only_where_aws_has_no_other(role: str) -> None:
    for statement in statements(role):
        if "*" in as_list(statement["Resource"]):
            assert set(as_list(statement["Action"])) <= WITHOUT_RESOURCE, statement["Sid"]


def test_metrics_can_be_published_under_one_namespace_alone() -> None:
    for role in roles():
        for statement in statements(role):
            if "cloudwatch:PutMetricData" in as_list(statement["Action"]):
                assert "cloudwatch:namespace" in statement["Condition"]["StringEquals"]


def test_a_role_is_handed_to_sagemaker_alone() -> None:
    for role in roles():
        for statement in statements(role):
            if "iam:PassRole" in as_list(statement["Action"]):
                assert statement["Condition"] == {
                    "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
                }
                for item in as_list(statement["Resource"]):
                    given = item["Fn::If"][1] if "Fn::If" in item else item
                    assert "Fn::GetAtt" in given or given == {"Ref": "AdditionalTrainingRoleArn"}


def test_a_machine_that_submits_jobs_can_start_no_instance() -> None:
    """An instance costs money without a job: who may ask for one is told apart."""
    scopes = {
        name: set(client["AllowedOAuthScopes"])
        for name, client in resources("AWS::Cognito::UserPoolClient")
    }
    assert scopes["MachineClient"] == {"jobs/read", "jobs/write"}
    assert scopes["PersonClient"] == {
        "openid",
        "jobs/read",
        "jobs/write",
        "service/write",
        "models/read",
        "models/write",
    }
    defined = {
        f"{server['Identifier']}/{scope['ScopeName']}"
        for _, server in resources("AWS::Cognito::UserPoolResourceServer")
        for scope in server["Scopes"]
    }
    assert set().union(*scopes.values()) - {"openid"} == defined


def test_the_api_changes_the_size_of_its_own_endpoint_alone() -> None:
    (statement,) = [
        item
        for item in statements("ApiFunctionRole")
        if "sagemaker:UpdateEndpointWeightsAndCapacities" in as_list(item["Action"])
    ]
    (arn,) = as_list(statement["Resource"])
    assert arn["Fn::Sub"].endswith(":endpoint/${ProjectName}-${StageName}")


def test_every_statement_says_what_it_is_for() -> None:
    for role in roles():
        names = [statement["Sid"] for statement in statements(role)]
        assert len(set(names)) == len(names), role


def test_no_role_but_api_gateways_leans_on_a_managed_policy() -> None:
    managed = {name for name, role in resources("AWS::IAM::Role") if role.get("ManagedPolicyArns")}
    assert managed == {"ApiGatewayAccountRole"}


def test_each_role_is_assumed_by_one_service() -> None:
    for name, role in resources("AWS::IAM::Role"):
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole", name
        assert list(statement["Principal"]) == ["Service"], name


def test_each_function_has_a_role_of_its_own() -> None:
    used = [properties["Role"]["Fn::GetAtt"][0] for _, properties in functions()]
    assert len(set(used)) == len(used)


def functions() -> Iterator[tuple[str, Document]]:
    yield from resources("AWS::Serverless::Function")


def test_who_publishes_to_an_encrypted_topic_may_use_its_key() -> None:
    """Without the key the message is refused, and jobs would end without anybody hearing of it."""
    assert all(
        topic["KmsMasterKeyId"] == {"Ref": "NotificationKey"}
        for _, topic in resources("AWS::SNS::Topic")
    )
    key = {"Fn::GetAtt": ["NotificationKey", "Arn"]}
    for role in roles():
        if "sns:Publish" in granted(role):
            allowed = {
                action
                for statement in statements(role)
                if key in as_list(statement["Resource"])
                for action in as_list(statement["Action"])
            }
            assert {"kms:GenerateDataKey", "kms:Decrypt"} <= allowed, role
    assert template()["Resources"]["NotificationKey"]["Properties"]["EnableKeyRotation"]


@pytest.mark.parametrize(
    ("machine", "role"),
    [
        ("training", "TrainingRole"),
        ("approval", "ApprovalRole"),
        ("deployment", "DeploymentRole"),
    ],
)
def test_a_machine_may_make_every_call_that_its_tasks_make(machine: str, role: str) -> None:
    prefixes = {"cloudwatchlogs": "logs", "sagemakerruntime": "sagemaker", "sfn": "states"}
    prefixes["applicationautoscaling"] = "application-autoscaling"
    actions = {"headObject": "GetObject", "listObjectsV2": "ListBucket"}
    for name, state in load(machine)["States"].items():
        if state["Type"] == "Task":
            parts = state["Resource"].removeprefix("arn:aws:states:::").split(":")
            service, call = parts[-2], parts[-1].removesuffix(".sync")
            action = actions.get(call, call[0].upper() + call[1:])
            assert f"{prefixes.get(service, service)}:{action}" in granted(role), name
