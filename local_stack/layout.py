"""Where everything is: the project's folders, and one stack's own folder."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Project:
    """The checkout that the stack is started from."""

    root: Path = Path(__file__).resolve().parent.parent

    @property
    def template(self) -> Path:
        """The template that is deployed."""
        return self.root / "template.yaml"

    @property
    def emulator(self) -> Path:
        """The folder that the local AWS is started from."""
        return self.root / "emulator"

    @property
    def entry_points(self) -> Path:
        """The image's programs: serve, train and process."""
        return self.root / "inference_container"

    @property
    def build_cache(self) -> Path:
        """Built functions, by hash of their inputs."""
        return self.root / ".aws-sam" / "local-stack"

    @property
    def python(self) -> Path:
        """Interpreter of the supervisor and of local SageMaker."""
        return Path(sys.executable)

    def tool(self, environment: str, name: str) -> Path:
        """Return a program of one of the environments below .tools."""
        return self.root / ".tools" / environment / "bin" / name

    @property
    def asl_validator(self) -> Path:
        """The ASL validator (npm)."""
        return self.root / ".tools" / "node" / "node_modules" / ".bin" / "asl-validator"


@dataclass(frozen=True)
class StackFolder:
    """One stack's folder: state, logs, temporary files and the description of what runs."""

    path: Path

    @property
    def description(self) -> Path:
        """stack.json: process ids, ports and outputs, there while the stack runs."""
        return self.path / "stack.json"

    @property
    def lock(self) -> Path:
        """Held by the supervisor."""
        return self.path / "supervisor.lock"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.path / "logs"

    @property
    def scratch(self) -> Path:
        """Temporary files, removed at start and stop."""
        return self.path / "tmp"

    @property
    def state(self) -> Path:
        """What survives a restart."""
        return self.path / "state"

    @property
    def deployment(self) -> Path:
        """What was deployed last: inputs' hash, port, credentials' salt."""
        return self.path / "state" / "deployment.json"

    def log(self, name: str) -> Path:
        """Return the log of one process."""
        return self.logs / f"{name}.log"


def base_environment(stack_id: str, scratch: Path) -> dict[str, str]:
    """Return the variables that every process of the stack gets: nothing of the user's own AWS."""
    kept = ("HOME", "LANG", "LC_ALL", "PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return {
        **environment,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LOCAL_STACK_ID": stack_id,
        "TMPDIR": str(scratch),
    }
