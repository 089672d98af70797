"""A state machine's calls to AWS services, made with the machine's own role.

MiniStack calls its services directly, so a machine's role is never asked, SageMaker is unknown
and few S3 operations exist. Here every ``arn:aws:states:::`` task is one boto3 call, signed with
credentials of the machine's role: the gateway and local SageMaker then enforce the role as they
do for any caller, and every operation of the SDK is there.

A ``.sync`` job is polled until it ends, and stopped when the execution is or its state times out.
"""

import contextvars
import json
import time
from collections.abc import Callable
from typing import Any

from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    ParamValidationError,
)
from ministack.services import stepfunctions as sfn

from local_aws.ministack.iam.service_sessions import ACCOUNT, REGION
from local_aws.ministack.private_names import PrivateName
from local_aws.ministack.step_functions import machine_roles, task_faults
from local_aws.ministack.step_functions.executions import Execution, is_running
from local_aws.ministack.step_functions.machine_roles import authorize_machine
from local_aws.ministack.step_functions.sdk_json import from_sdk, to_sdk

PRIVATE_NAMES = (
    PrivateName("services.stepfunctions", "_ExecutionError", kind=type),
    PrivateName("services.stepfunctions", "_apply_jsonata_template", ("value", "raw_input", "ctx")),
    PrivateName(
        "services.stepfunctions", "_execute_task", ("state_def", "raw_input", "execution", "ctx")
    ),
    PrivateName("services.stepfunctions", "_invoke_resource", ("resource", "input_data")),
    *machine_roles.PRIVATE_NAMES,
)

INTEGRATION = "arn:aws:states:::"
POLL_SECONDS = 0.25
UNREACHABLE_SECONDS = 60.0
READS = ("Describe", "Get", "Head", "List")
# Optimised integrations: service -> (boto3's name, prefix of its error names)
OPTIMIZED = {
    "dynamodb": ("dynamodb", "DynamoDB"),
    "events": ("events", "EventBridge"),
    "lambda": ("lambda", "Lambda"),
    "sagemaker": ("sagemaker", "SageMaker"),
    "sns": ("sns", "SNS"),
    "sqs": ("sqs", "SQS"),
}
# SDK integrations are named for the Java SDK's modules; these differ from boto3's names
SDK_SERVICES = {
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sagemakerruntime": "sagemaker-runtime",
    "sfn": "stepfunctions",
    "applicationautoscaling": "application-autoscaling",
}
SDK_ERROR_PREFIXES = {
    "applicationautoscaling": "ApplicationAutoScaling",
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "sagemaker": "SageMaker",
    "sagemakerruntime": "SageMakerRuntime",
}
# Job operations with a .sync form: operation -> (kind, describe, stop)
SYNC_JOBS = {
    "CreateProcessingJob": "ProcessingJob",
    "CreateTrainingJob": "TrainingJob",
}
_HEAD_ERRORS = {
    ("HeadObject", "404"): "NoSuchKeyException",
    ("HeadBucket", "404"): "NoSuchBucketException",
}
MANAGED_TAG = {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}

_current: contextvars.ContextVar["RunningTask | None"] = contextvars.ContextVar(
    "running_task", default=None
)


class RunningTask:
    """The execution that a task belongs to, and when its state times out."""

    def __init__(self, execution: Execution, state_name: str, timeout: float | None) -> None:
        self.execution = execution
        self.state_name = state_name
        self.run = execution.get("progress", {}).get("redriveCount", 0)
        self.deadline = None if timeout is None else time.monotonic() + timeout

    def must_stop(self) -> bool:
        """Say whether the execution ended or the state's time is over."""
        if not is_running(self.execution, self.run):
            return True
        return self.deadline is not None and time.monotonic() > self.deadline


