"""The command line of run_pipeline.sh."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from femo_pipeline import uploads
from femo_pipeline.errors import ExecutionError, InputError, PipelineError
from femo_pipeline.execution import Ending, follow, redrive, start
from femo_pipeline.progress import ProgressDisplay, duration
from femo_pipeline.report import (
    evaluation_table,
    extraction_lines,
    outcome_lines,
    read_evaluation,
    read_extraction,
)
from femo_pipeline.stack import (
    DEFAULT_STAGE,
    Overrides,
    Stack,
    find_cloud_stack,
    find_local_stack,
    stack_name,
)
from femo_signal.errors import ModelError, OutputError
from femo_signal.learning.hyperparameters import read_job_hyperparameters
from femo_signal.manifest import Manifest
from femo_signal.writing import check_target, whole_file

__all__ = ["main"]

EXECUTION_FILE = Path("pipelineExecution.json")
LOCAL_STATE = Path(__file__).resolve().parent.parent / ".local" / "stack.json"
NOT_TRAINED = "NotTrained"
GATE_METRICS = ("accuracy", "sensitivity", "specificity", "precision", "f1", "pabak")
INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


def _hyperparameters(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for name, _, value in (entry.partition("=") for entry in given):
        if not (name and value):
            raise click.BadParameter("give NAME=VALUE")
        if name in pairs:
            raise click.BadParameter(f"{name} is given twice")
        pairs[name] = value
    try:
        read_job_hyperparameters(pairs)
    except ModelError as error:
        raise click.BadParameter(str(error)) from error
    return pairs


def _finite(_context: click.Context, _option: click.Parameter, given: float | None) -> float | None:
    """Refuse NaN, which no range keeps out."""
    if given is not None and not math.isfinite(given):
        raise click.BadParameter(f"{given} is not a number")
    return given


def _chosen(**options: Any) -> list[str]:
    """Return the names of the options that were given."""
    return [
        name.removesuffix("_path").replace("_", " ")
        for name, value in options.items()
        if value is not None and value is not False and value != {}
    ]


@click.command(
    name="run_pipeline.sh",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="SAGEMAKER_PIPELINE_ROLE_ARN, SAGEMAKER_ARTIFACT_BUCKET, SAGEMAKER_PROJECT_NAME and "
    "IMAGE_URI, where set, are used instead of what the stack says. Exit status: 0 the run ended "
    "(REGISTERED, REJECTED or nothing to train on), 1 it failed, 2 the call or the manifest is "
    "wrong.",
)
@click.option(
    "-m",
    "--manifest",
    "manifest_path",
    type=click.Path(path_type=Path),
    help="The recordings to train on.",
)
@click.option(
    "--redrive",
    "failed_arn",
    metavar="ARN",
    help="Instead of a new run, let a failed one go on from the state that failed.",
)
@click.option("--follow", "running_arn", metavar="ARN", help="Follow a run that was left.")
@click.option("-f", "--force", is_flag=True, help="Extract all features anew.")
@click.option("-l", "--local", is_flag=True, help="Use the stack on this machine (make up).")
@click.option(
    "--auto-approve",
    "approval",
    flag_value="auto",
    help="Put the model into service without a person. Default: as the stack's AutoApprove says.",
)
@click.option(
    "--manual-approval",
    "approval",
    flag_value="manual",
    help="Register the model without putting it into service: a person approves it.",
)
@click.option("--gate-metric", type=click.Choice(GATE_METRICS), help="Metric of the quality gate.")
@click.option(
    "--gate-minimum",
    type=click.FloatRange(-1, 1),
    callback=_finite,
    help="The least of it that is good enough.",
)
@click.option(
    "--gate-gain",
    type=click.FloatRange(-1, 1),
    callback=_finite,
    help="The least lower bound of the gain in F1 over the model in service: -0.1 lets a model "
    "pass that is surely no more than 0.1 worse.",
)
@click.option(
    "--instances", type=click.IntRange(1, 20), help="Instances that share the extraction."
)
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path),
    help="Analysis settings (JSON). Default: the reference profile of docs/method.md.",
)
@click.option(
    "--hyperparameter",
    "hyperparameters",
    multiple=True,
    callback=_hyperparameters,
    metavar="NAME=VALUE",
    help="For the training; may be repeated. `femo train --help` lists the names.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="With -l: refuse a manifest with a file that cannot be read instead of leaving it out.",
)
@click.option(
    "--stage", default=DEFAULT_STAGE, show_default=True, help="Stage of the project's stack."
)
@click.option("--stack", "name", help="Name of the stack. Default: PROJECT-STAGE.")
@click.option(
    "--state-file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=LOCAL_STATE,
    help="stack.json of the local stack, where it is not this project's own.",
)
def run(
    manifest_path: Path | None,
    failed_arn: str | None,
    running_arn: str | None,
    local: bool,
    name: str | None,
    stage: str,
    state_file: Path,
    settings_path: Path | None,
    strict: bool,
    **options: Any,
) -> None:
    """Train a movement classifier on a manifest: extract, train, evaluate, register."""
    if [manifest_path, failed_arn, running_arn].count(None) != 2:
        raise click.UsageError("Give one of --manifest, --redrive and --follow.")
    chosen = _chosen(settings_path=settings_path, strict=strict, **options)
    if manifest_path is None and chosen:
        raise click.UsageError(f"{' and '.join(chosen)} can be chosen for a new run only.")
    manifest = None if manifest_path is None else uploads.read_manifest(manifest_path)
    settings = None if settings_path is None else uploads.read_settings(settings_path)
    if manifest is not None and not manifest.items:
        _remember(NOT_TRAINED)
        click.echo(f"{manifest_path} names no recordings: nothing is trained.")
        return
    overrides = Overrides.read(os.environ)
    _check_can_remember()
    if local:
        stack = find_local_stack(state_file, overrides)
    else:
        stack = find_cloud_stack(name or stack_name(os.environ, stage), overrides)
    if manifest is not None and manifest_path is not None:
        home = manifest_path.resolve().parent if local else None
        manifest = _in_bucket(stack, manifest, home, strict=strict)
        _provide_smoke_recording(stack)
        if (notice := uploads.ending_notice(manifest, stack.recordings_bucket)) is not None:
            click.echo(f"Warning: {notice}", err=True)
        uri = uploads.upload_manifest(stack, manifest)
        settings_uri = None if settings is None else uploads.upload_settings(stack, settings)
        arn = start(stack, execution_input(uri, overrides, settings_uri=settings_uri, **options))
    elif failed_arn is not None:
        arn = failed_arn
        redrive(stack, arn)
    else:
        arn = str(running_arn)
    _remember(arn)
    click.echo(f"Execution: {arn}", err=True)
    _report(stack, _followed(stack, arn))


def execution_input(
    manifest_uri: str,
    overrides: Overrides,
    *,
    force: bool,
    approval: str | None,
    gate_metric: str | None,
    gate_minimum: float | None,
    gate_gain: float | None,
    instances: int | None,
    settings_uri: str | None,
    hyperparameters: dict[str, str],
) -> dict[str, Any]:
    """Return the training machine's input; what was not asked for is left to its defaults."""
    gate = {"metric": gate_metric, "minimum": gate_minimum, "gain": gate_gain}
    chosen: dict[str, Any] = {
        "manifest": manifest_uri,
        "forceExtract": True if force else None,
        "autoApprove": None if approval is None else approval == "auto",
        "qualityGate": {key: value for key, value in gate.items() if value is not None} or None,
        "extractInstances": instances,
        "settings": settings_uri,
        "hyperparameters": hyperparameters or None,
        "imageUri": overrides.image_uri,
        "roleArn": overrides.role_arn,
        "artifactBucket": overrides.artifact_bucket,
    }
    return {key: value for key, value in chosen.items() if value is not None}


