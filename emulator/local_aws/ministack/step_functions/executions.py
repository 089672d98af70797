"""Runs executions so that they can be timed out, redriven, and continued after a restart.

MiniStack walks a state machine from its first state to its last and forgets where it was. This
walk notes, before each state, the state's name, input and variables in the execution's own
record ("progress"), which MiniStack writes at its stop with the rest. Everything that a state does
stays MiniStack's work.

Differences from AWS that remain: a redriven Parallel or Map runs all its branches again, and
retry counters are lost at a restart.
"""

import contextvars
import copy
import functools
import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import stepfunctions as sfn

from local_aws.ministack.private_names import PrivateName

logger = logging.getLogger(__name__)

Execution = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

PRIVATE_NAMES = (
    PrivateName("core.responses", "error_response_json", ("code", "message", "status")),
    PrivateName("core.responses", "json_response"),
    PrivateName("core.responses", "now_iso"),
    PrivateName("services.stepfunctions", "_ExecutionError", kind=type),
    PrivateName("services.stepfunctions", "_add_event", ("execution", "event_type", "details")),
    PrivateName("services.stepfunctions", "_apply_input_path", ("state_def", "data", "ctx")),
    PrivateName("services.stepfunctions", "_apply_output_path", ("state_def", "data", "ctx")),
    PrivateName("services.stepfunctions", "_apply_jsonata_output"),
    PrivateName("services.stepfunctions", "_apply_jsonata_arguments"),
    PrivateName("services.stepfunctions", "_apply_state_assign"),
    PrivateName("services.stepfunctions", "_describe_execution", ("data",)),
    PrivateName("services.stepfunctions", "_emit_execution_status_event", ("execution",)),
    PrivateName("services.stepfunctions", "_execute_choice", ("state_def", "raw_input", "ctx")),
    PrivateName("services.stepfunctions", "_execute_map"),
    PrivateName("services.stepfunctions", "_execute_parallel"),
    PrivateName("services.stepfunctions", "_execute_pass", ("state_def", "raw_input", "ctx")),
    PrivateName("services.stepfunctions", "_execute_task"),
    PrivateName("services.stepfunctions", "_execute_wait", ("state_def", "raw_input", "ctx")),
    PrivateName("services.stepfunctions", "_executions"),
    PrivateName("services.stepfunctions", "_fail_state_error", ("state_def", "raw_input", "ctx")),
    PrivateName("services.stepfunctions", "_finalize_response", ("response",)),
    PrivateName("services.stepfunctions", "_restore_state", ("data",)),
    PrivateName("services.stepfunctions", "_run_execution", ("exec_arn",)),
    PrivateName(
        "services.stepfunctions",
        "_run_parallel_branches",
        ("state_def", "raw_input", "execution", "ctx"),
    ),
    PrivateName(
        "services.stepfunctions",
        "_run_sub_machine",
        ("states", "start_at", "input_data", "execution", "ctx"),
    ),
    PrivateName("services.stepfunctions", "_state_machines"),
    PrivateName("services.stepfunctions", "_state_query_language"),
    PrivateName("services.stepfunctions", "handle_request"),
)

# https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
REDRIVABLE_STATUSES = ("FAILED", "ABORTED", "TIMED_OUT")
REDRIVABLE_PERIOD = timedelta(days=14)
INTERRUPTED = "States.ServiceRestart"


