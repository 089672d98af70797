"""`femo`: inspect, synthesize, train, evaluate and analyze recordings from the command line.

Exit status: 0 done, 1 a failure of ours or of the machine, 2 wrong input. Results go to standard
output, everything for people's eyes only (progress, summaries, errors) to standard error. Imports
are made where they are needed, so that no command waits for what it does not use.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from femo_signal.evaluation import Evaluation
    from femo_signal.settings import AnalysisSettings, Method
    from femo_signal.training import Dataset

__all__ = ["main"]

# Commands that talk to a deployed stack live in a package of their own, over HTTP alone.
_STACK_COMMANDS = dict.fromkeys(("submit", "status", "jobs"), "femo_client.commands")
_ELSEWHERE = {"convert": "femo_signal.convert_command", **_STACK_COMMANDS}

_RecordingPath = click.Path(path_type=Path)
_EVALUATION_FILES = ("evaluation.json", "metrics.json", "per_recording.csv", "evaluation.png")

_overwrite = click.option("--overwrite", is_flag=True, help="Replace what is there already.")
_strict = click.option(
    "--strict", is_flag=True, help="Refuse a manifest with an item that cannot be used."
)


class _FiniteRange(click.FloatRange):
    """Like FloatRange, without NaN, which no bound keeps out."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class _TrainCommand(click.Command):
    """Lists the hyperparameters in its help, without loading them for any other purpose."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from femo_signal.hyperparameters import Hyperparameters

        with formatter.section("Hyperparameters for --set, by LightGBM's names"):
            formatter.write_dl(list(Hyperparameters.described()))
        super().format_epilog(ctx, formatter)


class _Group(click.Group):
    """Loads other modules' commands on demand, and turns errors into one line and a status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE:
            command: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="femo-cloud")
def femo() -> None:
    """Find fetal movements in FeMo belt recordings. For research use."""


def main() -> None:
    """Run the command line."""
    from femo_signal.errors import FemoError

    try:
        femo(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        _fail("interrupted", 130)
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), 2)
    except FemoError as error:
        _fail(str(error), 2)
    except BrokenPipeError:
        # The reader of our output has gone (as `head` does): nothing more to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (OSError, MemoryError) as error:
        _fail(str(error) or type(error).__name__, 1)
    except Exception as error:
        # Whatever else happens is a fault of ours; FEMO_DEBUG shows where.
        if os.environ.get("FEMO_DEBUG"):
            raise
        _fail(
            f"a fault of ours: {type(error).__name__}: {error} (set FEMO_DEBUG=1 for the place)", 1
        )


def _fail(message: str, status: int) -> None:
    click.echo(f"femo: error: {' '.join(message.split())}", err=True)
    sys.exit(status)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, allow_nan=False))


