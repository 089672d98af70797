"""Executions go on where they failed, stop when told, and end in time."""

# unittest, because MiniStack's environment has no pytest
# ruff: noqa: PT009

import itertools
import json
import threading
import time
import unittest
from typing import Any

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import stepfunctions as sfn

from local_aws.ministack.step_functions import executions

executions.apply()

Calls = list[tuple[str, Any]]


class ExecutionCase(unittest.TestCase):
    """A state machine whose tasks are answered by the test."""

    def setUp(self) -> None:
        set_request_account_id("test")
        set_request_region("us-east-1")
        sfn.reset()
        self.calls: Calls = []
        self.failing: set[str] = set()
        self.gate = threading.Event()
        original = sfn._invoke_resource
        self.addCleanup(setattr, sfn, "_invoke_resource", original)

        def invoke(resource: str, arguments: Any) -> Any:
            name = resource.rsplit(":", 1)[-1]
            self.calls.append((name, arguments))
            if name == "wait":
                self.gate.wait(20)
            if name in self.failing:
                raise sfn._ExecutionError("Task.Failed", f"{name} failed")
            return {"did": name}

        sfn._invoke_resource = invoke

    def start(self, definition: dict[str, Any], data: Any = None) -> str:
        _, _, body = sfn._create_state_machine(
            {
                "name": f"machine-{time.monotonic_ns()}",
                "definition": json.dumps(definition),
                "roleArn": "arn:aws:iam::000000000000:role/machine",
            }
        )
        _, _, body = sfn._start_execution(
            {
                "stateMachineArn": json.loads(body)["stateMachineArn"],
                "input": json.dumps(data or {}),
            }
        )
        arn: str = json.loads(body)["executionArn"]
        return arn

    def describe(self, arn: str) -> dict[str, Any]:
        _, _, body = sfn._describe_execution({"executionArn": arn})
        description: dict[str, Any] = json.loads(body)
        return description

    def end(self, arn: str) -> dict[str, Any]:
        ended: dict[str, Any] = self.until(
            lambda: self.describe(arn), lambda found: found["status"] != "RUNNING"
        )
        return ended

    def until(self, look: Any, good: Any) -> Any:
        deadline = time.monotonic() + 20
        while not good(found := look()):
            self.assertLess(time.monotonic(), deadline, "it never happened")
            time.sleep(0.01)
        return found

    def redrive(self, arn: str, **more: str) -> tuple[int, dict[str, Any]]:
        status, _, body = executions.redrive({"executionArn": arn, **more})
        return status, json.loads(body)


def task(name: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"arn:aws:states:::test:{name}", **more}


TWO_STEPS: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "First",
    "States": {
        "First": task("first", Assign={"kept": "{% $states.result.did %}"}, Next="Second"),
        "Second": task(
            "second",
            Arguments={
                "kept": "{% $kept %}",
                "name": "{% 'job-' & $states.context.Execution.RedriveCount %}",
            },
            End=True,
        ),
    },
}


class Redrive(ExecutionCase):
    def test_a_redriven_execution_goes_on_at_the_failed_state_with_its_variables(self) -> None:
        self.failing = {"second"}
        arn = self.start(TWO_STEPS)
        self.assertEqual(self.end(arn)["status"], "FAILED")
        self.failing = set()
        status, answer = self.redrive(arn)
        self.assertEqual(status, 200)
        self.assertIn("redriveDate", answer)
        description = self.end(arn)
        self.assertEqual(description["status"], "SUCCEEDED")
        self.assertEqual(description["redriveCount"], 1)
        self.assertNotIn("error", description)
        self.assertEqual(
            self.calls,
            [
                ("first", {}),
                ("second", {"kept": "first", "name": "job-0"}),
                ("second", {"kept": "first", "name": "job-1"}),
            ],
        )
        types = [event["type"] for event in sfn._executions[arn]["events"]]
        self.assertLess(types.index("ExecutionFailed"), types.index("ExecutionRedriven"))

    def test_every_state_can_be_redriven(self) -> None:
        names = ["a", "b", "c", "d"]
        states = {name: task(name, Next=following) for name, following in itertools.pairwise(names)}
        states["d"] = task("d", End=True)
        for failing in names:
            with self.subTest(failing=failing):
                self.calls.clear()
                self.failing = {failing}
                arn = self.start({"StartAt": "a", "States": states})
                self.assertEqual(self.end(arn)["status"], "FAILED")
                self.failing = set()
                self.redrive(arn)
                self.assertEqual(self.end(arn)["status"], "SUCCEEDED")
                done = [name for name, _ in self.calls]
                self.assertEqual(done, sorted([*names, failing]))

    def test_a_fail_state_fails_again(self) -> None:
        arn = self.start({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})
        self.assertEqual(self.end(arn)["error"], "E")
        self.redrive(arn)
        description = self.end(arn)
        self.assertEqual((description["status"], description["redriveCount"]), ("FAILED", 1))

    def test_what_succeeded_or_runs_is_not_redriven(self) -> None:
        arn = self.start({"StartAt": "W", "States": {"W": task("wait", End=True)}})
        self.until(lambda: self.calls, bool)
        status, answer = self.redrive(arn)
        self.assertEqual((status, answer["__type"]), (400, "ExecutionNotRedrivable"))
        self.gate.set()
        self.end(arn)
        self.assertEqual(self.redrive(arn)[1]["__type"], "ExecutionNotRedrivable")
        self.assertEqual(self.describe(arn)["redriveStatus"], "NOT_REDRIVABLE")
        self.assertEqual(self.redrive("arn:nobody")[1]["__type"], "ExecutionDoesNotExist")

    def test_an_execution_is_not_redriven_after_a_fortnight(self) -> None:
        self.failing = {"first"}
        arn = self.start(TWO_STEPS)
        self.end(arn)
        sfn._executions[arn]["stopDate"] = "2020-01-01T00:00:00.000Z"
        self.assertEqual(self.redrive(arn)[1]["__type"], "ExecutionNotRedrivable")

    def test_a_repeated_request_with_the_same_token_redrives_once(self) -> None:
        self.failing = {"first"}
        arn = self.start(TWO_STEPS)
        self.end(arn)
        self.redrive(arn, clientToken="t")
        self.end(arn)
        self.assertEqual(self.redrive(arn, clientToken="t")[0], 200)
        self.assertEqual(self.describe(arn)["redriveCount"], 1)

    def test_the_definition_of_the_start_is_the_one_that_goes_on(self) -> None:
        self.failing = {"second"}
        arn = self.start(TWO_STEPS)
        self.end(arn)
        machine = sfn._state_machines[sfn._executions[arn]["stateMachineArn"]]
        machine["definition"] = json.dumps(
            {"StartAt": "X", "States": {"X": {"Type": "Pass", "End": True}}}
        )
        self.failing = set()
        self.redrive(arn)
        self.assertEqual(self.end(arn)["status"], "SUCCEEDED")
        self.assertEqual(self.calls[-1][0], "second")

    def test_a_stopped_task_does_not_disturb_the_redriven_run(self) -> None:
        arn = self.start(
            {"StartAt": "W", "States": {"W": task("wait", Next="X"), "X": task("x", End=True)}}
        )
        self.until(lambda: self.calls, bool)
        sfn._stop_execution({"executionArn": arn})
        self.redrive(arn)
        self.until(lambda: len(self.calls), lambda count: count == 2)
        self.gate.set()
        self.assertEqual(self.end(arn)["status"], "SUCCEEDED")
        self.until(threading.active_count, lambda _: True)
        self.assertEqual([name for name, _ in self.calls].count("x"), 1)


