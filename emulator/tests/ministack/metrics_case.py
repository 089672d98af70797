"""Metrics, metric math and alarms do what CloudWatch documents of them."""

# unittest, because MiniStack's environment has no pytest
# ruff: noqa: PT009, PT027

import json
import time
import unittest
from typing import Any
from unittest import mock

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import cloudwatch

from local_aws.ministack import sagemaker_link
from local_aws.ministack.cloudwatch import (
    alarm_states,
    alarms,
    embedded_metrics,
    evaluation,
    metric_math,
    series,
)

HELD = "IF(FILL(inflight, 0) > 0 AND FILL(backlog, 0) < 5, 5, FILL(backlog, 0))"
TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"
POLICY = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:resource/x:policyName/p"


def alarm(**changes: Any) -> dict[str, Any]:
    return {
        "AlarmName": "a",
        "Namespace": "N",
        "MetricName": "M",
        "Dimensions": [{"Name": "D", "Value": "1"}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "missing",
        "StateValue": "OK",
        "ActionsEnabled": True,
        "AlarmActions": [],
        **changes,
    }


class Math(unittest.TestCase):
    def test_a_fleet_is_held_at_its_target_while_jobs_are_in_flight(self) -> None:
        backlog: metric_math.Series = [0.0, 7.0, None, 0.0]
        inflight: metric_math.Series = [1.0, 1.0, 2.0, None]
        found = metric_math.evaluate(HELD, {"backlog": backlog, "inflight": inflight}, 4)
        self.assertEqual(found, [5.0, 7.0, 5.0, 0.0])

    def test_a_sum_lacks_what_one_of_its_parts_lacks(self) -> None:
        parts: dict[str, metric_math.Series] = {"a": [1.0, None], "b": [2.0, 3.0]}
        self.assertEqual(metric_math.evaluate("a + b", parts, 2), [3.0, None])
        self.assertEqual(metric_math.evaluate("b / (b - 3)", parts, 2), [-2.0, None])

    def test_precedence_and_both_spellings_of_and_and_or(self) -> None:
        parts: dict[str, metric_math.Series] = {"a": [2.0]}
        for text, value in (
            ("1 + a * 3", 7.0),
            ("-a", -2.0),
            ("a > 1 && a < 3", 1.0),
            ("a > 2 OR a == 2", 1.0),
            ("a > 2 || a != 2", 0.0),
        ):
            self.assertEqual(metric_math.evaluate(text, parts, 1), [value], text)

    def test_what_is_not_known_is_refused_by_name(self) -> None:
        for text, said in (
            ("RATE(a)", "RATE"),
            ("a ^ 2", "BitXor"),
            ("a.b", "Attribute"),
            ("SEARCH('x', 'Sum', 60)", "SEARCH"),
            ("a +", "Invalid"),
            ("FILL(a)", "FILL"),
            ("b + 1", "no metric"),
        ):
            with self.assertRaisesRegex(metric_math.MetricMathError, said):
                metric_math.evaluate(text, {"a": [1.0]}, 1)


class States(unittest.TestCase):
    def state(self, *latest_first: float | None, **changes: Any) -> str:
        found = alarm(**changes)
        length = found["EvaluationPeriods"] + alarm_states.EXTRA_PERIODS
        values = [*latest_first, *[None] * (length - len(latest_first))]
        return alarm_states.state_of(found, values)

    def test_missing_data_is_treated_as_the_alarm_says(self) -> None:
        # The table of AWS's guide, three of three; its rows have the latest datapoint last
        for values, missing, ignore, breaching, not_breaching in (
            ([2.0, None, 2.0, None, 0.0], "OK", "OK", "OK", "OK"),
            ([0.0], "OK", "OK", "OK", "OK"),
            ([], "INSUFFICIENT_DATA", "kept", "ALARM", "OK"),
            ([2.0, None, 2.0, 2.0, 0.0], "ALARM", "ALARM", "ALARM", "ALARM"),
            ([None, None, 2.0], "ALARM", "kept", "ALARM", "OK"),
        ):
            for treatment, state in (
                ("missing", missing),
                ("ignore", ignore),
                ("breaching", breaching),
                ("notBreaching", not_breaching),
            ):
                found = self.state(*values, TreatMissingData=treatment, StateValue="kept")
                self.assertEqual(found, state, (values, treatment))

    def test_so_many_datapoints_of_so_many_make_an_alarm(self) -> None:
        self.assertEqual(self.state(0.0, 2.0, 2.0, DatapointsToAlarm=2), "ALARM")
        self.assertEqual(self.state(0.0, 2.0, 0.0, DatapointsToAlarm=2), "OK")
        self.assertEqual(self.state(2.0, 0.0, 2.0), "OK")

    def test_one_early_datapoint_is_not_yet_an_alarm(self) -> None:
        self.assertEqual(self.state(2.0), "OK")


class Store(unittest.TestCase):
    def setUp(self) -> None:
        set_request_account_id("test")
        set_request_region("us-east-1")
        cloudwatch.reset()
        self.addCleanup(cloudwatch.reset)

    def put(self, value: float, age: float = 0.0, metric: str = "M", **dimensions: str) -> None:
        named = dimensions or {"D": "1"}
        moment = time.time() - age
        cloudwatch._store_datum("N", metric, named, moment, "None", value, None, None, None)


class Series(Store):
    def test_each_period_has_its_statistic_and_a_gap_is_a_gap(self) -> None:
        for value, age in ((1.0, 1), (3.0, 50), (8.0, 130)):
            self.put(value, age)
        self.assertEqual(series.of_alarm(alarm(), 3)[0], [2.0, None, 8.0])
        self.assertEqual(series.of_alarm(alarm(Statistic="Sum"), 3)[0], [4.0, None, 8.0])

    def test_another_dimension_is_another_metric(self) -> None:
        self.put(5.0, D="2")
        self.put(6.0, D="1", E="3")
        self.assertEqual(series.of_alarm(alarm(), 1)[0], [None])

    def test_an_expression_is_worked_out_of_its_metrics_in_any_order(self) -> None:
        self.put(2.0)
        self.put(3.0, metric="Other")
        metric = {"Namespace": "N", "Dimensions": [{"Name": "D", "Value": "1"}]}
        queries = [
            {"Id": "e", "Expression": "a + b"},
            {"Id": "a", "ReturnData": False, "Expression": "c * 10"},
            *(
                {
                    "Id": identifier,
                    "ReturnData": False,
                    "MetricStat": {
                        "Metric": {**metric, "MetricName": name},
                        "Period": 300,
                        "Stat": "Sum",
                    },
                }
                for identifier, name in (("b", "M"), ("c", "Other"))
            ),
        ]
        values, period = series.of_alarm({"Metrics": queries}, 1)
        self.assertEqual((values, period), ([32.0], 300))

    def test_time_that_passes_moves_data_to_earlier_periods(self) -> None:
        self.put(1.0)
        evaluation.age(60)
        self.put(2.0)
        self.assertEqual(series.of_alarm(alarm(), 3)[0], [2.0, 1.0, None])


class Embedded(Store):
    def test_a_line_of_a_functions_log_becomes_a_metric_with_its_dimensions(self) -> None:
        line = {
            "_aws": {
                "Timestamp": int(time.time() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": "N",
                        "Dimensions": [["D"]],
                        "Metrics": [{"Name": "M", "Unit": "Count"}],
                    }
                ],
            },
            "D": "1",
            "M": [1.0, 3.0],
        }
        broken = {**line, "M": None}
        text = "\n".join(["START", json.dumps(line), json.dumps(broken), '{"_aws" no json'])
        embedded_metrics.keep(text)
        self.assertEqual(series.of_alarm(alarm(), 1)[0], [2.0])


