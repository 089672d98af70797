"""Functions as deployed: only what AWS's runtime offers on the path, reserved concurrency kept.

MiniStack runs a function with its own interpreter and site-packages, so a requirement missing
from the package would pass unnoticed, and it drops ReservedConcurrentExecutions.
"""

import importlib
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("core.lambda_runtime", "_detect_runtime_binary", ("runtime",)),
    PrivateName("services.lambda_svc", "_functions"),
    PrivateName("services.cloudformation.provisioners", "_RESOURCE_HANDLERS", kind=dict),
)

# What AWS's managed Python runtimes have beside the standard library: boto3 and what it needs.
RUNTIME_MODULES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
# MiniStack's own settings, which it hands on to functions
MINISTACK_VARIABLES = (
    "AUTH",
    "BIND_HOST",
    "GATEWAY_PORT",
    "IOT_MTLS_ENABLED",
    "LAMBDA_WARM_TTL_SECONDS",
    "LOCAL_AWS_SCALES_TO_ZERO",
    "MINISTACK_HOST",
    "PERSIST_STATE",
    "S3_DATA_DIR",
    "S3_PERSIST",
    "SFN_WAIT_SCALE",
    "SFTP_ENABLED",
    "STATE_DIR",
)


def apply() -> None:
    """Use a bare interpreter for functions and keep their reserved concurrency."""
    interpreter = make_interpreter(Path(tempfile.gettempdir()) / "lambda-runtime")
    detect = lambda_runtime._detect_runtime_binary

    def detect_bare(runtime: str) -> tuple[str, str]:
        binary, worker = detect(runtime)
        return (str(interpreter) if binary == sys.executable else binary), worker

    lambda_runtime._detect_runtime_binary = detect_bare

    handler = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create, update = handler["create"], handler["update"]

    def create_function(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        created = create(logical_id, properties, stack_name)
        _reserve_concurrency(created[0], properties)
        return created

    def update_function(
        name: str, old: dict[str, Any], new: dict[str, Any], *arguments: Any, **named: Any
    ) -> Any:
        updated = update(name, old, new, *arguments, **named)
        _reserve_concurrency(name, new)
        return updated

    handler["create"], handler["update"] = create_function, update_function


def make_interpreter(folder: Path) -> Path:
    """Write a Python that sees the standard library and boto3 alone, and return its path."""
    modules = folder / "python"
    modules.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_MODULES:
        origin = importlib.import_module(name).__file__
        assert origin is not None
        source = Path(origin)
        if source.name == "__init__.py":
            source = source.parent
        link = modules / source.name
        if not link.exists():
            link.symlink_to(source)
    interpreter = folder / "python3"
    lines = (
        "#!/bin/sh",
        f"unset {' '.join(MINISTACK_VARIABLES)}",
        f'export PYTHONPATH="{modules}"',
        f'exec "{sys.executable}" -S -s "$@"',
    )
    interpreter.write_text("\n".join(lines) + "\n")
    interpreter.chmod(interpreter.stat().st_mode | stat.S_IXUSR)
    os.environ.pop("PYTHONPATH", None)
    return interpreter


def _reserve_concurrency(name: str, properties: dict[str, Any]) -> None:
    function = lambda_svc._functions.get(name)
    if function is not None:
        reserved = properties.get("ReservedConcurrentExecutions")
        function["concurrency"] = None if reserved is None else int(reserved)