def apply() -> None:
    """Take over service tasks, and evaluate TimeoutSeconds in JSONata."""
    execute_task = sfn._execute_task
    invoke_resource = sfn._invoke_resource

    def execute(
        state: dict[str, Any], raw_input: Any, execution: Execution, ctx: dict[str, Any]
    ) -> Any:
        timeout = state.get("TimeoutSeconds")
        if isinstance(timeout, str):
            timeout = sfn._apply_jsonata_template(timeout, raw_input, ctx)
            state = {**state, "TimeoutSeconds": timeout}
        token = _current.set(RunningTask(execution, ctx["State"]["Name"], timeout))
        try:
            return execute_task(state, raw_input, execution, ctx)
        finally:
            _current.reset(token)

    def invoke(resource: str, input_data: Any) -> Any:
        task = _current.get()
        if task is not None and not is_running(task.execution, task.run):
            raise sfn._ExecutionError("States.TaskFailed", "The execution is not running any more")
        call = parse_resource(resource)
        if call is None or task is None:
            return invoke_resource(resource, input_data)
        machine_arn = task.execution["stateMachineArn"]
        task_faults.meet(machine_arn, task.state_name, "before")
        result = call.make(input_data, task)
        task_faults.meet(machine_arn, task.state_name, "after")
        return result

    sfn._execute_task = execute
    sfn._invoke_resource = invoke


def parse_resource(resource: str) -> "ServiceCall | None":
    """Read a task's resource ARN; None is one that is left to MiniStack."""
    if not resource.startswith(INTEGRATION) or resource.endswith(".waitForTaskToken"):
        return None
    parts = resource.removeprefix(INTEGRATION).split(":")
    if parts[0] == "aws-sdk" and len(parts) == 3:
        service, action = parts[1].lower(), parts[2]
        prefix = SDK_ERROR_PREFIXES.get(service, service.capitalize())
        return ServiceCall(SDK_SERVICES.get(service, service), action, prefix, optimized=False)
    if parts[0] in OPTIMIZED and len(parts) == 2:
        service, prefix = OPTIMIZED[parts[0]]
        return ServiceCall(service, parts[1], prefix, optimized=True)
    return None


class ServiceCall:
    """One task of a state machine as one call of the SDK."""

    def __init__(self, service: str, action: str, error_prefix: str, *, optimized: bool) -> None:
        self.service = service
        self.sync = action.endswith(".sync")
        action = action.removesuffix(".sync")
        self.operation = action[0].upper() + action[1:]
        self.error_prefix = error_prefix
        self.optimized = optimized

    def make(self, arguments: Any, task: RunningTask) -> Any:
        """Call, wait if the task is ``.sync``, and return what a state sees as its result."""
        client = machine_roles.client(task.execution, self.service)
        if self.sync:
            return self._run_job(client, arguments, task)
        result = self._call(client, self.operation, arguments)
        if self.optimized and self.service == "lambda":
            return _lambda_result(result)
        return result

    def _call(self, client: Any, operation: str, arguments: Any) -> Any:
        model = client.meta.service_model
        if operation not in model.operation_names:
            raise sfn._ExecutionError(
                "States.Runtime", f"{self.service} has no operation {operation}"
            )
        about = model.operation_model(operation)
        shape = about.input_shape
        wire = to_sdk(arguments or {}, shape) if shape is not None else {}
        try:
            repeatable = operation.startswith(READS)
            method = getattr(client, xform_name(operation))
            result = _until_reachable(method, wire, repeatable=repeatable)
        except ClientError as error:
            raise self._failure(error, operation) from error
        except ParamValidationError as error:
            raise sfn._ExecutionError("States.Runtime", str(error)) from error
        except BotoCoreError as error:
            raise sfn._ExecutionError(
                f"{self.error_prefix}.SdkClientException", str(error)
            ) from error
        return from_sdk(result, about.output_shape) if about.output_shape is not None else {}

    def _failure(self, error: ClientError, operation: str) -> Exception:
        code = error.response["Error"]["Code"].rsplit("#", 1)[-1].rsplit(".", 1)[-1]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if self.optimized and self.service == "sagemaker":
            known = {"ResourceInUse", "ResourceLimitExceeded", "ResourceNotFound"}
            code = f"{code}Exception" if code in known else "AmazonSageMakerException"
        elif self.service == "application-autoscaling" and code == "AccessDeniedException":
            code = f"{self.error_prefix}Exception"
        elif self.service == "sagemaker" and code in ("ValidationException", "AccessDenied"):
            # SageMaker's model does not name these, so the Java SDK has only its base class
            code = "SageMakerException"
        elif code.isdigit():
            # The answer to HEAD has no body and so no code
            code = _HEAD_ERRORS.get((operation, code), f"{self.error_prefix}Exception")
        elif not code.endswith("Exception"):
            code += "Exception"
        cause = (
            f"{error.response['Error'].get('Message', '')} (Service: {self.error_prefix}, "
            f"Status Code: {status}, Error Code: {error.response['Error']['Code']})"
        )
        failure: Exception = sfn._ExecutionError(f"{self.error_prefix}.{code}", cause)
        return failure

    def _run_job(self, client: Any, arguments: dict[str, Any], task: RunningTask) -> Any:
        if self.service != "sagemaker" or self.operation not in SYNC_JOBS:
            raise sfn._ExecutionError("States.Runtime", f"{self.operation} has no .sync form here")
        kind = SYNC_JOBS[self.operation]
        name = arguments[f"{kind}Name"]
        # After a restart of the stack the jobs of the interrupted tasks may be there already
        begun: list[str] = task.execution["progress"].setdefault("jobs", [])
        if name not in begun or not self._exists(client, kind, name):
            begun.append(name)
            try:
                self._create_job(client, kind, arguments, task)
            except sfn._ExecutionError:
                begun.remove(name)
                raise
        try:
            return self._follow_job(client, kind, name, task)
        finally:
            begun.remove(name)

    def _create_job(
        self, client: Any, kind: str, arguments: dict[str, Any], task: RunningTask
    ) -> None:
        _check_job_permissions(task.execution, kind, arguments[f"{kind}Name"])
        # Step Functions marks its jobs, which is why the role needs sagemaker:AddTags
        tags = [*arguments.get("Tags", []), MANAGED_TAG]
        self._call(client, self.operation, {**arguments, "Tags": tags})

    def _follow_job(self, client: Any, kind: str, name: str, task: RunningTask) -> Any:
        key = {f"{kind}Name": name}
        while True:
            if task.must_stop():
                self._call(client, f"Stop{kind}", key)
                raise sfn._ExecutionError("States.TaskFailed", f"{kind} {name} was stopped")
            job = self._call(client, f"Describe{kind}", key)
            status = job[f"{kind}Status"]
            if status == "Completed":
                return job
            if status in ("Failed", "Stopped"):
                raise sfn._ExecutionError("States.TaskFailed", json.dumps(job))
            time.sleep(POLL_SECONDS)

    def _exists(self, client: Any, kind: str, name: str) -> bool:
        try:
            self._call(client, f"Describe{kind}", {f"{kind}Name": name})
        except sfn._ExecutionError:
            return False
        return True


