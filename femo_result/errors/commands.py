"""What only commands, and training and processing jobs, meet: no recording's analysis does."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["CommandCode"]


class CommandCode(StrEnum):
    """The stable names of what `femo` and the jobs of a training execution can end with.

    Those of a recording or a model (`femo_result.errors.JobCode`) can end them as well.

    Attributes
    ----------
    sentence : str
        What is wrong and what to do, for people. The message itself is more exact.
    """

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        """Give a code its sentence."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    INVALID_MANIFEST = (
        "invalid_manifest",
        "The manifest is malformed or names what does not exist.",
    )
    OUTPUT_EXISTS = "output_exists", "What would be written is there already: choose another place."
    OUTPUT_UNWRITABLE = "output_unwritable", "The output cannot be written: choose another place."
    # training
    INVALID_HYPERPARAMETER = (
        "invalid_hyperparameter",
        "A hyperparameter is not known, or has a value that it cannot have.",
    )
    TOO_FEW_RECORDINGS = (
        "too_few_recordings",
        "Too few recordings are left to train on: correct the manifest or its recordings.",
    )
    TOO_FEW_DETECTIONS = (
        "too_few_detections",
        "The recordings hold too few detections to train on: add longer or livelier ones.",
    )
    ONE_CLASS_ONLY = (
        "one_class_only",
        "Nearly all detections are labelled alike: add recordings of the other kind, or check "
        "the labels.",
    )
    NOTHING_LEARNT = (
        "nothing_learnt",
        "The scores do not tell movements from other detections: add recordings, or check the "
        "labels.",
    )
    NOTHING_UNSEEN = (
        "nothing_unseen",
        "No recording is left that neither model has seen: give recordings of other subjects.",
    )
    # conversion of public data sets
    SOURCE_UNREADABLE = "source_unreadable", "The file or folder cannot be read: check its path."
    NOT_MATLAB = "not_matlab", "The file is no MATLAB file, or is damaged: download it again."
    MATLAB_HDF5 = (
        "matlab_hdf5",
        "The file is of MATLAB's version 7.3, which is not read: save it again with "
        "save(..., '-v7').",
    )
    UNKNOWN_LAYOUT = "unknown_layout", "The file is of neither public data set."
    MALFORMED_LAYOUT = (
        "malformed_layout",
        "The file is of a public data set, but what it holds does not fit together.",
    )
    NOTHING_TO_CONVERT = (
        "nothing_to_convert",
        "The folder holds no session of a public data set.",
    )
    CONVERSION_IMPOSSIBLE = (
        "conversion_impossible",
        "The file cannot be turned into a recording; the message says why.",
    )
    # exports with signals
    OTHER_RECORDING = (
        "other_recording",
        "The recording is not the one that the result is of: give that one.",
    )
    # the container as a job of a training execution
    INVALID_ENVIRONMENT = (
        "invalid_environment",
        "An environment variable of the container holds what it may not.",
    )
    INVALID_JOB_INPUT = (
        "invalid_job_input",
        "A file of SageMaker's contract (configuration, channel, input) is missing or malformed.",
    )
    CACHE_UNWRITABLE = (
        "cache_unwritable",
        "The feature cache cannot be written: check FEATURE_CACHE_URI and the role's "
        "s3:PutObject on it.",
    )
