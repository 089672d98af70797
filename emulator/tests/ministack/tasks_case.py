"""A task's resource, arguments, result and errors are those of Step Functions."""

# unittest, because MiniStack's environment has no pytest
# ruff: noqa: PT009

import datetime
import unittest
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from ministack.services import stepfunctions as sfn

from local_aws.ministack.step_functions import sdk_json, task_faults, tasks


def model(service: str, operation: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(operation)


def failure(resource: str, operation: str, code: str) -> Any:
    call = tasks.parse_resource(resource)
    assert call is not None
    answer: Any = {
        "Error": {"Code": code, "Message": "why"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return call._failure(ClientError(answer, operation), operation)


class Resources(unittest.TestCase):
    def test_service_tasks_are_taken_over(self) -> None:
        for resource, service, operation, sync in (
            ("arn:aws:states:::sagemaker:createModel", "sagemaker", "CreateModel", False),
            (
                "arn:aws:states:::sagemaker:createTrainingJob.sync",
                "sagemaker",
                "CreateTrainingJob",
                True,
            ),
            ("arn:aws:states:::aws-sdk:s3:headObject", "s3", "HeadObject", False),
            (
                "arn:aws:states:::aws-sdk:sagemakerruntime:invokeEndpointAsync",
                "sagemaker-runtime",
                "InvokeEndpointAsync",
                False,
            ),
            (
                "arn:aws:states:::aws-sdk:sfn:startExecution",
                "stepfunctions",
                "StartExecution",
                False,
            ),
            ("arn:aws:states:::dynamodb:putItem", "dynamodb", "PutItem", False),
            ("arn:aws:states:::lambda:invoke", "lambda", "Invoke", False),
        ):
            with self.subTest(resource):
                call = tasks.parse_resource(resource)
                assert call is not None
                self.assertEqual(
                    (call.service, call.operation, call.sync), (service, operation, sync)
                )

    def test_everything_else_is_left_to_ministack(self) -> None:
        for resource in (
            "arn:aws:lambda:us-east-1:000000000000:function:f",
            "arn:aws:states:us-east-1:000000000000:activity:a",
            "arn:aws:states:::states:startExecution.sync:2",
            "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "arn:aws:states:::http:invoke",
        ):
            self.assertIsNone(tasks.parse_resource(resource), resource)


class Documents(unittest.TestCase):
    def test_pascal_case_arguments_become_the_sdks_members(self) -> None:
        shape = model("stepfunctions", "StartExecution").input_shape
        wire = sdk_json.to_sdk({"StateMachineArn": "arn", "Input": {"a": 1}}, shape)
        self.assertEqual(wire, {"stateMachineArn": "arn", "input": '{"a": 1}'})

    def test_the_one_kind_of_number_of_jsonata_becomes_an_integer(self) -> None:
        shape = model("sagemaker", "CreateEndpointConfig").input_shape
        variants = [{"VariantName": "main", "InitialInstanceCount": 1.0}]
        wire = sdk_json.to_sdk({"ProductionVariants": variants}, shape)
        self.assertIs(type(wire["ProductionVariants"][0]["InitialInstanceCount"]), int)

    def test_keys_that_are_data_keep_their_case(self) -> None:
        shape = model("sagemaker", "DescribeTrainingJob").output_shape
        answer: Any = {
            "HyperParameters": {"rounds": "1"},
            "CreationTime": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
            "ResponseMetadata": {},
        }
        expected = {"HyperParameters": {"rounds": "1"}, "CreationTime": "2026-01-02T00:00:00.000Z"}
        self.assertEqual(sdk_json.from_sdk(answer, shape), expected)

    def test_members_get_pascal_case(self) -> None:
        shape = model("stepfunctions", "DescribeExecution").output_shape
        self.assertEqual(sdk_json.from_sdk({"name": "x"}, shape), {"Name": "x"})


class Errors(unittest.TestCase):
    def test_errors_are_named_as_step_functions_names_them(self) -> None:
        optimized = "arn:aws:states:::sagemaker:createModel"
        sdk = "arn:aws:states:::aws-sdk:sagemaker:describeEndpoint"
        head = "arn:aws:states:::aws-sdk:s3:headObject"
        for resource, operation, code, expected in (
            (optimized, "CreateModel", "ValidationException", "SageMaker.AmazonSageMakerException"),
            (
                optimized,
                "CreateModel",
                "ResourceLimitExceeded",
                "SageMaker.ResourceLimitExceededException",
            ),
            (sdk, "DescribeEndpoint", "ValidationException", "SageMaker.SageMakerException"),
            (sdk, "DescribeEndpoint", "ResourceNotFound", "SageMaker.ResourceNotFoundException"),
            (head, "HeadObject", "404", "S3.NoSuchKeyException"),
            (head, "HeadObject", "403", "S3.S3Exception"),
            (
                "arn:aws:states:::dynamodb:putItem",
                "PutItem",
                "ConditionalCheckFailedException",
                "DynamoDB.ConditionalCheckFailedException",
            ),
            (
                "arn:aws:states:::aws-sdk:dynamodb:putItem",
                "PutItem",
                "ConditionalCheckFailedException",
                "DynamoDb.ConditionalCheckFailedException",
            ),
        ):
            with self.subTest(resource=resource, code=code):
                self.assertEqual(failure(resource, operation, code).error, expected)


class Faults(unittest.TestCase):
    def meets(self, state: str, moment: str, machine: str = "m") -> bool:
        try:
            task_faults.meet(machine, state, moment)
        except sfn._ExecutionError as error:
            self.assertEqual(error.error, task_faults.ERROR)
            return True
        return False

    def test_a_task_fails_once_at_each_moment_that_was_asked_for(self) -> None:
        task_faults.plan({"stateMachineArn": "m", "before": ["A"], "after": ["A", "B"]})
        self.assertFalse(self.meets("A", "before", machine="other"))
        self.assertTrue(self.meets("A", "before"))
        self.assertFalse(self.meets("A", "before"))
        self.assertTrue(self.meets("A", "after"))
        answer = task_faults.plan({"stateMachineArn": "m"})
        self.assertEqual(answer, {"forgotten": ["after B"]})
        self.assertFalse(self.meets("B", "after"))