def _in_bucket(stack: Stack, manifest: Manifest, home: Path | None, *, strict: bool) -> Manifest:
    """Return the manifest by bucket and key; a local one's files, below home, are uploaded."""
    if home is None:
        return uploads.in_bucket(manifest, stack.recordings_bucket)
    return _with_recordings(stack, manifest, home, strict=strict)


def _with_recordings(stack: Stack, manifest: Manifest, folder: Path, *, strict: bool) -> Manifest:
    manifest, files, notices = uploads.plan_recordings(
        manifest, folder, stack.recordings_bucket, strict=strict
    )
    for notice in notices:
        click.echo(f"Warning: {notice}", err=True)
    size = sum(file.size for file in files)
    with tqdm(
        total=size, unit="B", unit_scale=True, desc="Recordings", leave=False, disable=None
    ) as bar:
        uploaded = uploads.upload_recordings(stack, files, lambda count: _advance(bar, count))
    click.echo(f"Recordings: {uploaded} of {len(files)} files uploaded, the rest are there.",
               err=True)  # fmt: skip
    return manifest


def _provide_smoke_recording(stack: Stack) -> None:
    try:
        if uploads.provide_smoke_recording(stack):
            click.echo("A synthetic recording was stored, to try new models with.", err=True)
    except PipelineError as error:
        # Training does without; whoever deploys may have other rights than who trains
        click.echo(f"Warning: {error}", err=True)


