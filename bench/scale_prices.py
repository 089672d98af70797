"""The dated table of prices, limits and measured times that ``bench.scale`` reckons with."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("scale.toml")
SOURCES = {"list", "measured", "reported", "estimated"}


@dataclass(frozen=True)
class Recording:
    """One size of recording."""

    name: str
    megabytes: float
    analysis_seconds: float  # on a core of its own


@dataclass(frozen=True)
class Instance:
    """An instance of the asynchronous endpoint."""

    usd_an_hour: float
    megabytes_a_second: float
    start_seconds: tuple[float, float]  # shortest, longest
    stop_seconds: float
    requeue_seconds: float
    busy_core_factor: float
    overhead_seconds: float


@dataclass(frozen=True)
class Scaling:
    """How CloudWatch and target tracking look at a metric."""

    metric_delay_seconds: float
    period_seconds: float
    out_datapoints: int
    in_datapoints: int
    in_share: float


@dataclass(frozen=True)
class Serverless:
    """A serverless endpoint."""

    usd_a_second: float
    max_concurrency: int
    max_seconds: float
    disk_megabytes: float
    megabytes_a_second: float
    cold_seconds: tuple[float, float]  # shortest, longest
    warm_seconds: float
    overhead_seconds: float

    def seconds(self, recording: Recording) -> float:
        """Return how long a warm container takes for one recording, s."""
        download = recording.megabytes / self.megabytes_a_second
        return self.overhead_seconds + download + recording.analysis_seconds

    def admits(self, recording: Recording) -> bool:
        """Say whether a recording fits, after a cold start too."""
        longest = self.cold_seconds[1] + self.seconds(recording)
        return recording.megabytes <= self.disk_megabytes and longest <= self.max_seconds


@dataclass(frozen=True)
class World:
    """Everything that is given, and not a decision of the template's."""

    dated: str
    hour: Recording
    night: Recording
    instance: Instance
    scaling: Scaling
    serverless: Serverless
    front_door_usd_a_thousand: float
    requests_a_job: float


def read_world(path: Path = TABLE) -> World:
    """Read the table.

    Raises
    ------
    ValueError
        Where a value has no known source.
    """
    table = tomllib.loads(path.read_text())
    given = {
        section: {name: _value(f"{section}.{name}", entry) for name, entry in entries.items()}
        for section, entries in table.items()
        if isinstance(entries, dict)
    }
    service, door = given["service"], given["front_door"]
    return World(
        dated=str(table["dated"]),
        hour=Recording("1 h", service["hour_megabytes"], service["hour_analysis_seconds"]),
        night=Recording("8 h", service["night_megabytes"], service["night_analysis_seconds"]),
        instance=_instance(given["instance"], service),
        scaling=Scaling(**given["scaling"]),
        serverless=_serverless(given["serverless"], service),
        front_door_usd_a_thousand=door["usd_a_thousand"],
        requests_a_job=door["requests_a_job"],
    )


def _value(name: str, entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    if entry.get("source") not in SOURCES:
        raise ValueError(f"{name}: its source must be one of {', '.join(sorted(SOURCES))}")
    value = entry["value"]
    return tuple(value) if isinstance(value, list) else value


def _instance(given: dict[str, Any], service: dict[str, Any]) -> Instance:
    return Instance(
        usd_an_hour=given["usd_an_hour"],
        megabytes_a_second=given["gigabits_a_second"] * 1000 / 8,
        start_seconds=given["start_seconds"],
        stop_seconds=given["stop_seconds"],
        requeue_seconds=given["requeue_seconds"],
        busy_core_factor=service["busy_core_factor"],
        overhead_seconds=service["overhead_seconds"],
    )


def _serverless(given: dict[str, Any], service: dict[str, Any]) -> Serverless:
    return Serverless(
        usd_a_second=given["usd_a_second"],
        max_concurrency=given["max_concurrency"],
        max_seconds=given["max_seconds"],
        disk_megabytes=given["disk_gigabytes"] * 1000,
        megabytes_a_second=given["gigabits_a_second"] * 1000 / 8,
        cold_seconds=given["cold_seconds"],
        warm_seconds=given["warm_seconds"],
        overhead_seconds=service["overhead_seconds"],
    )
