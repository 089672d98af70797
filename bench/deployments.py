"""`make bench-deployments`: the deployment machine is failed, stopped, overtaken and starved.

On a local stack with a model in service and a second registered package: at every task state,
before and after its call, and what `bench.deployments_plan` names beside. After each the right
package must serve, be proven and scale, without a redrive and without a person, and every job
that was accepted must be Completed. Exits with 1, and says what, if one is not.
"""

from __future__ import annotations

import re
import sys
import time
from functools import partial
from pathlib import Path

import click
from tqdm import tqdm

from bench.deployments_ground import Ground
from bench.deployments_jobs import Jobs
from bench.deployments_plan import Scenario, scenarios, tasks
from bench.deployments_run import Drill, Result
from bench.deployments_verdict import right_package
from bench.engine import WORK
from bench.jobs_files import Recordings
from bench.jobs_service import put_model_into_service, running
from bench.jobs_stack import KeptStack, patiently, wait_for

APPROVAL_SECONDS = 180.0


def registered(stack: KeptStack, count: int = 2) -> list[str]:
    """Register and approve packages of the model that serves; the last one then serves."""
    sagemaker, endpoint = stack.client("sagemaker"), stack.outputs["EndpointName"]
    served = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=served)
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    container = {name: model["PrimaryContainer"][name] for name in ("Image", "ModelDataUrl")}
    arns: list[str] = []
    for _ in range(count):
        arn = sagemaker.create_model_package(
            ModelPackageGroupName=stack.outputs["ModelPackageGroupName"],
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )["ModelPackageArn"]
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        wait_for(partial(is_deployed, stack, arn), APPROVAL_SECONDS)
        arns.append(arn)
    return arns


def is_deployed(stack: KeptStack, arn: str) -> bool:
    """Say whether the deployment that an approval has started is over, and well."""
    machines = stack.client("stepfunctions")
    found = machines.list_executions(
        stateMachineArn=stack.outputs["DeploymentStateMachineArn"], maxResults=5
    )["executions"]
    described = [machines.describe_execution(executionArn=one["executionArn"]) for one in found]
    return any(arn in one["input"] and one["status"] == "SUCCEEDED" for one in described)


def without_fast_lane(stack: KeptStack) -> None:
    """Have the API send every job to the queue: it is the queue's endpoint that is to scale."""
    functions, name = stack.client("lambda"), stack.outputs["ApiFunctionName"]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": before | {"FAST_LANE_QUEUE_URL": ""}}
    )


HEADER = (
    "| what was done | outcome | put right by | serves | scales | jobs lost | s | verdict |\n"
    "|---|---|---|---|---|---|---|---|"
)


def table_row(result: Result) -> str:
    """Return what was done and what came of it, as a row of a Markdown table."""
    sight = result.sight
    serves = sight.package if sight.serves else "nothing"
    scales = ("yes" if sight.scales else "no") if right_package(result.course) else "-"
    return (
        f"| {result.scenario} | {result.course.outcome} | {result.restored_by or '-'} | {serves} "
        f"| {scales} | {len(sight.unfinished)} | {result.seconds:.0f} "
        f"| {'; '.join(result.faults) or 'right'} |"
    )


def drill(plan: list[Scenario], folder: Path) -> list[Result]:
    """Start a stack, do everything that is planned there, and print a row for each."""
    recordings = Recordings.make(folder / "recordings")
    with running(folder / "stack") as stack:
        put_model_into_service(stack, recordings)
        packages = registered(stack)
        without_fast_lane(stack)
        smoke = next(iter(recordings.good.values()))
        with stack.api() as api:
            jobs = Jobs(stack, api, patiently(lambda: api.upload(smoke)))
            run = Drill(stack, Ground(stack, smoke), jobs, packages)
            results = []
            print(HEADER)
            with tqdm(plan, unit="deployment") as bar:
                for scenario in bar:
                    bar.set_postfix_str(str(scenario))
                    results.append(run.run(scenario))
                    bar.write(table_row(results[-1]))
                    sys.stdout.flush()
            return results


@click.command()
@click.option("--only", default="", help="A regular expression of what is done.")
@click.option("--list", "listed", is_flag=True, help="Print what would be done.")
def main(only: str, *, listed: bool) -> None:
    """Do everything, print a row for each; the exit status is 1 if something was left wrong."""
    plan = [one for one in scenarios(tasks()) if re.search(only, str(one))]
    if listed:
        print("\n".join(map(str, plan)))
        return
    if not plan:
        sys.exit(f"bench: error: nothing is called {only!r}; see --list")
    began = time.monotonic()
    try:
        results = drill(plan, WORK / "deployments")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; the stack is stopped")
    wrong = [one for one in results if one.faults]
    print(f"\n{len(results)} in {time.monotonic() - began:.0f} s, {len(wrong)} of them wrong.")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