def _until_reachable(
    method: Callable[..., Any], arguments: dict[str, Any], *, repeatable: bool
) -> Any:
    """Call a service, and wait for it if nothing listens there.

    If local SageMaker was killed the whole stack is about to stop, and this execution goes on at
    the next start; AWS's services do not go away.
    """
    deadline = time.monotonic() + UNREACHABLE_SECONDS
    while True:
        try:
            return method(**arguments)
        except (EndpointConnectionError, HTTPClientError) as error:
            refused = isinstance(error, EndpointConnectionError)
            if not (refused or repeatable) or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _check_job_permissions(execution: Execution, kind: str, name: str) -> None:
    """Raise unless a role has what Step Functions itself needs beside the job's own operations.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
    """
    word = kind.removesuffix("Job")
    rule = f"StepFunctionsGetEventsForSageMaker{word}JobsRule"
    rule_arn = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"
    job_arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{word.lower()}-job/{name}"
    needed = [
        ("events:PutTargets", rule_arn),
        ("events:PutRule", rule_arn),
        ("events:DescribeRule", rule_arn),
        ("sagemaker:ListTags", job_arn),
    ]
    checks = [{"action": action, "resource": arn} for action, arn in needed]
    answer = authorize_machine(execution, checks)
    for denied in answer.get("denied", []):
        raise sfn._ExecutionError(
            "SageMaker.AmazonSageMakerException"
            if denied["action"].startswith("sagemaker:")
            else "States.Runtime",
            f"{answer['principal']} is not authorized to perform: {denied['action']} on resource: "
            f"{denied['resource']}, which Step Functions needs for {kind}s with .sync",
        )


def _lambda_result(result: dict[str, Any]) -> dict[str, Any]:
    payload = result.get("Payload")
    decoded = json.loads(payload) if payload else None
    if result.get("FunctionError"):
        details = decoded if isinstance(decoded, dict) else {}
        raise sfn._ExecutionError(details.get("errorType", "Lambda.Unknown"), json.dumps(decoded))
    return {
        "ExecutedVersion": result.get("ExecutedVersion", "$LATEST"),
        "Payload": decoded,
        "StatusCode": result.get("StatusCode", 200),
    }