def _advance(bar: tqdm[Any], count: int) -> None:
    bar.update(count)


def _check_can_remember() -> None:
    """Tell before a run is started whether its ARN could be written down.

    Raises
    ------
    InputError
        If it could not.
    """
    try:
        check_target(EXECUTION_FILE.parent, [EXECUTION_FILE.name], overwrite=True)
    except OutputError as error:
        raise InputError(f"{EXECUTION_FILE}: {error}") from error


def _remember(arn: str) -> None:
    with whole_file(EXECUTION_FILE) as partial:
        partial.write_text(json.dumps({"arn": arn}) + "\n")


def _followed(stack: Stack, arn: str) -> Ending:
    try:
        with ProgressDisplay(is_terminal=sys.stderr.isatty()) as display:
            return follow(stack, arn, display.show)
    except KeyboardInterrupt:
        click.echo(
            f"\nNot followed any more; the execution goes on. To follow it again: run_pipeline.sh "
            f"--follow {arn}",
            err=True,
        )
        sys.exit(INTERRUPTED)


def _report(stack: Stack, ending: Ending) -> None:
    if ending.status != "SUCCEEDED":
        raise ExecutionError(failure_text(ending))
    output = ending.output
    if output["outcome"] == "NOT_TRAINED":
        _remember(NOT_TRAINED)
    if "features" in output:
        for line in extraction_lines(read_extraction(stack, output["features"])):
            click.echo(line)
    if "evaluation" in output:
        for line in evaluation_table(read_evaluation(stack, output["evaluation"])):
            click.echo(line)
    address = stack.clients.sagemaker.meta.endpoint_url if stack.is_local else None
    for line in outcome_lines(output, endpoint_url=address):
        click.echo(line)
    click.echo(f"Done in {duration(ending.seconds)}.", err=True)


def failure_text(ending: Ending) -> str:
    """Say where and why an execution ended, where its log lies and how to go on."""
    lines = [
        f"{ending.status} in the state {ending.state or '(none)'} after "
        f"{duration(ending.seconds)}: {ending.error}: {ending.reason}"
    ]
    lines += [f"  | {line}" for line in ending.log_lines]
    if ending.job is not None:
        lines.append(
            f"Log: aws logs tail {ending.job.log_group} "
            f"--log-stream-name-prefix {ending.job.name} --since 1d"
        )
    lines.append(
        f"To go on from that state once the cause is gone: run_pipeline.sh --redrive {ending.arn}"
    )
    return "\n".join(lines)


def main() -> None:
    """Run the command; errors are told in one line and by the exit status."""
    try:
        run(prog_name="run_pipeline.sh", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(InputError.exit_status)
    except click.Abort:
        sys.exit(INTERRUPTED)
    except PipelineError as error:
        click.echo(f"run_pipeline: {error}", err=True)
        sys.exit(error.exit_status)
