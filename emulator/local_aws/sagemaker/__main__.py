"""Start local SageMaker on the loopback."""

import logging
import os
import threading
from pathlib import Path

import click
import uvicorn

from local_aws.control import KEY_VARIABLE
from local_aws.sagemaker.application import make_application
from local_aws.sagemaker.containers.logs import ContainerLogs
from local_aws.sagemaker.containers.programs import Image
from local_aws.sagemaker.endpoints.model_server import HOST
from local_aws.sagemaker.endpoints.serverless import IDLE_SECONDS
from local_aws.sagemaker.identity import Gateway, Roles
from local_aws.sagemaker.service import ContainerCredentials, Service
from local_aws.sagemaker.store import Store

folder = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--port", type=int, required=True, help="TCP port on the loopback.")
@click.option("--gateway", required=True, help="Address of MiniStack.")
@click.option("--state", type=folder, required=True, help="What must survive a restart.")
@click.option("--scratch", type=folder, required=True, help="Roots of the containers.")
@click.option("--entry-points", type=folder, required=True, help="Folder of serve, train, process.")
@click.option(
    "--library", type=folder, required=True, help="Folder of packages that the image holds."
)
@click.option(
    "--container-python",
    type=click.Path(path_type=Path),
    required=True,
    help="Interpreter with the image's requirements.",
)
@click.option(
    "--root-variable", required=True, help="Variable that tells a program where its /opt/ml is."
)
@click.option(
    "--serverless-idle-seconds",
    type=click.FloatRange(min=0),
    default=IDLE_SECONDS,
    show_default=True,
    help="Time without a request after which a serverless endpoint's container is stopped.",
)
@click.option(
    "--pass-variable", multiple=True, help="Variable of this process that every container gets."
)
def main(
    port: int,
    gateway: str,
    state: Path,
    scratch: Path,
    entry_points: Path,
    library: Path,
    container_python: Path,
    root_variable: str,
    serverless_idle_seconds: float,
    pass_variable: tuple[str, ...],
) -> None:
    """Run until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    url = f"http://{HOST}:{port}"
    key = os.environ.pop(KEY_VARIABLE, "")
    control = Gateway(gateway, key)
    roles = Roles(control)
    inherited = ("LANG", "PATH", *pass_variable)
    environment = {name: os.environ[name] for name in inherited if name in os.environ}
    environment |= {
        "AWS_ENDPOINT_URL": gateway,
        "AWS_ENDPOINT_URL_SAGEMAKER": url,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url,
    }
    environment["PATH"] = f"{container_python.parent}:{environment.get('PATH', '')}"
    service = Service(
        store=Store(state / "sagemaker.sqlite"),
        roles=roles,
        gateway=control,
        image=Image(container_python, entry_points, library, root_variable, environment),
        logs=ContainerLogs(roles),
        credentials=ContainerCredentials(url),
        scratch=scratch,
        stopping=threading.Event(),
    )
    uvicorn.run(
        make_application(service, key, serverless_idle_seconds),
        host=HOST,
        port=port,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
