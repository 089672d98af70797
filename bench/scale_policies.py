"""The scaling policies as deployed: the deployment machine's requests with the template's defaults.

What a simulation reckons with cannot drift from what a deployment puts into service.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonata import Jsonata

from bench.scale_math import Value, compiled

ROOT = Path(__file__).resolve().parents[1]
MACHINE = "DeploymentStateMachine"
IN_HAND = "MaxConcurrentInvocationsPerInstance"
PROVIDED = {"wakePolicyArn": "arn:policy"}  # what an earlier state has made

Document = dict[str, Any]


@dataclass(frozen=True)
class Signal:
    """A metric or an expression of metrics, once a minute."""

    sources: dict[str, str]  # Id: name of the metric
    expressions: tuple[tuple[str, Callable[[Mapping[str, Value]], Value]], ...]
    returned: str  # Id

    def value(self, metrics: Mapping[str, Value]) -> Value:
        """Work out the value from the metrics, by name, of one minute."""
        known = {key: metrics.get(name) for key, name in self.sources.items()}
        for key, expression in self.expressions:
            known[key] = expression(known)
        return known[self.returned]


@dataclass(frozen=True)
class Tracking:
    """A target tracking policy."""

    signal: Signal
    target: float
    out_cooldown: float  # s
    in_cooldown: float  # s


@dataclass(frozen=True)
class Wake:
    """A step scaling policy and its alarm, which rings at or above the threshold."""

    signal: Signal
    threshold: float
    evaluated: int  # periods
    to_alarm: int  # of them
    cooldown: float  # s
    steps: tuple[tuple[float, int], ...]  # lowest value above the threshold, instances to add

    def instances(self, value: float) -> int:
        """Return how many instances are added at a value of the signal."""
        return max(step for step in self.steps if value - self.threshold >= step[0])[1]


@dataclass(frozen=True)
class Policies:
    """How many instances there are."""

    minimum: int
    maximum: int
    concurrency: int  # jobs that an instance analyses at once
    in_hand: int  # jobs that it has at once, the one that is downloaded meanwhile among them
    ttl: float  # s that a job may wait in the queue
    tracking: Tracking
    wake: Wake


def deployed(changes: Mapping[str, object] | None = None, root: Path = ROOT) -> Policies:
    """Read the policies that a deployment puts into service.

    Parameters
    ----------
    changes
        Values of template parameters other than their defaults.
    root
        Folder of ``template.yaml``.

    Raises
    ------
    ValueError
        Where the machine has not one target tracking policy, one step policy and its one alarm.
    """
    template = _template(root)
    parameters = template_defaults(root)
    unknown = set(changes or {}) - set(parameters)
    if unknown:
        raise ValueError(f"the template has no parameter {', '.join(sorted(unknown))}")
    parameters |= dict(changes or {})
    machine = template["Resources"][MACHINE]["Properties"]
    tasks = _tasks(root / machine["DefinitionUri"], machine["DefinitionSubstitutions"], parameters)
    scalable = _only(tasks, "registerScalableTarget")
    tracked = _only(tasks, "putScalingPolicy", "TargetTrackingScalingPolicyConfiguration")
    stepped = _only(tasks, "putScalingPolicy", "StepScalingPolicyConfiguration")
    return Policies(
        minimum=int(scalable["MinCapacity"]),
        maximum=int(scalable["MaxCapacity"]),
        concurrency=int(parameters["ConcurrentJobsPerInstance"]),
        in_hand=_in_hand(root / machine["DefinitionUri"], parameters),
        ttl=float(parameters["RequestTtlSeconds"]),
        tracking=_tracking(tracked["TargetTrackingScalingPolicyConfiguration"]),
        wake=_wake(
            stepped["StepScalingPolicyConfiguration"],
            _only(tasks, "putMetricAlarm", "AlarmActions"),
        ),
    )


def template_defaults(root: Path = ROOT) -> Document:
    """Return the default of each parameter of the template; None where it has none."""
    parameters: Document = _template(root)["Parameters"]
    return {name: given.get("Default") for name, given in parameters.items()}


@functools.cache
def _template(root: Path) -> Document:
    template: Document = yaml.load((root / "template.yaml").read_text(), _Loader)
    return template


class _Loader(yaml.CSafeLoader):
    """Reads ``!Ref NAME`` as its long form, and other functions as nothing."""


def _function(loader: _Loader, name: str, node: yaml.Node) -> Any:
    return {"Ref": loader.construct_scalar(node)} if name == "Ref" else None  # type: ignore[arg-type]


_Loader.add_multi_constructor("!", _function)


def _in_hand(path: Path, parameters: Mapping[str, Any]) -> int:
    """Return how many invocations an instance of the asynchronous endpoint gets at once."""
    (given,) = {
        state["Arguments"]["AsyncInferenceConfig"]["ClientConfig"][IN_HAND]
        for state in _states(json.loads(path.read_text()))
        if "AsyncInferenceConfig" in state.get("Arguments", {})
    }
    number = str(parameters["ConcurrentJobsPerInstance"])
    return int(_evaluated(given.replace("${ConcurrentJobsPerInstance}", number)))


def _tasks(
    path: Path, substitutions: Document, parameters: Mapping[str, Any]
) -> list[tuple[str, Document]]:
    text = path.read_text()
    for name, value in substitutions.items():
        parameter = value.get("Ref") if isinstance(value, dict) else None
        filled = name if parameter is None else str(parameters.get(parameter, name))
        text = text.replace(f"${{{name}}}", filled)
    return [
        (action, _evaluated(state["Arguments"]))
        for state in _states(json.loads(text))
        if (action := state.get("Resource", "").rsplit(":", 1)[-1])
        in ("registerScalableTarget", "putScalingPolicy", "putMetricAlarm")
    ]


def _states(machine: Document) -> Iterator[Document]:
    """Yield every state, those inside of Map and Parallel too."""
    for state in machine["States"].values():
        yield state
        inside = [*state.get("Branches", []), state.get("ItemProcessor")]
        for part in filter(None, inside):
            yield from _states(part)


def _evaluated(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _evaluated(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_evaluated(value) for value in part]
    if isinstance(part, str) and part.startswith("{%"):
        return Jsonata.jsonata(part[2:-2].strip()).evaluate(None, PROVIDED)
    return part


def _only(tasks: list[tuple[str, Document]], action: str, field: str = "") -> Document:
    found = [
        request for name, request in tasks if name == action and (not field or field in request)
    ]
    if not found or any(request != found[0] for request in found):
        raise ValueError(f"the deployment machine has not one {action} {field}".rstrip())
    return found[0]


def _tracking(given: Document) -> Tracking:
    return Tracking(
        signal=_signal(given["CustomizedMetricSpecification"]["Metrics"]),
        target=float(given["TargetValue"]),
        out_cooldown=float(given["ScaleOutCooldown"]),
        in_cooldown=float(given["ScaleInCooldown"]),
    )


def _wake(policy: Document, alarm: Document) -> Wake:
    if (policy["AdjustmentType"], alarm["ComparisonOperator"]) != (
        "ChangeInCapacity",
        "GreaterThanOrEqualToThreshold",
    ):
        raise ValueError("the step policy is not one that adds at or above a threshold")
    return Wake(
        signal=_signal(alarm["Metrics"]) if "Metrics" in alarm else _metric(alarm["MetricName"]),
        threshold=float(alarm["Threshold"]),
        evaluated=int(alarm["EvaluationPeriods"]),
        to_alarm=int(alarm["DatapointsToAlarm"]),
        cooldown=float(policy["Cooldown"]),
        steps=tuple(
            (float(step.get("MetricIntervalLowerBound", 0)), int(step["ScalingAdjustment"]))
            for step in policy["StepAdjustments"]
        ),
    )


def _metric(name: str) -> Signal:
    return Signal({"metric": name}, (), "metric")


def _signal(metrics: list[Document]) -> Signal:
    sources, expressions = {}, []
    for metric in metrics:
        if "Expression" in metric:
            expressions.append((metric["Id"], compiled(metric["Expression"])))
        else:
            sources[metric["Id"]] = metric["MetricStat"]["Metric"]["MetricName"]
    (returned,) = [metric["Id"] for metric in metrics if metric.get("ReturnData", True)]
    return Signal(sources, tuple(expressions), returned)
