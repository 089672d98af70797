"""Find fetal movements in FeMo belt recordings: formats, analysis, model, evaluation.

The names below are all that most need; docs/python.md shows them at work. Each is imported when it
is first asked for, so that ``import femo_signal`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from femo_signal.version import __version__

if TYPE_CHECKING:
    from femo_signal.detection.building import build_profile
    from femo_signal.detection.profile import Profile
    from femo_signal.errors import FemoError, ModelError, RecordingError
    from femo_signal.formats.raw import RawRecording, read_recording
    from femo_signal.learning.model import MovementModel
    from femo_signal.learning.table import features
    from femo_signal.reporting.analysis import Analysis, analyze_profile, analyze_recording
    from femo_signal.reporting.profile_picture import plot
    from femo_signal.settings import AnalysisSettings

__all__ = [
    "Analysis",
    "AnalysisSettings",
    "FemoError",
    "ModelError",
    "MovementModel",
    "Profile",
    "RawRecording",
    "RecordingError",
    "__version__",
    "analyze_profile",
    "analyze_recording",
    "build_profile",
    "features",
    "plot",
    "read_recording",
]

_HOMES = {
    "Analysis": "reporting.analysis",
    "AnalysisSettings": "settings",
    "FemoError": "errors",
    "ModelError": "errors",
    "MovementModel": "learning.model",
    "Profile": "detection.profile",
    "RawRecording": "formats.raw",
    "RecordingError": "errors",
    "analyze_profile": "reporting.analysis",
    "analyze_recording": "reporting.analysis",
    "build_profile": "detection.building",
    "features": "learning.table",
    "plot": "reporting.profile_picture",
    "read_recording": "formats.raw",
}


def __getattr__(name: str) -> Any:  # PEP 562
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