@contextmanager
def _bar(description: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on standard error once a task takes longer than a second."""
    from tqdm import tqdm

    with tqdm(
        desc=description,
        total=total,
        delay=1.0,
        mininterval=0.5,
        leave=False,
        file=sys.stderr,
        bar_format="{desc} |{bar:30}| {percentage:3.0f} % of {total:.0f} " + unit + ", {remaining}",
    ) as bar:

        def advance(amount: float) -> None:
            bar.update(amount)

        yield advance


@contextmanager
def _share_bar(description: str) -> Iterator[Callable[[float], None]]:
    """Like `_bar`, for tasks that tell which share of them is done."""
    done = 0.0
    with _bar(description, 100, "percent") as update:

        def tell(share: float) -> None:
            nonlocal done
            update(100 * share - done)
            done = 100 * share

        yield tell


_METHODS = ("adaptive", "reference")
_METHOD_HELP = (
    "Candidates by agreement of all sensors, each against its own level; or by fixed thresholds "
    "of two sensors."
)


@femo.command()
@click.argument("recording", type=_RecordingPath)
@click.option("--profile", "method", type=click.Choice(_METHODS), default="reference",
              show_default=True, help=_METHOD_HELP)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="JSON; this is what is printed anyway.")
def inspect(recording: Path, method: Method, as_json: bool) -> None:  # noqa: ARG001
    """Print the profile of RECORDING, before any classifier, as JSON."""
    from femo_signal.inspection import inspect_recording
    from femo_signal.settings import AnalysisSettings

    with _share_bar("Reading") as tell:
        facts = inspect_recording(
            recording, settings=AnalysisSettings(method=method), progress=tell
        )
    _print_json(facts)


@femo.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--recordings", type=click.IntRange(0, 100_000), required=True, help="How many.")
@click.option(
    "--minutes",
    type=_FiniteRange(min=0.34, max=48 * 60),
    required=True,
    help="Length of each.",
)
@click.option(
    "--format",
    "recording_format",
    type=click.Choice(["v1", "v2"]),
    default="v1",
    show_default=True,
    help="Format of the files.",
)
@click.option(
    "--kind",
    type=click.Choice(["lifelike", "rich"]),
    default="lifelike",
    show_default=True,
    help="Published rates, real noise and every nuisance; or many clear events to learn from.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Same seed, same bytes.",
)
@click.option("--start", help="When the first one starts, ISO 8601; default 2025-01-06T21:00Z.")
@click.option(
    "--labels",
    type=click.Choice(["annotations", "presses"]),
    default="annotations",
    show_default=True,
    help="What the manifest gives to train on: reference annotations, or the presses alone.",
)
@_overwrite
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def synthesize(
    directory: Path,
    recordings: int,
    minutes: float,
    recording_format: str,
    kind: str,
    seed: int,
    start: str | None,
    labels: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write a cohort of synthetic subjects into DIRECTORY, with manifest and ground truth.

    No person was measured: kicks, hiccups, maternal movement, presses and noise are drawn.
    """
    from femo_signal.synthetic import DEFAULT_START, synthesize_cohort

    moment = DEFAULT_START if start is None else _moment(start)
    with _bar("Synthesizing", recordings * minutes * 60, "s of recording") as update:
        manifest = synthesize_cohort(
            directory,
            recordings=recordings,
            minutes=minutes,
            recording_format="v2" if recording_format == "v2" else "v1",
            seed=seed,
            kind="rich" if kind == "rich" else "lifelike",
            start=moment,
            annotations=labels == "annotations",
            overwrite=overwrite,
            progress=update,
        )
    if as_json:
        _print_json(
            {"manifest": str(manifest), "recordings": recordings, "kind": kind, "seed": seed}
        )
    else:
        click.echo(f"{recordings} {kind} synthetic recordings of {minutes:g} min: {manifest}")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not an ISO 8601 time", param_hint="--start"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not 0 < moment.timestamp() < 2**32 - 2 * 86400:
        raise click.BadParameter("must lie between 1970 and 2106", param_hint="--start")
    return moment


@femo.command(cls=_TrainCommand)
@click.argument("manifest", type=_RecordingPath)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder for model.txt, model.json and training.json, which alone names "
              "recordings and subjects.")  # fmt: skip
@click.option("--force-extract", is_flag=True, help="Ignore cached features.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False),
              help="Feature cache; default $XDG_CACHE_HOME/femo.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="A hyperparameter, e.g. num_iterations=300; repeatable.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=7, show_default=True)
@click.option("--method", type=click.Choice(_METHODS), default="reference", show_default=True,
              help=_METHOD_HELP)  # fmt: skip
