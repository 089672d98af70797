"""Metrics that a training job's regular expressions find in its log."""

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from local_aws.sagemaker.identity import now


class MetricReader:
    """Collects the values of metric definitions line by line.

    Parameters
    ----------
    definitions
        ``MetricDefinitions`` of the request: name and regular expression, whose first group is
        the value.
    """

    def __init__(self, definitions: Sequence[Mapping[str, str]]) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self._lock = threading.Lock()
        self.values: list[dict[str, Any]] = []

    def read(self, line: str) -> None:
        """Look for every metric in one line."""
        for name, pattern in self._patterns:
            for found in pattern.finditer(line):
                try:
                    value = float(found.group(1))
                except (IndexError, TypeError, ValueError):
                    continue
                with self._lock:
                    self.values.append({"MetricName": name, "Value": value, "Timestamp": now()})

    def final(self) -> list[dict[str, Any]]:
        """Return the last value of each metric (FinalMetricDataList)."""
        with self._lock:
            last = {item["MetricName"]: item for item in self.values}
        return list(last.values())
