"""The one exception family of femo_signal: everything that a caller can cause is a FemoError."""

from __future__ import annotations

__all__ = [
    "ConversionError",
    "FemoError",
    "LabelError",
    "ManifestError",
    "ModelError",
    "OutputError",
    "RecordingError",
    "SettingsError",
]


class FemoError(Exception):
    """A fault in what the caller gave; its message says what, where and what to do, in one line.

    Attributes
    ----------
    code : str
        Stable, machine-readable name of the fault (lower case, underscores).

    Examples
    --------
    >>> import femo_signal
    >>> try:
    ...     femo_signal.read_recording("no-such-night.dat")
    ... except femo_signal.FemoError as error:
    ...     print(error.code)
    recording_unreadable
    """

    code: str = "femo_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(" ".join(message.split()))
        if code is not None:
            self.code = code


class ConversionError(FemoError):
    """A file of a public data set cannot be turned into a recording.

    Codes: ``source_unreadable`` (missing, no permission), ``not_matlab``, ``matlab_hdf5``,
    ``unknown_layout``, ``malformed_layout``, ``empty_recording``, ``recording_too_long``,
    ``nothing_to_convert``.
    """

    code = "conversion_impossible"

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, code=code)


class RecordingError(FemoError):
    """A file cannot be analysed as a FeMo recording.

    Codes: ``recording_unreadable`` (missing, a directory, no permission), ``empty_recording``,
    ``not_a_recording``, ``recording_without_data``, ``recording_damaged``,
    ``recording_too_short``, ``recording_too_long``.
    """

    code = "recording_unusable"

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, code=code)


class ManifestError(FemoError):
    """A manifest is malformed or names what does not exist."""

    code = "invalid_manifest"


class ModelError(FemoError):
    """A model cannot be loaded, or does not fit the features it was given."""

    code = "invalid_model"


class OutputError(FemoError):
    """What was asked for cannot be written, or would replace what is there.

    Codes: ``output_exists``, ``output_unwritable``.
    """

    code = "output_unwritable"


class SettingsError(FemoError):
    """Analysis settings contradict themselves or the recording."""

    code = "invalid_settings"


class LabelError(FemoError):
    """Reference annotations are malformed or do not fit their recording."""

    code = "invalid_labels"
