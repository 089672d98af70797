"""`make bench-truth`: how true the analysis is, on recordings that no model was trained on.

A model is trained by `femo train` on one mix of our cohorts and analyses other women, another
generator's recordings, and each difficulty on its own. Recordings are made where they are analysed
and deleted after it. What needs real recordings (docs/public_data.md) is not in here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

import femo_signal
from bench.truth_scores import Figures, RecordingScore, figures_of, score
from bench.truth_sets import TRAINING, TRAINING_SEED, Cohort, evaluation_sets
from femo_signal.synthetic import synthesize_cohort

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
BASELINE = ROOT / "bench" / "truth_baseline.json"
FEMO = Path(sys.executable).with_name("femo")


@dataclass(frozen=True)
class Kind:
    """How a figure is read."""

    title: str
    shown: str  # format
    tolerance: float  # by which it may be worse than the baseline's
    best: float | None  # the nearer the better; None: the more the better


KINDS = {
    "f1": Kind("F1", ".3f", 0.02, None),
    "count_bias": Kind("count bias", "+.1%", 0.03, 0.0),
    "onset_seconds": Kind("median onset error, s", ".2f", 0.05, 0.0),
    "false_per_hour": Kind("false an hour", ".1f", 2.0, 0.0),
    "pairs_apart": Kind("pairs apart", ".0%", 0.08, None),
    "hiccups_found": Kind("hiccups found", ".0%", 0.1, None),
    "called_hiccups": Kind("time called hiccups", ".1%", 0.05, 0.0),
    "sensors_told": Kind("sensors told", ".0%", 0.0, None),
    "interval_holds": Kind("true count in the 90 % interval", ".0%", 0.1, None),
}
ALWAYS = ("f1", "count_bias", "onset_seconds", "false_per_hour", "interval_holds")
OF_SET = {  # figures that say something of these sets alone
    "close pairs": ("pairs_apart",),
    "uneven hiccups": ("hiccups_found",),
    "clicks at breath": ("called_hiccups",),
    "sensors off 10-50 %": ("sensors_told",),
}


@dataclass(frozen=True)
class Target:
    """What is asked of a set's figure."""

    set: str
    figure: str
    asked: float
    stretch: float | None = None


PLAIN, OFF, GAIN = "other generator, plain", "sensors off 10-50 %", "gain x 3 and x 1/3"
LIFELIKE = ("lifelike v1", "lifelike v2", "other generator, lifelike",
            "other generator, lifelike v2")  # fmt: skip
TARGETS = (
    Target(PLAIN, "f1", 0.95, 0.98),
    Target(PLAIN, "count_bias", 0.05),
    Target(PLAIN, "onset_seconds", 0.3),
    *(Target(name, "f1", 0.80, 0.88) for name in LIFELIKE),
    *(Target(name, "f1", 0.93, 0.96) for name in (OFF, GAIN)),
    Target(OFF, "sensors_told", 1.0),
    Target("close pairs", "pairs_apart", 0.7, 0.9),
    Target("uneven hiccups", "hiccups_found", 0.8, 0.95),
    Target("clicks at breath", "called_hiccups", 0.1, 0.0),
    *(
        Target(name, "interval_holds", 0.8, 0.9)
        for name in (PLAIN, *LIFELIKE, "rich v1", "rich v2")
    ),
)


