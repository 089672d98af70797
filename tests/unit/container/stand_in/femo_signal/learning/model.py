"""A model that loads at once, unless the folder is not there, or kills whoever loads it."""

import os
import signal
from pathlib import Path

from femo_signal.errors import ModelError
from femo_signal.settings import AnalysisSettings


class MovementModel:
    """Holds default settings."""

    settings = AnalysisSettings()
    version = "stand-in"

    @classmethod
    def load(cls, folder: Path) -> "MovementModel":
        """Load."""
        if not folder.is_dir():
            raise ModelError(f"{folder.name}: there is no such folder")
        if (folder / "kill").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        once = folder / "out of memory once"
        if once.exists():
            once.unlink()
            raise MemoryError
        return cls()

    def warm_up(self) -> "MovementModel":
        """Nothing is cold."""
        return self
