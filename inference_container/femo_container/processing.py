"""`process`: the three processing jobs of training, each from input folders to output folders."""

from __future__ import annotations

import argparse
import json
import shutil
import tarfile
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contract import JobFolder, run_job
from .environment import JobEnvironment
from .errors import ContractError, ServiceError
from .extraction import extract, read_reports
from .logs import log_event, progress_log
from .training import print_metrics

if TYPE_CHECKING:
    from femo_signal.learning.model import MovementModel
    from femo_signal.learning.training import CrossValidation

__all__ = ["evaluate", "main", "prepare"]


def prepare(folder: JobFolder) -> None:
    """Join the features of all hosts into the data set that is trained on and evaluated.

    Inputs ``features``; outputs ``dataset``, with ``preparation.json``: which recordings are in it
    and which were left out, and why.

    Raises
    ------
    ServiceError
        ``too_few_recordings``.
    """
    from femo_signal.learning.training import Dataset, RecordingFeatures, prepare_dataset

    needed = JobEnvironment.read().minimum_recordings
    given = folder.input("features")
    failed = [entry for entry in read_reports(given) if entry["status"] == "failed"]
    paths = sorted(given.rglob("*.npz"))
    recordings = []
    for done, path in enumerate(paths, start=1):
        recordings.append(RecordingFeatures.load(path))
        log_event("progress", stage="prepare", done=done, total=len(paths))
    usable = len(set(Dataset(tuple(recordings)).content_groups))  # copies of one count once
    if usable < needed:
        raise ServiceError(
            f"{usable} usable recordings, {needed} needed{_most_common(failed)}",
            code="too_few_recordings",
        )
    output = folder.output("dataset")
    notices = [f"{entry['recording_id']} was left out: {entry['reason']}" for entry in failed]
    dataset = prepare_dataset(recordings, notices=notices)
    dataset.save(output)
    summary = {
        "used": [recording.recording_id for recording in recordings],
        "notices": list(dataset.notices),
        "left_out": [
            {name: entry[name] for name in ("recording_id", "code", "reason")} for entry in failed
        ],
    }
    (output / "preparation.json").write_text(json.dumps(summary, indent=2) + "\n")
    log_event("dataset prepared", recordings=len(recordings), failed=len(failed))


def _most_common(failed: Sequence[Mapping[str, Any]]) -> str:
    """Why most of the others were left out, for the one line that an operator reads first."""
    if not failed:
        return ""
    code, count = Counter(entry["code"] for entry in failed).most_common(1)[0]
    reason = next(entry["reason"] for entry in failed if entry["code"] == code)
    return f"; {len(failed)} failed, {count} of them with {code}: {reason}"


def evaluate(folder: JobFolder) -> None:
    """Cross-validate by group and write the figures.

    Inputs ``dataset`` and, if given, ``model``, whose hyperparameters and seed are then the ones
    evaluated, and ``serving``, the model in service, which the new method is compared with on the
    same recordings; outputs ``evaluation``: ``evaluation.json``, ``metrics.json``,
    ``per_recording.csv`` and, with a model, ``training.json``: what it was trained on, for
    ``femo evaluate``. ``femo evaluation`` draws the picture.

    Raises
    ------
    femo_signal.errors.FemoError
        If the data set is too small for folds, or the model cannot be read.
    """
    from femo_signal.learning.evaluation_files import write_evaluation
    from femo_signal.learning.training import DEFAULT_SEED, Dataset, cross_validate, training_record

    dataset = Dataset.load(folder.input("dataset"))
    model = _model(folder, "model")
    found = cross_validate(
        dataset,
        model.card.hyperparameters if model else None,
        seed=model.card.training.get("seed", DEFAULT_SEED) if model else DEFAULT_SEED,
        progress=progress_log("evaluate"),
    )
    gain = _gain_over_serving(folder, found)
    evaluation = found.evaluation()
    if gain is not None:
        evaluation = replace(
            evaluation, gain_over_serving=gain, gain_over_serving_status=gain["status"]
        )
    output = folder.output("evaluation")
    write_evaluation(evaluation, output)
    if model is not None:
        training_record(dataset, model.version, evaluation).write(output / "training.json")
    print_metrics(evaluation.metrics)


