"""What must hold for the graph of every state machine, so that reruns and redrives just work."""

from __future__ import annotations

import pytest

from .machines import FOLDER, Document, load, templates

MACHINES = sorted(path.name.removesuffix(".asl.json") for path in FOLDER.glob("*.asl.json"))
# Operations that make something whose name is used up for ever, and the member that names it
NAMED = {
    "createProcessingJob": "ProcessingJobName",
    "createTrainingJob": "TrainingJobName",
    "createModel": "ModelName",
    "createEndpointConfig": "EndpointConfigName",
}
# What the optimized integrations take; another member keeps the whole machine from being created.
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-sns.html
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html
OPTIMIZED = {
    "createEndpoint": {"EndpointConfigName", "EndpointName", "Tags"},
    "createEndpointConfig": {"EndpointConfigName", "KmsKeyId", "ProductionVariants", "Tags"},
    "createModel": {
        "Containers", "EnableNetworkIsolation", "ExecutionRoleArn", "ModelName",
        "PrimaryContainer", "Tags", "VpcConfig",
    },
    "createProcessingJob": {
        "AppSpecification", "Environment", "ExperimentConfig", "NetworkConfig",
        "ProcessingInputs", "ProcessingJobName", "ProcessingOutputConfig",
        "ProcessingResources", "RoleArn", "StoppingCondition", "Tags",
    },
    "createTrainingJob": {
        "AlgorithmSpecification", "HyperParameters", "InputDataConfig", "OutputDataConfig",
        "ResourceConfig", "RoleArn", "StoppingCondition", "Tags", "TrainingJobName", "VpcConfig",
    },
    "deleteItem": {
        "ConditionalOperator", "ConditionExpression", "Expected", "ExpressionAttributeNames",
        "ExpressionAttributeValues", "Key", "ReturnConsumedCapacity",
        "ReturnItemCollectionMetrics", "ReturnValues", "TableName",
    },
    "putItem": {
        "ConditionalOperator", "ConditionExpression", "Expected", "ExpressionAttributeNames",
        "ExpressionAttributeValues", "Item", "ReturnConsumedCapacity",
        "ReturnItemCollectionMetrics", "ReturnValues", "TableName",
    },
    "getItem": {
        "AttributesToGet", "ConsistentRead", "ExpressionAttributeNames", "Key",
        "ProjectionExpression", "ReturnConsumedCapacity", "TableName",
    },
    "updateItem": {
        "AttributeUpdates", "ConditionalOperator", "ConditionExpression", "Expected",
        "ExpressionAttributeNames", "ExpressionAttributeValues", "Key", "ReturnConsumedCapacity",
        "ReturnItemCollectionMetrics", "ReturnValues", "TableName", "UpdateExpression",
    },
    "publish": {
        "Message", "MessageAttributes", "MessageStructure", "PhoneNumber", "Subject",
        "TargetArn", "TopicArn",
    },
}  # fmt: skip


def following(state: Document) -> set[str]:
    """The states that a state can lead to."""
    found = {state[key] for key in ("Next", "Default") if key in state}
    return found | {part["Next"] for key in ("Choices", "Catch") for part in state.get(key, [])}


def reachable(states: Document, first: set[str]) -> set[str]:
    """All states on the ways from some states on, these included."""
    seen: set[str] = set()
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += following(states[name])
    return seen


@pytest.fixture(params=MACHINES)
def definition(request: pytest.FixtureRequest) -> Document:
    return load(request.param)


def test_the_machines_of_the_product_are_there() -> None:
    assert {"training", "deployment", "approval"} <= set(MACHINES)


def test_every_state_is_reached_and_every_way_comes_to_an_end(definition: Document) -> None:
    states = definition["States"]
    assert reachable(states, {definition["StartAt"]}) == set(states)
    ends = {n for n, s in states.items() if s.get("End") or s["Type"] in ("Succeed", "Fail")}
    for name in states:
        assert reachable(states, {name}) & ends, f"{name} leads to no end"


def test_no_fail_state_is_reached_through_a_catch(definition: Document) -> None:
    """A redrive enters a Fail state again: behind a Catch it would fail for ever."""
    states = definition["States"]
    caught = {part["Next"] for state in states.values() for part in state.get("Catch", [])}
    fails = {name for name, state in states.items() if state["Type"] == "Fail"}
    assert not reachable(states, caught) & fails


def test_names_are_built_where_a_redrive_builds_them_anew(definition: Document) -> None:
    for name, state in definition["States"].items():
        for path, text in templates(state):
            if "Execution.RedriveCount" in text or "RetryCount" in text:
                assert path[0] == "Arguments", f"{name}: {'.'.join(path)}"
        action = state.get("Resource", "").rsplit(":", 1)[-1].removesuffix(".sync")
        if action in NAMED:
            built = state["Arguments"][NAMED[action]]
            for part in ("Execution.Id", "RedriveCount", "RetryCount"):
                assert part in built, f"{name}: its name does not hold {part}"


def test_a_job_is_never_run_again_for_any_error_whatever(definition: Document) -> None:
    for name, state in definition["States"].items():
        for retrier in state.get("Retry", []):
            broad = {"States.ALL", "States.TaskFailed", "States.Timeout"}
            assert not broad & set(retrier["ErrorEquals"]), name
            assert retrier["JitterStrategy"] == "FULL", name


def test_a_job_state_waits_longer_than_its_job_may_run(definition: Document) -> None:
    total = 0
    for name, state in definition["States"].items():
        if state.get("Resource", "").endswith(".sync"):
            longest = state["Arguments"]["StoppingCondition"]["MaxRuntimeInSeconds"]
            assert state["TimeoutSeconds"] > longest, name
            total += state["TimeoutSeconds"]
    assert definition["TimeoutSeconds"] > total


def tasks(definition: Document) -> list[tuple[str, Document, bool, str]]:
    """Name, state, whether it is an optimized integration, and the operation of each task."""
    return [
        (name, state, "aws-sdk" not in state["Resource"], operation)
        for name, state in definition["States"].items()
        if state["Type"] == "Task"
        for operation in [state["Resource"].rsplit(":", 1)[-1].removesuffix(".sync")]
    ]


def test_an_optimized_integration_is_given_only_what_it_takes(definition: Document) -> None:
    for name, state, is_optimized, operation in tasks(definition):
        if is_optimized:
            assert set(state["Arguments"]) <= OPTIMIZED[operation], name


def test_an_error_of_sagemaker_has_the_name_that_its_integration_gives_it(
    definition: Document,
) -> None:
    foreign = {True: "SageMaker.SageMakerException", False: "SageMaker.AmazonSageMakerException"}
    for name, state, is_optimized, _ in tasks(definition):
        for part in [*state.get("Retry", []), *state.get("Catch", [])]:
            assert foreign[is_optimized] not in part["ErrorEquals"], name