def train(folder: Path, workers: int) -> Path:
    """Train a model on a mix of cohorts, by the command, and return its folder."""
    items = []
    with pool(workers) as processes:
        for _ in tqdm(
            processes.map(_synthesize, TRAINING, [folder] * len(TRAINING)),
            total=len(TRAINING), desc="Making cohorts", unit="cohort",
        ):  # fmt: skip
            pass
    for cohort in TRAINING:
        name = f"{cohort.kind}-{cohort.format}"
        for item in json.loads((folder / name / "manifest.json").read_text())["items"]:
            items.append(
                {
                    "datFileKey": f"{name}/{item['datFileKey']}",
                    "csvFileKey": f"{name}/{item['csvFileKey']}",
                    "subjectId": f"{name}-{item['subjectId']}",
                }
            )
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"version": "truth", "items": items}))
    model = folder / "model"
    command = [FEMO, "train", manifest, "--method", "adaptive", "--output", model]
    subprocess.run(
        [*map(str, command), "--cache", str(folder / "cache")],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return model


def _synthesize(cohort: Cohort, folder: Path) -> None:
    synthesize_cohort(
        folder / f"{cohort.kind}-{cohort.format}",
        recordings=cohort.recordings,
        minutes=cohort.minutes,
        recording_format=cohort.format,
        kind=cohort.kind,
        seed=TRAINING_SEED,
    )


def measure(model: Path, folder: Path, workers: int) -> dict[str, Figures]:
    """Make, analyse and score every recording; return each set's figures."""
    sets = evaluation_sets()
    scores: dict[str, list[RecordingScore]] = {name: [] for name in sets}
    with pool(workers) as processes:
        jobs = {
            processes.submit(_score_one, recording, model, folder / f"{number}-{index}.dat"): name
            for number, (name, recordings) in enumerate(sets.items())
            for index, recording in enumerate(recordings)
        }
        for job in tqdm(as_completed(jobs), total=len(jobs), desc="Analysing", unit="recording"):
            scores[jobs[job]].append(job.result())
    intervals = any(one.interval_holds is not None for rows in scores.values() for one in rows)
    return {name: figures_of(rows, intervals=intervals) for name, rows in scores.items()}


def _score_one(recording: Any, model: Path, path: Path) -> RecordingScore:
    truth = path.with_suffix(".truth.json")
    recording.make(path)
    try:
        loaded = _model(model)
        response = femo_signal.analyze_recording(path, loaded)
        if "expected_kicks" in response["result"]:
            interval = response["result"]["expected_kicks"]
        else:
            summary = femo_signal.analyze_recording(path, loaded, extract_events=False)
            interval = summary["result"].get("expected_kicks")
        return score(json.loads(truth.read_text()), response, interval)
    finally:
        path.unlink()
        truth.unlink()


@lru_cache(maxsize=1)
def _model(folder: Path) -> femo_signal.MovementModel:
    return femo_signal.MovementModel.load(folder)


def pool(workers: int) -> ProcessPoolExecutor:
    """Return processes that begin with nothing, each with one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process a core
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def table(figures: Mapping[str, Figures]) -> str:
    """Return the figures of each set, then each target beside what was reached, as Markdown."""
    names = [*ALWAYS, *(name for names in OF_SET.values() for name in names)]
    lines = [
        "| set | recordings | movements | " + " | ".join(KINDS[n].title for n in names) + " |",
        "|---" * (3 + len(names)) + "|",
    ]
    for title, row in figures.items():
        cells = [
            _shown(n, getattr(row, n)) if n in (*ALWAYS, *OF_SET.get(title, ())) else ""
            for n in names
        ]
        lines.append(
            f"| {title} | {row.recordings} | {row.movements} | " + " | ".join(cells) + " |"
        )
    lines += [
        "",
        "| asked of | figure | asked | stretch | reached | |",
        "|---|---|---|---|---|---|",
    ]
    for target in TARGETS:
        value = getattr(figures[target.set], target.figure)
        stretch = "" if target.stretch is None else _shown(target.figure, target.stretch)
        lines.append(
            f"| {target.set} | {KINDS[target.figure].title} | "
            f"{_shown(target.figure, target.asked)} | {stretch} | "
            f"{_shown(target.figure, value)} | {_verdict(target, value)} |"
        )
    return "\n".join(lines)


def _shown(name: str, value: float | None) -> str:
    return "-" if value is None else f"{value:{KINDS[name].shown}}"


def _goodness(name: str, value: float) -> float:
    """Return a number that is larger where a figure is better."""
    best = KINDS[name].best
    return value if best is None else -abs(value - best)


def _verdict(target: Target, value: float | None) -> str:
    if value is None:
        return "not measured"
    name = target.figure
    if _goodness(name, value) < _goodness(name, target.asked):
        return "**not met**"
    stretch = target.stretch
    over = stretch is not None and _goodness(name, value) >= _goodness(name, stretch)
    return "stretch met" if over else "met"


def fallen(figures: Mapping[str, Figures], stored: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each figure that is worse than the stored one by more than it may."""
    found = []
    for title, before in stored.items():
        now = asdict(figures[title]) if title in figures else {}
        for name in (*ALWAYS, *OF_SET.get(title, ())):
            old, new, kind = before.get(name), now.get(name), KINDS[name]
            if old is None:
                continue
            worse = new is None or (
                _goodness(name, new) < _goodness(name, old) - kind.tolerance - 1e-9
            )
            if worse:
                found.append(
                    f"{title}: {kind.title} {_shown(name, new)}, "
                    f"the baseline has {_shown(name, old)}"
                )
    return found


@click.command()
@click.option("--model", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Measure this model in place of training one.")  # fmt: skip
@click.option("--workers", default=os.cpu_count() or 1, show_default=True, type=click.IntRange(1))
@click.option("--check", is_flag=True, help="Fail where a figure is worse than the baseline's.")
@click.option("--store", is_flag=True, help="Make these figures the baseline.")
def main(model: Path | None, workers: int, check: bool, store: bool) -> None:
    """Train, measure, print the tables, and compare."""
    if check and not BASELINE.exists():
        sys.exit("bench: error: there is no baseline yet; make one with --store")
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK, prefix="truth-") as scratch:
        trained = model or train(Path(scratch), workers)
        card = femo_signal.MovementModel.load(trained).card
        figures = measure(trained, Path(scratch), workers)
    print(f"Model {card.version}, {card.settings.method} method, decided by: {card.classifier}\n")
    print(table(figures))
    if store:
        content = {title: asdict(row) for title, row in figures.items()}
        BASELINE.write_text(json.dumps(content, indent=1) + "\n")
    worse = fallen(figures, json.loads(BASELINE.read_text())) if check else []
    if worse:
        sys.exit("bench: error: worse than the baseline:\n  " + "\n  ".join(worse))


if __name__ == "__main__":
    main()