def _gain_over_serving(folder: JobFolder, found: CrossValidation) -> Mapping[str, Any] | None:
    """What is gained over the model in service; None where there is none.

    A model in service that this version cannot read - of another version of the method, say - is
    no reason to fail a training: it is told, and nothing is compared.
    """
    from femo_signal.errors import ModelError
    from femo_signal.learning.gain import gain_over, no_gain

    place = folder.root / "processing" / "input" / "serving"
    if not (place.is_dir() and any(place.iterdir())):
        return None
    try:
        serving = _model(folder, "serving")
    except ModelError as error:
        log_event("model in service cannot be read", reason=str(error))
        return no_gain("unreadable")
    if serving is None:
        return None
    return gain_over(found.dataset, found.outcomes, serving, seed=found.seed)


def _model(folder: JobFolder, name: str) -> MovementModel | None:
    """A model given as input, packed by SageMaker as model.tar.gz or not; None without it."""
    from femo_signal.learning.model import TRAINING_RECORD, MovementModel

    place = folder.root / "processing" / "input" / name
    if not place.is_dir():
        return None
    if (place / "model.json").exists():
        return MovementModel.load(place)
    archives = sorted(place.rglob("model.tar.gz"))
    if len(archives) != 1:
        raise ContractError(
            f"the input '{name}' holds {len(archives)} files model.tar.gz and no model.json; "
            "give it the training job's artefact"
        )
    with tempfile.TemporaryDirectory(prefix="femo-model-") as unpacked:
        _unpack_model(archives[0], Path(unpacked))
        if (place / TRAINING_RECORD).is_file():  # lies beside the artefact, never in it
            shutil.copyfile(place / TRAINING_RECORD, Path(unpacked) / TRAINING_RECORD)
        return MovementModel.load(Path(unpacked))


def _unpack_model(archive: Path, target: Path) -> None:
    """Take the model's two files, and nothing else, out of an archive.

    Raises
    ------
    femo_signal.errors.ModelError
        If the archive is damaged, or lacks one of them, or one is larger than any model.
    """
    from femo_signal.errors import ModelError
    from femo_signal.learning.model import MODEL_CARD, MODEL_TEXT, MOST_BYTES

    wanted = {MODEL_TEXT, MODEL_CARD}
    try:
        with tarfile.open(archive) as packed:
            for member in packed:
                name = member.name.removeprefix("./")
                content = packed.extractfile(member) if name in wanted else None
                if content is None:
                    continue
                if member.size > MOST_BYTES:
                    raise ModelError(
                        f"{archive.name}: {name} has {member.size} bytes, more than any model"
                    )
                with (target / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                wanted.discard(name)
    except (tarfile.TarError, OSError, EOFError, zlib.error, KeyError, ValueError) as error:
        raise ModelError(
            f"{archive.name}: cannot be unpacked ({type(error).__name__}: {error}): it is damaged "
            "or was cut short; fetch it again or train the model again"
        ) from error
    if wanted:
        raise ModelError(
            f"{archive.name}: holds no {' and no '.join(sorted(wanted))}; give it the training "
            "job's artefact"
        )


STAGES: dict[str, Callable[[JobFolder], None]] = {
    "extract": extract,
    "prepare": prepare,
    "evaluate": evaluate,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a stage; the exit status is 0, 1 after a failure, 2 for a wrong call, 143 if stopped."""
    parser = argparse.ArgumentParser(prog="process", description=__doc__)
    parser.add_argument("stage", choices=sorted(STAGES))
    stage = parser.parse_args(arguments).stage
    return run_job(stage, STAGES[stage])
