"""Endpoints whose containers are small programs, for tests of what happens to them."""

import io
import tarfile
import time
from collections.abc import Callable
from typing import Any

from sagemaker_fakes import ROLE, FakeRoles

from local_aws.sagemaker import models
from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.service import Service

SERVE = """
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
name = open(os.environ["ML_ROOT"] + "/model/name.txt").read()
if name == "broken":
    print("cannot load the model")
    sys.exit(1)
deaths = os.environ["ML_ROOT"] + "/../../../deaths"
if os.path.exists(deaths) and (left := int(open(deaths).read())):
    open(deaths, "w").write(str(left - 1))
    sys.exit(137)

class Handler(BaseHTTPRequestHandler):
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        gate = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if gate.startswith("/"):
            open(gate + ".asked", "w").close()
        while gate.startswith("/") and not os.path.exists(gate):
            time.sleep(0.01)
        self.answer(name.encode())

    def log_message(self, *_):
        pass

address = (os.environ["MODEL_SERVER_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
ThreadingHTTPServer(address, Handler).serve_forever()
"""


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return value


def archive(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("name.txt")
        info.size = len(name)
        tar.addfile(info, io.BytesIO(name.encode()))
    return buffer.getvalue()


def config(name: str, variant: str = "main") -> dict[str, Any]:
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": variant,
                "ModelName": name,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/out"}},
    }


def prepare(service: Service) -> None:
    """Put models and configurations `one`, `two` and `broken` there."""
    (service.scratch.parent / "image" / "serve").write_text(SERVE)
    assert isinstance(service.roles, FakeRoles)
    for name in ("one", "two", "broken"):
        service.roles.s3.objects["models", f"{name}.tar.gz"] = archive(name)
        models.create(
            service,
            {
                "ModelName": name,
                "ExecutionRoleArn": ROLE,
                "PrimaryContainer": {"Image": "i", "ModelDataUrl": f"s3://models/{name}.tar.gz"},
            },
        )
        endpoint_configs.create(service, config(name))
