"""What is deployed, and where: what deployment and verification share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from local_stack.layout import Project, StackFolder

STACK_NAME = "femo-local"
REGION = "us-east-1"

Report = Callable[[str], None]


@dataclass(frozen=True)
class Deployment:
    """What to deploy, and where.

    Parameters
    ----------
    template
        The template.
    gateway
        Address of the local AWS.
    environment
        Variables for the tools.
    folder, project
        Where the stack and the checkout are.
    report
        Called with each line of progress.
    check
        Called often; raises to give up.
    parameters
        Of the template, each as NAME=VALUE, in place of the local ones and the defaults.
    """

    template: Path
    gateway: str
    environment: dict[str, str]
    folder: StackFolder
    project: Project
    report: Report
    check: Callable[[], None]
    parameters: tuple[str, ...] = ()

    def client(self, service: str) -> Any:
        """Return a client of the local AWS."""
        session = boto3.Session("test", "test", region_name=REGION)
        return session.client(service, endpoint_url=self.gateway)  # type: ignore[call-overload]
