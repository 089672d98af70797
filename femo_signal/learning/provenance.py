"""What a model was trained on: by name for whoever trained it, by keys in the model itself.

A model travels, and whom it learnt from is nobody's business where it goes. Yet whoever compares
two models must know which recordings flatter one. So a model carries keys: hashes that are salted
with the model's own trees, from which no name can be read, that are not the same in two models, and
that tell of a recording or subject in hand whether it was learnt. Of a recording its content is
hashed, which nobody guesses. A subject's id can be guessed where it is a short number; a slow
hash makes trying many dear. Ids should mean nothing outside the study in any case.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Sha256", "TrainedKeys", "TrainedOn", "TrainedRecording", "TrainingRecord"]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]

_KEY_BYTES = 8  # 64 bits: two of 100,000 names are alike with a probability of 3e-10
_SCRYPT_COST = 2**12  # RFC 7914's N; with r = 8, 4 MB and about 10 ms a subject


class TrainedRecording(BaseModel):
    """A recording that a model was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    recording_id: str
    subject_id: str | None = None
    content_sha256: Sha256 | None = None
    """Of the recording's file, where it was known."""
    fingerprint: str | None = None
    """Of its detections and features; None where it has no detections."""


class TrainingRecord(BaseModel):
    """What a model was trained on and how well it does, recording by recording.

    It names recordings and subjects: it stays with whoever trained, and is no part of what an
    endpoint is given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    schema_version: Literal[1] = 1
    model_version: str
    recordings: tuple[TrainedRecording, ...]
    notices: tuple[str, ...] = ()
    evaluation: dict[str, Any] = Field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False)
        path.write_text(text + "\n")

    def trained_on(self) -> TrainedOn:
        """Return what the record says of recordings and subjects."""
        return TrainedOn(
            recordings=frozenset(
                mark
                for one in self.recordings
                for mark in (one.content_sha256, one.fingerprint)
                if mark
            ),
            subjects=frozenset(one.subject_id for one in self.recordings if one.subject_id),
            count=len(self.recordings),
        )


class TrainedKeys(BaseModel):
    """Keys of what a model was trained on, in no order that says anything."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    count: Annotated[int, Field(ge=0)]
    """Recordings; one has up to two keys."""
    recordings: tuple[_Key, ...]
    subjects: tuple[_Key, ...]

    @classmethod
    def of(
        cls, recordings: Iterable[tuple[str | None, ...]], subjects: Iterable[str | None], salt: str
    ) -> TrainedKeys:
        """Hash recordings and subjects.

        Parameters
        ----------
        recordings : iterable of tuple of (str or None)
            The marks by which each is known again: content and fingerprint.
        subjects : iterable of (str or None)
            Their ids.
        salt : str
            The digest of the model's trees.
        """
        marks = list(recordings)
        return cls(
            count=len(marks),
            recordings=tuple(
                sorted({_recording_key(mark, salt) for one in marks for mark in one if mark})
            ),
            subjects=tuple(sorted({_subject_key(name, salt) for name in subjects if name})),
        )

    def trained_on(self, salt: str) -> TrainedOn:
        """Return what the keys say of recordings and subjects."""
        return TrainedOn(frozenset(self.recordings), frozenset(self.subjects), self.count, salt)


@dataclass(frozen=True)
class TrainedOn:
    """Tells whether a recording or a subject in hand was trained on."""

    recordings: frozenset[str]  # marks; keys of them where there is a salt
    subjects: frozenset[str]
    count: int  # of recordings
    salt: str | None = None

    def knows_recording(self, *marks: str | None) -> bool:
        """Tell whether one of a recording's marks was trained on."""
        given = [mark for mark in marks if mark]
        if self.salt is not None:
            given = [_recording_key(mark, self.salt) for mark in given]
        return not self.recordings.isdisjoint(given)

    def knows_subject(self, subject: str | None) -> bool:
        """Tell whether any recording of a subject was trained on; False of an unnamed one."""
        if not subject or not self.subjects:
            return False
        return (subject if self.salt is None else _subject_key(subject, self.salt)) in self.subjects


def _recording_key(mark: str, salt: str) -> str:
    digest = hmac.digest(salt.encode(), b"recording:" + mark.encode(), "sha256")
    return digest[:_KEY_BYTES].hex()


@lru_cache(maxsize=10_000)
def _subject_key(subject: str, salt: str) -> str:
    return hashlib.scrypt(
        subject.encode(), salt=b"subject:" + salt.encode(), n=_SCRYPT_COST, r=8, p=1,
        dklen=_KEY_BYTES,
    ).hex()  # fmt: skip