class End(ExecutionCase):
    def test_a_stopped_execution_stays_aborted_when_its_task_ends(self) -> None:
        arn = self.start({"StartAt": "W", "States": {"W": task("wait", End=True)}})
        self.until(lambda: self.calls, bool)
        sfn._stop_execution({"executionArn": arn, "error": "Mine", "cause": "stop"})
        self.gate.set()
        description = self.describe(arn)
        self.assertEqual((description["status"], description["error"]), ("ABORTED", "Mine"))

    def test_a_machines_time_limit_ends_its_execution(self) -> None:
        definition = {
            "StartAt": "W",
            "TimeoutSeconds": 1,
            "States": {"W": task("wait", End=True)},
        }
        arn = self.start(definition)
        self.assertEqual(self.end(arn)["status"], "TIMED_OUT")
        self.assertEqual(self.describe(arn)["redriveStatus"], "REDRIVABLE")
        self.gate.set()

    def test_an_execution_goes_on_after_a_restart(self) -> None:
        arn = self.start({"StartAt": "W", "States": {"W": task("wait", End=True)}})
        self.until(lambda: self.calls, bool)
        saved = sfn.get_state()
        sfn.reset()
        self.gate.set()
        sfn.load_persisted_state(saved)
        self.assertEqual(self.describe(arn)["status"], "FAILED")
        self.assertEqual(executions.resume_interrupted(), [arn])
        self.assertEqual(self.end(arn)["status"], "SUCCEEDED")
        self.assertEqual(executions.resume_interrupted(), [])


class Branches(ExecutionCase):
    def test_a_parallel_state_in_jsonata_has_arguments_output_and_variables(self) -> None:
        branch = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
        arn = self.start(
            {
                "QueryLanguage": "JSONata",
                "StartAt": "Both",
                "States": {
                    "Both": {
                        "Type": "Parallel",
                        "Branches": [branch, branch],
                        "Arguments": {"x": "{% $states.input.n + 1 %}"},
                        "Output": "{% $sum($states.result.x) %}",
                        "Assign": {"all": "{% $count($states.result) %}"},
                        "Next": "End",
                    },
                    "End": {
                        "Type": "Pass",
                        "Output": {"sum": "{% $states.input %}", "all": "{% $all %}"},
                        "End": True,
                    },
                },
            },
            {"n": 1},
        )
        self.assertEqual(json.loads(self.end(arn)["output"]), {"sum": 4, "all": 2})

    def test_a_branch_keeps_its_variables_to_itself(self) -> None:
        branch = {
            "StartAt": "P",
            "States": {"P": {"Type": "Pass", "Assign": {"inner": 1}, "End": True}},
        }
        arn = self.start(
            {
                "QueryLanguage": "JSONata",
                "StartAt": "Both",
                "States": {
                    "Both": {"Type": "Parallel", "Branches": [branch], "Next": "End"},
                    "End": {"Type": "Pass", "Output": "{% $exists($inner) %}", "End": True},
                },
            }
        )
        self.assertEqual(json.loads(self.end(arn)["output"]), False)
