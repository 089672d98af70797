"""The files of a model, read without belief in what they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from femo_signal.errors import ModelError
from femo_signal.learning.card import SCHEMA_VERSION
from femo_signal.learning.fingerprint import regular_size
from femo_signal.learning.provenance import TrainingRecord
from femo_signal.method_version import METHOD_VERSION

__all__ = [
    "MODEL_CARD",
    "MODEL_FILES",
    "MODEL_TEXT",
    "MOST_BYTES",
    "TRAINING_RECORD",
    "check_versions",
    "parse_document",
    "read_bounded",
    "read_record",
]

MODEL_TEXT = "model.txt"
MODEL_CARD = "model.json"
TRAINING_RECORD = "training.json"
MODEL_FILES = (MODEL_TEXT, MODEL_CARD, TRAINING_RECORD)
MOST_BYTES = 512 * 1024**2
"""Of one file of a model; the largest that can be trained has some 100 MB."""
_Document = TypeVar("_Document", bound=BaseModel)


def read_bounded(path: Path) -> bytes:
    """Read a file of bounded size.

    Raises
    ------
    OSError
        If it cannot be read, is no regular file or is larger than any model.
    """
    size = regular_size(path)
    if size > MOST_BYTES:
        raise OSError(f"{path.name} has {size} bytes, more than any model")
    return path.read_bytes()


def check_versions(card: bytes, source: Path) -> None:
    """Say of an older or newer model that it is one, rather than which field it lacks.

    Raises
    ------
    ModelError
        If the card is of another schema or its features of another version of the method.
    """
    try:
        given = json.loads(card)
    except (ValueError, RecursionError):
        return  # the card's own check says what is wrong
    if not isinstance(given, dict):
        return
    for name, ours in (("schema_version", SCHEMA_VERSION), ("method_version", METHOD_VERSION)):
        theirs = given.get(name)
        if type(theirs) is int and theirs != ours:
            raise ModelError(
                f"{source / MODEL_CARD}: {name} is {theirs}, this version of femo works with "
                f"{ours}; train the model again"
            )


def parse_document(kind: type[_Document], text: bytes, path: Path) -> _Document:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ModelError(f"{path}: {where}: {first['msg']}; train the model again") from error


def read_record(folder: Path, version: str) -> TrainingRecord | None:
    """Read what a model was trained on; None where the folder does not say.

    Raises
    ------
    ModelError
        If the file is malformed or belongs to another model.
    """
    path = folder / TRAINING_RECORD
    if not path.exists():
        return None
    try:
        text = read_bounded(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error}; correct or remove it") from error
    record = parse_document(TrainingRecord, text, path)
    if record.model_version != version:
        raise ModelError(
            f"{path}: is of the model {record.model_version}, not of {version} beside it; "
            "use the files of one training"
        )
    return record
