"""Every error that a caller, a job or a command can meet: its code, its status and what it means.

One home for the API, the container, the science and the functions, which raise these codes;
docs/errors.md and the OpenAPI document are written from it. It needs the standard library alone.
"""

from femo_result.errors.api import ApiCode
from femo_result.errors.commands import CommandCode
from femo_result.errors.jobs import JobCode, Kind

__all__ = ["ApiCode", "CommandCode", "JobCode", "Kind"]
