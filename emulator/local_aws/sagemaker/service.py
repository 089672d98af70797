"""What every part of local SageMaker shares: the store, roles, image, logs and folders."""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_aws.sagemaker.clock import Clock
from local_aws.sagemaker.containers.logs import ContainerLogs
from local_aws.sagemaker.containers.programs import Image
from local_aws.sagemaker.controls import Controls
from local_aws.sagemaker.identity import Gateway, Roles
from local_aws.sagemaker.store import Store


@dataclass
class ContainerCredentials:
    """The credential endpoint that containers read their role's credentials from.

    The SDK finds it by the variables that SageMaker sets too; each container has its own token.
    """

    base_url: str
    _roles: dict[str, str] = field(default_factory=dict)

    def variables(self, role_arn: str) -> Mapping[str, str]:
        """Return the variables of a container that runs with a role."""
        token = secrets.token_urlsafe(24)
        self._roles[token] = role_arn
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.base_url}/container-credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }

    def role_of(self, token: str) -> str | None:
        """Return the role of the container with this token."""
        return self._roles.get(token)


@dataclass(frozen=True)
class Service:
    """One local SageMaker."""

    store: Store
    roles: Roles
    gateway: Gateway
    image: Image
    logs: ContainerLogs
    credentials: ContainerCredentials
    scratch: Path  # containers' roots are made below it
    stopping: threading.Event
    clock: Clock = field(default_factory=Clock)
    controls: Controls = field(default_factory=Controls)