class Alarms(Store):
    def setUp(self) -> None:
        super().setUp()
        self.told: list[tuple[str, str]] = []
        self.called: list[dict[str, Any]] = []

        def tell(about: dict[str, Any], _old: str, new: str, _reason: str) -> None:
            self.told.append((about["AlarmName"], new))

        def call(route: str, document: dict[str, Any]) -> dict[str, Any]:
            if route == "scaling-alarm":
                self.called.append(document)
            return {"outcome": "done"}

        for target, name, double in (
            (cloudwatch, "_dispatch_alarm_actions", tell),
            (sagemaker_link, "post", call),
        ):
            patch = mock.patch.object(target, name, double)
            patch.start()
            self.addCleanup(patch.stop)

    def keep(self, **changes: Any) -> dict[str, Any]:
        found = alarm(**changes)
        cloudwatch._alarms[found["AlarmName"]] = found
        return found

    def test_a_change_of_state_is_told_once_and_its_end_too(self) -> None:
        kept = self.keep(EvaluationPeriods=1, AlarmActions=[TOPIC])
        self.put(2.0)
        for _ in range(2):
            alarms.evaluate_all()
        evaluation.age(60)
        self.put(0.0)
        alarms.evaluate_all()
        self.assertEqual(self.told, [("a", "ALARM"), ("a", "OK")])
        self.assertIn("Threshold Crossed", kept["StateReason"])

    def test_a_policy_is_called_for_as_long_as_its_alarm_rings(self) -> None:
        self.keep(EvaluationPeriods=2, AlarmActions=[POLICY])
        self.put(2.0)
        evaluation.age(60)
        self.put(3.0)
        for _ in range(2):
            alarms.evaluate_all()
        self.assertEqual([call["value"] for call in self.called], [3.0, 3.0])
        self.assertEqual(self.called[0]["policyArn"], POLICY)
        self.assertEqual(self.called[0]["threshold"], 1.0)

    def test_the_last_instance_of_an_idle_laptop_can_be_kept(self) -> None:
        self.keep(
            EvaluationPeriods=1, ComparisonOperator="LessThanThreshold", AlarmActions=[POLICY]
        )
        self.put(0.0)
        alarms.evaluate_all(least=1)
        alarms.evaluate_all()
        self.assertEqual([call["least"] for call in self.called], [1, 0])

    def test_an_alarm_that_is_switched_off_calls_nobody(self) -> None:
        self.keep(EvaluationPeriods=1, AlarmActions=[POLICY], ActionsEnabled=False)
        self.put(2.0)
        alarms.evaluate_all()
        self.assertEqual(self.called, [])

    def test_minutes_pass_one_by_one(self) -> None:
        self.keep(EvaluationPeriods=1)
        self.put(2.0)
        evaluation.advance({"seconds": 150})
        self.assertEqual(series.of_alarm(alarm(), 3)[0], [None, None, 2.0])
        with self.assertRaises(ValueError):
            evaluation.advance({"seconds": -1})

    def test_what_cannot_be_watched_is_refused_when_it_is_put(self) -> None:
        for changes, said in (
            ({"Metrics": [{"Id": "e", "Expression": "RATE(m)"}]}, "RATE"),
            ({"Metrics": [{"Id": "e", "Expression": "1", "ReturnData": False}]}, "ReturnData"),
            ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "not evaluated"),
        ):
            fault = alarms.fault_of(alarm(**changes), changes.get("Metrics"), {})  # type: ignore[arg-type]
            self.assertIn(said, fault or "")
