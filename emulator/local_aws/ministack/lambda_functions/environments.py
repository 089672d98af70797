"""A function's environments: begun quickly, and kept when a handler raises, as on AWS.

MiniStack unpacks a package anew for each environment, thousands of files that Python then has to
compile, and ends an environment whose handler raised.
"""

import hashlib
import tempfile
import threading
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime

from local_aws.ministack.private_names import MinistackMismatchError, PrivateName

PRIVATE_NAMES = (
    PrivateName("core.lambda_runtime", "Worker", kind=type),
    PrivateName("core.lambda_runtime", "_PYTHON_WORKER_SCRIPT", kind=str),
    PrivateName("core.lambda_runtime", "zipfile", kind=ModuleType),
)

# How the worker tells that a handler raised, and how it is to tell it: as a result, so that its
# process is kept
_RAISED = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_TOLD = '{"status": "ok", "result": {"__raised__": [str(e), traceback.format_exc()]}}'


def apply() -> None:
    """Share unpacked packages, and keep environments."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_RAISED) != 1:
        raise MinistackMismatchError("MiniStack's worker tells otherwise that a handler raised.")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_RAISED, _TOLD)
    invoke = lambda_runtime.Worker.invoke

    def invoke_and_keep(self: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
        return as_raised(invoke(self, *arguments, **named))

    lambda_runtime.Worker.invoke = invoke_and_keep
    packages = Packages(Path(tempfile.gettempdir()) / "lambda-packages")

    class SharedZip(zipfile.ZipFile):
        def extractall(self, path: Any = None, *_arguments: Any, **_named: Any) -> None:
            packages.link(Path(self.filename or ""), Path(path))

    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=SharedZip,
        BadZipFile=zipfile.BadZipFile,
        LargeFileError=zipfile.LargeZipFile,  # as MiniStack calls it
    )


def as_raised(response: dict[str, Any]) -> dict[str, Any]:
    """Return a worker's response as that of a handler that raised, if it tells of one."""
    result = response.get("result")
    if not isinstance(result, dict) or list(result) != ["__raised__"]:
        return response
    error, trace = result["__raised__"]
    return {**response, "status": "error", "error": error, "trace": trace}


class Packages:
    """Unpacked packages, each once.

    Parameters
    ----------
    folder
        Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def link(self, package: Path, place: Path) -> None:
        """Make an empty folder a link to what a package holds."""
        unpacked = self._folder / hashlib.sha256(package.read_bytes()).hexdigest()
        with self._lock:
            if not unpacked.exists():
                partial = unpacked.with_suffix(".partial")
                with zipfile.ZipFile(package) as archive:
                    archive.extractall(partial)
                partial.rename(unpacked)
        place.rmdir()
        place.symlink_to(unpacked)