@_strict
@_overwrite
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
def train(
    manifest: Path,
    output: Path,
    force_extract: bool,
    cache: Path | None,
    settings: tuple[str, ...],
    seed: int,
    method: Method,
    strict: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Train a model on the recordings of MANIFEST.

    Folds keep a subject's recordings together; the figures printed are out of fold.
    """
    from femo_signal.hyperparameters import Hyperparameters
    from femo_signal.model import MODEL_FILES
    from femo_signal.writing import check_target

    hyperparameters = Hyperparameters.parse(_hyperparameters(settings))
    check_target(output, MODEL_FILES, overwrite=overwrite)
    from femo_signal.settings import AnalysisSettings
    from femo_signal.training import train_model

    dataset = _dataset(
        manifest,
        settings=AnalysisSettings(method=method),
        cache=cache,
        force=force_extract,
        strict=strict,
    )
    if dataset is None:
        if as_json:
            _print_json({"status": "NotTrained", "reason": "the manifest has no items"})
        else:
            click.echo("The manifest has no items: nothing to train.")
        return
    with _share_bar("Training") as tell:
        model = train_model(dataset, hyperparameters=hyperparameters, seed=seed, progress=tell)
    model.save(output, overwrite=overwrite, with_record=True)
    assert model.record is not None
    evaluation = model.record.evaluation
    if as_json:
        _print_json(
            {
                "status": "Trained",
                "model": str(output),
                "version": model.version,
                "threshold": model.threshold,
                "evaluation": evaluation,
            }
        )
        return
    for line in _evaluation_lines(evaluation):
        click.echo(line)
    click.echo(f"Model {model.version}: {output}")


@femo.command()
@click.argument("manifest", type=_RecordingPath)
@click.option("--model", "model_folder", type=_RecordingPath, required=True,
              help="Folder of the model.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path, file_okay=False),
              help="Folder for evaluation.json, per_recording.csv and a picture.")  # fmt: skip
@click.option("--force-extract", is_flag=True, help="Ignore cached features.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False),
              help="Feature cache; default $XDG_CACHE_HOME/femo.")  # fmt: skip
@_strict
@_overwrite
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
def evaluate(
    manifest: Path,
    model_folder: Path,
    output: Path | None,
    force_extract: bool,
    cache: Path | None,
    strict: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Evaluate a model on the labelled recordings of MANIFEST."""
    from femo_signal.model import MovementModel
    from femo_signal.training import evaluate_model
    from femo_signal.writing import check_target, whole_files

    model = MovementModel.load(model_folder)
    if output is not None:
        check_target(output, _EVALUATION_FILES, overwrite=overwrite)
    dataset = _dataset(
        manifest, settings=model.settings, cache=cache, force=force_extract, strict=strict
    )
    if dataset is None:
        if as_json:
            _print_json({"status": "NotEvaluated", "reason": "the manifest has no items"})
        else:
            click.echo("The manifest has no items: nothing to evaluate.")
        return
    evaluation: Evaluation = evaluate_model(dataset, model=model)
    if output is not None:
        with whole_files(output, last="evaluation.json") as partial:
            evaluation.save(partial)
    if as_json:
        _print_json(evaluation.to_dict())
        return
    for line in _evaluation_lines(evaluation.to_dict()):
        click.echo(line)
    if output is not None:
        click.echo(f"Written: {output}")


@femo.command()
@click.argument("recording", type=_RecordingPath)
@click.option("--model", "model_folder", type=_RecordingPath, required=True,
              help="Folder of the model.")  # fmt: skip
@click.option("--remove-hiccups", is_flag=True, help="Take hiccup bouts out of the movements.")
@click.option("--metadata", is_flag=True, help="A summary in place of the events.")
@click.option("--include-full-intervals", is_flag=True, help="List the onset intervals too.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False),
              help="Draw the analysis into this file.")  # fmt: skip
@_overwrite
@click.option("--json", "as_json", is_flag=True, help="Nothing but the JSON response.")
def analyze(
    recording: Path,
    model_folder: Path,
    remove_hiccups: bool,
    metadata: bool,
    include_full_intervals: bool,
    plot: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Find the movements in RECORDING and print the service's own response as JSON.

    A short summary for people goes to standard error.
    """
    from femo_client.summary import summary_lines
    from femo_signal.analysis import analyze_profile, report
    from femo_signal.events import timestamp
    from femo_signal.model import MovementModel
    from femo_signal.profile import build_profile

    if plot is not None:
        _check_picture(plot, overwrite=overwrite)
    began = time.monotonic()
    model = MovementModel.load(model_folder)
    with _share_bar("Analysing") as tell:
        profile = build_profile(recording, settings=model.settings, progress=tell)
        analysis = analyze_profile(profile, model, hiccups_removed=remove_hiccups)
    result = report(
        analysis,
        include_full_intervals=include_full_intervals,
        extract_events=not metadata,
    )
    response = {
        "status": "Completed",
        "processing_time_seconds": round(time.monotonic() - began, 3),
        **result,
        "completedTimeStamp": timestamp(datetime.now(UTC)),
    }
    _print_json(response)
    if plot is not None:
        from femo_signal.plots import plot_analysis
        from femo_signal.writing import whole_file

        with whole_file(plot) as partial:
            plot_analysis(analysis, partial)
    if not as_json:
        for line in summary_lines(response):
            click.echo(line, err=True)
        if plot is not None:
            click.echo(f"Picture: {plot}", err=True)


def _check_picture(path: Path, *, overwrite: bool) -> None:
    from femo_signal.writing import check_target

    known = (".png", ".pdf", ".svg")
    if path.suffix.lower() not in known:
        raise click.BadParameter(f"{path.name} must end in {', '.join(known)}", param_hint="--plot")
    check_target(path.parent, [path.name], overwrite=overwrite)


def _hyperparameters(settings: tuple[str, ...]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise click.BadParameter("write NAME=VALUE", param_hint="--set")
    given: dict[str, str] = {}
    for name, _, value in pairs:
        if name in given:
            raise click.BadParameter(f"{name} is given twice", param_hint="--set")
        given[name] = value
    return given


def _dataset(
    manifest_path: Path,
    *,
    settings: AnalysisSettings,
    cache: Path | None,
    force: bool,
    strict: bool,
) -> Dataset | None:
    """Extract a manifest's recordings, or take them from the cache; None if there are no items."""
    from femo_signal.extraction import extract_manifest
    from femo_signal.manifest import load_manifest
    from femo_signal.training import prepare_dataset

    manifest = load_manifest(manifest_path)
    if not manifest.items:
        return None
    with _share_bar("Extracting features") as tell:
        extraction = extract_manifest(
            manifest,
            folder=manifest_path.parent,
            settings=settings,
            cache=cache,
            force=force,
            strict=strict,
            progress=tell,
        )
    for notice in extraction.notices:
        click.echo(f"femo: {notice}", err=True)
    dataset = prepare_dataset(extraction.recordings, notices=extraction.notices)
    for notice in dataset.notices[len(extraction.notices) :]:
        click.echo(f"femo: {notice}", err=True)
    return dataset


_COLUMNS = {
    "f1": "F1",
    "chance_f1": "by chance",
    "precision": "precision",
    "sensitivity": "sensitivity",
    "chance_sensitivity": "by chance",
    "false_detections_per_hour": "false/h",
    "count_bias": "count bias",
    "specificity": "specificity",
    "accuracy": "accuracy",
    "pabak": "PABAK",
}


def _evaluation_lines(evaluation: dict[str, Any]) -> list[str]:
    rows = [(str(row["recording"]), row) for row in evaluation["per_recording"]]
    shown = rows[:40]
    table = [*shown, ("all", evaluation["metrics"])]
    if evaluation["baseline"]:
        table.append(("all, linear model", evaluation["baseline"]))
    table.append(("all, every detection accepted", evaluation["accept_all"]))
    width = min(max(len(name) for name, _ in table), 44)
    lines = [
        f"Evaluation: {evaluation['method']}",
        "  ".join([" " * width, *(f"{heading:>11}" for heading in _COLUMNS.values())]),
    ]
    for name, row in table:
        cells = ("-" if row[key] is None else f"{row[key]:.3f}" for key in _COLUMNS)
        lines.append("  ".join([f"{name[-width:]:<{width}}", *(f"{cell:>11}" for cell in cells)]))
    if len(rows) > len(shown):
        lines.insert(-2, f"... and {len(rows) - len(shown)} more recordings")
    spread = evaluation["group_spread"]["f1"]
    if spread["minimum"] is not None:
        lines.append(
            f"F1 over {len(evaluation['per_group'])} subjects or recordings: "
            f"{spread['minimum']:.3f} to {spread['maximum']:.3f}, median {spread['median']:.3f}"
        )
    lines += _choice_lines(evaluation)
    brier = evaluation["metrics"]["brier"]
    if brier is not None:
        lines.append(f"Brier score of the probabilities: {brier:.3f}")
    lines += [f"Note: {notice}" for notice in evaluation["notices"]]
    return lines


def _choice_lines(evaluation: dict[str, Any]) -> list[str]:
    """Say which classifier decides, and what the trees gain over the others."""
    gains = evaluation["comparison"].get("trees_gain_over")
    if not gains:
        return []
    names = {"trees": "the trees", "linear": "the linear model", "rule": "the unlearned rule"}
    told = "; ".join(
        f"over {names[kind]} {gain['f1']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
        for kind, gain in gains.items()
        if None not in gain.values()
    )
    return [f"Decided by {names[evaluation['classifier']]}; the trees gain in F1 (90 %): {told}"]


if __name__ == "__main__":
    main()
