"""The evaluation and the model package of a finished run, as a person reads them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_pipeline.errors import PipelineError
from femo_pipeline.stack import Stack

__all__ = [
    "evaluation_table",
    "extraction_lines",
    "outcome_lines",
    "read_evaluation",
    "read_extraction",
]

# Metric -> heading; in this order
COLUMNS = {
    "f1": "F1",
    "chance_f1": "by chance",
    "precision": "Precision",
    "sensitivity": "Sensitivity",
    "chance_sensitivity": "by chance",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
    "pabak": "PABAK",
    "false_detections_per_hour": "False/h",
}
MOST_ROWS = 40
NAME_WIDTH = 28
SUBJECT_WIDTH = 12


def read_evaluation(stack: Stack, uri: str) -> dict[str, Any]:
    """Fetch an evaluation.

    Raises
    ------
    PipelineError
        If it cannot be read.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return _read_json(stack, bucket, key)


def read_extraction(stack: Stack, uri: str) -> list[dict[str, Any]]:
    """Fetch what each host of the extraction reported, recording by recording.

    Raises
    ------
    PipelineError
        If a report cannot be read.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    pages = stack.clients.s3.get_paginator("list_objects_v2")
    try:
        keys = [
            entry["Key"]
            for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}/report-")
            for entry in page.get("Contents", [])
        ]
    except (ClientError, BotoCoreError) as error:
        raise PipelineError(f"{uri}: the reports cannot be listed: {error}") from error
    return [entry for key in keys for entry in _read_json(stack, bucket, key)["recordings"]]


def extraction_lines(recordings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how many recordings were extracted or cached, and which were left out and why."""
    counts = Counter(entry["status"] for entry in recordings)
    lines = [
        f"Recordings: {counts['ok']} extracted, {counts['cached']} from the cache, "
        f"{counts['failed']} left out"
    ]
    failed = [entry for entry in recordings if entry["status"] == "failed"]
    lines += [f"  {entry['recording_id']}: {entry['reason']}" for entry in failed[:MOST_ROWS]]
    if len(failed) > MOST_ROWS:
        lines.append(f"  ... and {len(failed) - MOST_ROWS} more")
    return lines


def _read_json(stack: Stack, bucket: str, key: str) -> dict[str, Any]:
    try:
        body = stack.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        document: dict[str, Any] = json.loads(body)
    except (ClientError, BotoCoreError, ValueError) as error:
        raise PipelineError(f"s3://{bucket}/{key} cannot be read: {error}") from error
    return document


def evaluation_table(evaluation: Mapping[str, Any]) -> list[str]:
    """Return the figures per recording and in all, a line each; undefined ones are dashes."""
    rows = sorted(
        (
            (_name(str(row.get("recording", ""))), str(row.get("subject") or "-"), row)
            for row in evaluation.get("per_recording", [])
        ),
        key=lambda row: row[:2],
    )
    shown = rows[:MOST_ROWS]
    lines = [_line("Recording", "Subject", list(COLUMNS.values()))]
    lines += [_line(name, subject, _cells(row)) for name, subject, row in shown]
    if len(rows) > len(shown):
        lines.append(f"... and {len(rows) - len(shown)} more: per_recording.csv has them all")
    lines.append(_line("All, out of fold", "", _cells(evaluation["metrics"])))
    lines.append(_line("Every detection accepted", "", _cells(evaluation["accept_all"])))
    return lines


def outcome_lines(output: Mapping[str, Any], *, endpoint_url: str | None = None) -> list[str]:
    """Return what an execution's output says, a line each.

    Parameters
    ----------
    output : mapping
    endpoint_url : str, optional
        Where SageMaker is asked, if not on AWS; for the command that approves.
    """
    lines = [f"Outcome: {output['outcome']} ({output.get('reason', '')})"]
    if gate := output.get("qualityGate"):
        lines.append(
            f"Quality gate: {gate['metric']} at least {gate['minimum']:g}; gain in F1 over the "
            f"model in service surely at least {gate['gain']:g}"
        )
    if gain := output.get("gainOverServing"):
        lines.append(_gain_line(gain, output.get("servingModelPackage")))
    if package := output.get("modelPackageArn"):
        lines.append(f"Model package: {package} ({output.get('approval', '')})")
        if output.get("approval") == "Approved":
            lines.append("Approved: the deployment machine puts it into service by itself.")
        else:
            address = f"--endpoint-url {endpoint_url} " if endpoint_url else ""
            lines.append(
                "It waits for a person's approval. To put it into service: "
                f"aws {address}--region {package.split(':')[3]} sagemaker update-model-package "
                f"--model-package-arn {package} --model-approval-status Approved"
            )
    if evaluation := output.get("evaluation"):
        lines.append(f"Evaluation: {evaluation.rsplit('/', 1)[0]}/")
    if model := output.get("modelDataUrl"):
        lines.append(f"Model: {model}")
    return lines


def _gain_line(gain: Mapping[str, Any], package: str | None) -> str:
    """Return the gain over the model in service with its interval, or why there is none."""
    over = f"Gain in F1 over {package or 'the model in service'}: "
    if not all(isinstance(gain.get(name), int | float) for name in ("f1", "low", "high")):
        return f"{over}- ({gain.get('status') or 'not comparable'})"
    counted = [
        f"{gain[name]} {name}"
        for name in ("recordings", "subjects")
        if isinstance(gain.get(name), int)
    ]
    interval = f"95 %: {gain['low']:+.3f} to {gain['high']:+.3f}"
    return f"{over}{gain['f1']:+.3f} ({'; '.join([interval, *counted])})"


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [_figure(row.get(metric)) for metric in COLUMNS]


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"


def _name(recording: str) -> str:
    """Return a recording's file name, or the end of it, which tells it from the others."""
    name = recording.rsplit("/", 1)[-1]
    return name if len(name) <= NAME_WIDTH else f"...{name[3 - NAME_WIDTH :]}"


def _line(name: str, subject: str, cells: Sequence[str]) -> str:
    figures = [f"{cell:>11}" for cell in cells]
    return "  ".join(
        [f"{name:<{NAME_WIDTH}}", f"{subject[:SUBJECT_WIDTH]:<{SUBJECT_WIDTH}}", *figures]
    )
