"""Walks a JSONata state machine without AWS: each task is answered by the test.

The engine is the one that MiniStack uses, with the functions that Step Functions adds.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonata import Jsonata, Utils

ROOT = Path(__file__).parents[3]

FOLDER = ROOT / "statemachines"
MOST_STATES = 2000

Document = dict[str, Any]


class TaskError(Exception):
    """What a service answers instead of a result."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class ExecutionFailedError(TaskError):
    """The execution ended in a Fail state, or by a task's error that nothing catches."""

    def __init__(self, state: str, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.state = state


@dataclass(frozen=True)
class Task:
    """One call of a service."""

    state: str
    resource: str
    arguments: Any

    @property
    def service(self) -> str:
        """botocore's name of the service."""
        parts = self.resource.removeprefix("arn:aws:states:::").split(":")
        name = parts[1] if parts[0] == "aws-sdk" else parts[0]
        return {
            "applicationautoscaling": "application-autoscaling",
            "cloudwatchlogs": "logs",
            "sagemakerruntime": "sagemaker-runtime",
            "sfn": "stepfunctions",
        }.get(name, name)

    @property
    def operation(self) -> str:
        """The operation's name in the API."""
        action = self.resource.rsplit(":", 1)[-1].removesuffix(".sync")
        return action[0].upper() + action[1:]


Answer = Callable[[Task], Any]


@dataclass
class Run:
    """One execution, which can be continued as a redrive does."""

    definition: Document
    execution: Document
    state: str
    input: Any
    variables: Document = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    def go_on(self, answer: Answer) -> Any:
        """Walk to the end and return the output.

        Raises
        ------
        ExecutionFailedError
            As the execution fails; ``go_on`` after ``redrive`` enters the failed state again.
        """
        while True:
            assert len(self.path) < MOST_STATES, "the machine walks in a circle"
            self.path.append(self.state)
            state = self.definition["States"][self.state]
            output, following = getattr(self, f"_{state['Type'].lower()}")(state, answer)
            if following is None:
                return output
            self.state, self.input = following, output

    def redrive(self) -> None:
        """Count a redrive; the failed state, its input and the variables stay."""
        self.execution["RedriveCount"] += 1

    def _task(self, state: Document, answer: Answer) -> tuple[Any, str | None]:
        retries = 0
        while True:
            arguments = self.evaluate(state.get("Arguments", self.input), retries=retries)
            task = Task(self.state, state["Resource"], arguments)
            self.tasks.append(task)
            try:
                result = answer(task)
                break
            except TaskError as error:
                retries += 1
                if retries <= _retries(state, error):
                    continue
                return self._caught(state, error)
        output = self.evaluate(state.get("Output", result), result=result)
        self._assign(state, result=result)
        return output, state.get("Next")

    def _caught(self, state: Document, error: TaskError) -> tuple[Any, str]:
        for catcher in state.get("Catch", []):
            if {error.error, "States.ALL", "States.TaskFailed"} & set(catcher["ErrorEquals"]):
                seen = {"Error": error.error, "Cause": error.cause}
                output = self.evaluate(catcher.get("Output", seen), error=seen)
                self._assign(catcher, error=seen)
                return output, catcher["Next"]
        raise ExecutionFailedError(self.state, error.error, error.cause) from error

    def _choice(self, state: Document, _answer: Answer) -> tuple[Any, str]:
        for rule in state["Choices"]:
            chosen = self.evaluate(rule["Condition"])
            assert isinstance(chosen, bool), f"{self.state}: {rule['Condition']} gives {chosen!r}"
            if chosen:
                self._assign(rule)
                return self.evaluate(rule.get("Output", self.input)), rule["Next"]
        self._assign(state)
        return self.evaluate(state.get("Output", self.input)), state["Default"]

    def _pass(self, state: Document, _answer: Answer) -> tuple[Any, str | None]:
        output = self.evaluate(state.get("Output", self.input))
        self._assign(state)
        return output, state.get("Next")

    def _wait(self, state: Document, _answer: Answer) -> tuple[Any, str | None]:
        assert self.evaluate(state["Seconds"]) >= 0
        self._assign(state)
        return self.input, state.get("Next")

    def _succeed(self, state: Document, _answer: Answer) -> tuple[Any, None]:
        return self.evaluate(state.get("Output", self.input)), None

    def _fail(self, state: Document, _answer: Answer) -> tuple[Any, str | None]:
        raise ExecutionFailedError(
            self.state, self.evaluate(state["Error"]), self.evaluate(state["Cause"])
        )

    def _assign(self, part: Document, **given: Any) -> None:
        # All of them see the variables as they were before
        self.variables |= {
            name: self.evaluate(value, **given) for name, value in part.get("Assign", {}).items()
        }

    def evaluate(
        self, value: Any, *, result: Any = None, error: Any = None, retries: int = 0
    ) -> Any:
        """Evaluate every expression in a template."""
        context = {
            "Execution": self.execution,
            "State": {"Name": self.state, "RetryCount": retries},
            "StateMachine": {"Name": "machine"},
        }
        states = {
            "input": self.input,
            "result": result,
            "errorOutput": error,
            "context": context,
        }

        def inside(part: Any) -> Any:
            if isinstance(part, str) and part.startswith("{%") and part.endswith("%}"):
                return _expression(part[2:-2].strip(), {**self.variables, "states": states})
            if isinstance(part, dict):
                return {name: inside(item) for name, item in part.items()}
            if isinstance(part, list):
                return [inside(item) for item in part]
            return part

        # What is not a template (an input, a result) is data: it is not evaluated
        return value if value is self.input or value is result else inside(value)


def load(name: str, substitutions: Mapping[str, str] | None = None) -> Document:
    """Read ``NAME.asl.json``, with the template's values put in."""
    text = (FOLDER / f"{name}.asl.json").read_text()
    for key, value in (substitutions or {}).items():
        text = text.replace(f"${{{key}}}", value)
    document: Document = json.loads(text)
    return document


def start(
    definition: Document, given: Any, *, name: str = "run-1", machine: str = "Training"
) -> Run:
    """Begin an execution."""
    arn = f"arn:aws:states:eu-central-1:111122223333:execution:{machine}:{name}"
    execution = {
        "Id": arn,
        "Name": name,
        "Input": given,
        "StartTime": "2026-01-01T00:00:00.000Z",
        "RedriveCount": 0,
    }
    return Run(definition, execution, definition["StartAt"], given)


def templates(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text in a definition with the keys that lead to it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from templates(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from templates(item, path)
    elif isinstance(value, str):
        yield path, value


def _retries(state: Document, error: TaskError) -> int:
    for retrier in state.get("Retry", []):
        if {error.error, "States.ALL"} & set(retrier["ErrorEquals"]):
            return int(retrier["MaxAttempts"])
    return 0


def _expression(text: str, variables: Document) -> Any:
    bindings = {
        name: Utils.NULL_VALUE if value is None else value for name, value in variables.items()
    }
    value = _compiled(text).evaluate(None, bindings)
    if value is None:
        defined = _compiled(f"$exists(({text}))").evaluate(None, bindings)
        assert defined, f"States.QueryEvaluationError: no result: {text}"
    return value


@functools.cache
def _compiled(text: str) -> Any:
    expression = Jsonata.jsonata(text)
    expression.register_lambda("parse", json.loads)
    expression.register_lambda("hash", _hash)
    return expression


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()
