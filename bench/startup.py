"""`make bench-startup`: what a whole process takes from nothing to its answer.

Each is a process of its own, run in turn with the others; of its runs the quickest counts, since
what else the machine does only adds to it. Processor seconds are children's own (`wait4`), and are
told in U too (see bench.engine), of which a usual machine makes an hour in 0.56 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from tqdm import tqdm

from bench.api import built_packages, cold_imports
from bench.engine import FEMO, ROOT, USUAL_UNIT_SECONDS, recording, trained_model
from bench.engine_worker import unit_seconds

LIMITS = {  # s of a usual machine
    "femo --help": 0.15,
    "femo analyze, one minute, v1": 0.5,
    "femo analyze, one minute, v2": 0.5,
    "worker ready": 0.5,
}
READY = (
    "import sys\nfrom pathlib import Path\n"
    "from femo_container.worker import analysis_handler\n"
    "analysis_handler(Path(sys.argv[1]))"
)


@dataclass(frozen=True)
class Start:
    """The quickest of a process' runs."""

    processor: float  # s
    wall: float  # s


def run(command: Sequence[object]) -> Start:
    """Run a process to its end.

    Raises
    ------
    CalledProcessError
        If it fails.
    """
    words = [str(word) for word in command]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "inference_container"),
        "AWS_DEFAULT_REGION": "us-east-1",
        "OMP_NUM_THREADS": "1",
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return Start(used.ru_utime + used.ru_stime, time.perf_counter() - began)


def commands() -> dict[str, list[object]]:
    """Return what is measured, by name; files and model are made where they are missing."""
    model = trained_model()
    analyses: dict[str, list[object]] = {
        f"femo analyze, one minute, {kind}": [
            *(FEMO, "analyze", recording(kind, 1), "--model", model, "--json")
        ]
        for kind in ("v1", "v2")
    }
    return {
        "python, nothing": [sys.executable, "-c", "pass"],
        "femo --help": [FEMO, "--help"],
        **analyses,
        "worker ready": [sys.executable, "-c", READY, model],
    }


def measure(repeats: int) -> tuple[dict[str, Start], float]:
    """Return the quickest runs, and an hour of U in seconds."""
    found: dict[str, list[Start]] = {}
    units = []
    todo = commands()
    for _ in tqdm(range(repeats), desc="Starting", unit="round"):
        units.append(unit_seconds(60))
        for name, command in todo.items():
            found.setdefault(name, []).append(run(command))
    quickest = {
        name: Start(min(start.processor for start in starts), min(start.wall for start in starts))
        for name, starts in found.items()
    }
    return quickest, min(units)


def table(starts: dict[str, Start], unit: float) -> str:
    """Return the measurements as a Markdown table."""
    lines = [
        f"An hour of U: {unit:.2f} s (a usual machine: {USUAL_UNIT_SECONDS} s)\n",
        "| what | processor s | wall s | U | s of a usual machine | limit |",
        "|---|---|---|---|---|---|",
    ]
    for name, start in starts.items():
        usual = start.processor / unit * USUAL_UNIT_SECONDS
        limit = f"{LIMITS[name]:g}" if name in LIMITS else ""
        lines.append(
            f"| {name} | {start.processor:.3f} | {start.wall:.3f} | {start.processor / unit:.2f} "
            f"| {usual:.2f} | {limit} |"
        )
    return "\n".join(lines)


def api_imports(packages: list[Path]) -> str:
    """Return a sentence about the API function's import, as built and without its bytecode."""
    plain = statistics.median(cold_imports(packages, bytecode=False))
    built = statistics.median(cold_imports(packages, bytecode=True))
    return f"Import of the API function: {built:.0f} ms, without bytecode {plain:.0f} ms"


@click.command()
@click.option("--repeats", default=7, show_default=True, type=click.IntRange(1))
@click.option("--check", is_flag=True, help="Fail where a limit is exceeded.")
def main(repeats: int, check: bool) -> None:
    """Measure and print; the import of the API too, where a stack of this checkout was built."""
    starts, unit = measure(repeats)
    print(table(starts, unit))
    packages = built_packages()
    if packages:
        print("\n" + api_imports(packages))
    slow = [
        name
        for name, limit in LIMITS.items()
        if starts[name].processor / unit * USUAL_UNIT_SECONDS > limit
    ]
    if check and slow:
        sys.exit(f"bench: error: over the limit: {', '.join(slow)}")


if __name__ == "__main__":
    main()