def apply() -> None:
    """Replace the walk, and add what AWS answers beside it."""
    handle_request = sfn.handle_request
    describe_execution = sfn._describe_execution
    restore_state = sfn._restore_state
    run_sub_machine = sfn._run_sub_machine
    run_parallel = sfn._run_parallel_branches

    async def handle_with_redrive(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            return sfn._finalize_response(redrive(json.loads(body or b"{}")))
        return await handle_request(method, path, headers, body, query)

    def describe_with_redrive(data: dict[str, Any]) -> Any:
        status, headers, body = describe_execution(data)
        if status != 200:
            return status, headers, body
        execution = sfn._executions[data["executionArn"]]
        return json_response({**json.loads(body), **redrive_fields(execution)})

    def restore_interrupted(data: dict[str, Any]) -> None:
        restore_state(data)
        for execution in sfn._executions.all_values():
            if execution.get("error") == INTERRUPTED and "progress" in execution:
                execution["progress"]["interrupted"] = True

    def run_branch(
        states: Any, start_at: str, input_data: Any, execution: Execution, ctx: dict[str, Any]
    ) -> Any:
        # A branch reads the outer variables and keeps its own, and its own State, to itself
        inner = {**ctx, "variables": dict(ctx.get("variables", {}))}
        return run_sub_machine(states, start_at, input_data, execution, inner)

    def run_parallel_branches(
        state: dict[str, Any], raw_input: Any, execution: Execution, ctx: dict[str, Any]
    ) -> Any:
        if sfn._state_query_language(state, ctx) != "JSONata":
            return run_parallel(state, raw_input, execution, ctx)
        branch_input = sfn._apply_jsonata_arguments(state, raw_input, ctx)
        results, following = run_parallel(state, branch_input, execution, ctx)
        output = sfn._apply_jsonata_output(state, raw_input, ctx, result=results, default=results)
        sfn._apply_state_assign(state, raw_input, ctx, result=results)
        return output, following

    sfn.handle_request = handle_with_redrive
    sfn._describe_execution = describe_with_redrive
    sfn._restore_state = restore_interrupted
    sfn._run_execution = run_execution
    sfn._run_sub_machine = run_branch
    sfn._run_parallel_branches = run_parallel_branches


def run_execution(execution_arn: str) -> None:
    """Walk an execution from where its progress says to its end."""
    execution = sfn._executions.get(execution_arn)
    if execution is None:
        return
    machine = sfn._state_machines.get(execution["stateMachineArn"])
    if machine is None:
        _finish(execution, "FAILED", "StateMachineDeleted", "The state machine is gone")
        return
    progress = execution.get("progress") or _start_of(execution, machine)
    execution["progress"] = progress
    definition = json.loads(progress["definition"])
    run = progress["redriveCount"]

    timer = None
    if seconds := definition.get("TimeoutSeconds"):
        context = contextvars.copy_context()
        timer = threading.Timer(seconds, context.run, (_time_out, execution, run))
        timer.daemon = True
        timer.start()
    try:
        output = _walk(execution, definition, progress, run)
        if is_running(execution, run):
            _succeed(execution, output)
    except sfn._ExecutionError as error:
        if is_running(execution, run):
            _finish(execution, "FAILED", error.error, error.cause)
    except Exception as error:  # a fault of MiniStack's own must end the execution, not the thread
        logger.exception("Unexpected error in execution %s", execution_arn)
        if is_running(execution, run):
            _finish(execution, "FAILED", "States.Runtime", f"{type(error).__name__}: {error}")
    finally:
        if timer is not None:
            timer.cancel()


def is_running(execution: Execution, run: int | None = None) -> bool:
    """Say whether an execution, or the given run of it between redrives, goes on."""
    current = execution.get("progress", {}).get("redriveCount", 0)
    return execution["status"] == "RUNNING" and run in (None, current)


def _start_of(execution: Execution, machine: dict[str, Any]) -> dict[str, Any]:
    definition = json.loads(machine["definition"])
    return {
        "definition": machine["definition"],
        "state": definition["StartAt"],
        "input": json.loads(execution["input"]),
        "variables": {},
        "redriveCount": 0,
        "redriveDate": None,
    }


def _walk(
    execution: Execution, definition: dict[str, Any], progress: dict[str, Any], run: int
) -> Any:
    states = definition["States"]
    context = _context(execution, definition, progress)
    name, value = progress["state"], copy.deepcopy(progress["input"])
    while name is not None and is_running(execution, run):
        state = states.get(name)
        if state is None:
            raise sfn._ExecutionError("States.Runtime", f"There is no state {name!r}")
        progress.update(
            state=name, input=copy.deepcopy(value), variables=copy.deepcopy(context["variables"])
        )
        context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        kind = state["Type"]
        sfn._add_event(
            execution,
            f"{kind}StateEntered",
            {"stateEnteredEventDetails": {"name": name, "input": json.dumps(value)}},
        )
        value, following = _execute(kind, state, value, execution, context)
        if not is_running(execution, run):
            return None
        sfn._add_event(
            execution,
            f"{kind}StateExited",
            {"stateExitedEventDetails": {"name": name, "output": json.dumps(value)}},
        )
        name = following
    return value


def _execute(
    kind: str, state: dict[str, Any], value: Any, execution: Execution, context: dict[str, Any]
) -> tuple[Any, str | None]:
    if kind == "Succeed":
        if sfn._state_query_language(state, context) == "JSONata":
            return sfn._apply_jsonata_output(state, value, context, default=value), None
        value = sfn._apply_input_path(state, value, context)
        return sfn._apply_output_path(state, value, context), None
    if kind == "Fail":
        raise sfn._ExecutionError(*sfn._fail_state_error(state, value, context))
    # Looked up at each call, because other modules of the launcher replace them
    with_execution = {
        "Task": "_execute_task",
        "Parallel": "_execute_parallel",
        "Map": "_execute_map",
    }
    without = {"Pass": "_execute_pass", "Choice": "_execute_choice", "Wait": "_execute_wait"}
    if kind in with_execution:
        result = getattr(sfn, with_execution[kind])(state, value, execution, context)
    elif kind in without:
        result = getattr(sfn, without[kind])(state, value, context)
    else:
        raise sfn._ExecutionError("States.Runtime", f"Unknown state type {kind!r}")
    following: tuple[Any, str | None] = result
    return following


def _context(
    execution: Execution, definition: dict[str, Any], progress: dict[str, Any]
) -> dict[str, Any]:
    about: dict[str, Any] = {
        "Id": execution["executionArn"],
        "Input": json.loads(execution["input"]),
        "Name": execution["name"],
        "RedriveCount": progress["redriveCount"],
        "StartTime": execution["startDate"],
    }
    machine = sfn._state_machines[execution["stateMachineArn"]]
    about["RoleArn"] = machine["roleArn"]
    if progress["redriveDate"]:
        about["RedriveTime"] = progress["redriveDate"]
    return {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": about,
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": copy.deepcopy(progress["variables"]),
    }


def _succeed(execution: Execution, output: Any) -> None:
    document = json.dumps(output)
    execution.update(status="SUCCEEDED", output=document, stopDate=now_iso())
    details = {"executionSucceededEventDetails": {"output": document}}
    sfn._add_event(execution, "ExecutionSucceeded", details)
    sfn._emit_execution_status_event(execution)


def _finish(execution: Execution, status: str, error: str, cause: str) -> None:
    execution.update(status=status, error=error, cause=cause, stopDate=now_iso())
    event, details = {
        "FAILED": ("ExecutionFailed", "executionFailedEventDetails"),
        "TIMED_OUT": ("ExecutionTimedOut", "executionTimedOutEventDetails"),
    }[status]
    sfn._add_event(execution, event, {details: {"error": error, "cause": cause}})
    sfn._emit_execution_status_event(execution)


def _time_out(execution: Execution, run: int) -> None:
    if is_running(execution, run):
        _finish(execution, "TIMED_OUT", "States.Timeout", "The execution's TimeoutSeconds passed")


def redrive_fields(execution: Execution) -> dict[str, Any]:
    """Return what DescribeExecution says about redriving."""
    progress = execution.get("progress") or {}
    reason = _not_redrivable(execution)
    fields: dict[str, Any] = {
        "redriveCount": progress.get("redriveCount", 0),
        "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
    }
    if reason:
        fields["redriveStatusReason"] = reason
    if progress.get("redriveDate"):
        fields["redriveDate"] = progress["redriveDate"]
    return fields


def _not_redrivable(execution: Execution) -> str | None:
    if execution["status"] not in REDRIVABLE_STATUSES:
        return f"Execution is {execution['status']} and cannot be redriven"
    if "progress" not in execution:
        return "Execution has not started and cannot be redriven"
    ended = datetime.fromisoformat(execution["stopDate"])
    if datetime.now(UTC) - ended > REDRIVABLE_PERIOD:
        return "Execution has exceeded the redrivable period"
    return None


def redrive(request: dict[str, Any]) -> Response:
    """Answer RedriveExecution: continue an execution at the state that did not succeed."""
    execution = sfn._executions.get(request.get("executionArn"))
    response: Response
    if execution is None:
        response = error_response_json(
            "ExecutionDoesNotExist", f"Execution {request.get('executionArn')} not found", 400
        )
        return response
    progress = execution.get("progress") or {}
    token = request.get("clientToken")
    if token is not None and progress.get("clientToken") == token:
        response = json_response({"redriveDate": progress["redriveDate"]})
        return response
    if reason := _not_redrivable(execution):
        response = error_response_json("ExecutionNotRedrivable", reason, 400)
        return response
    progress.update(
        redriveCount=progress["redriveCount"] + 1, redriveDate=now_iso(), clientToken=token
    )
    progress.pop("jobs", None)
    details = {"executionRedrivenEventDetails": {"redriveCount": progress["redriveCount"]}}
    sfn._add_event(execution, "ExecutionRedriven", details)
    _continue(execution)
    response = json_response({"redriveDate": progress["redriveDate"]})
    return response


def resume_interrupted() -> list[str]:
    """Continue what was running when the stack stopped, as if it had never stopped."""
    resumed = []
    for execution in list(sfn._executions.all_values()):
        if execution.get("progress", {}).pop("interrupted", False):
            _continue(execution)
            resumed.append(execution["executionArn"])
    return resumed


def _continue(execution: Execution) -> None:
    for name in ("error", "cause"):
        execution.pop(name, None)
    execution.update(status="RUNNING", stopDate=None, output=None)
    sfn._emit_execution_status_event(execution)
    walk = functools.partial(run_execution, execution["executionArn"])
    threading.Thread(target=contextvars.copy_context().run, args=(walk,), daemon=True).start()


def wait_while_running(execution: Execution | None, seconds: float) -> None:
    """Sleep, in steps short enough to notice that the execution was stopped."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if execution is not None and not is_running(execution):
            return
        time.sleep(min(left, 0.2))
