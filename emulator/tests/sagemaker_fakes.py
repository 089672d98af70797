"""In-memory stand-ins for what local SageMaker asks of the rest of the local AWS."""

import io
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_aws.sagemaker.containers.logs import Stream
from local_aws.sagemaker.containers.programs import Image
from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.service import ContainerCredentials, Service
from local_aws.sagemaker.store import Store

ROLE = "arn:aws:iam::000000000000:role/execution"


class FakeS3:
    """Objects by bucket and key."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.denied: set[str] = set()

    def _read(self, bucket: str, key: str, operation: str) -> bytes:
        if bucket in self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
        if (bucket, key) not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": key}}, operation)
        return self.objects[bucket, key]

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self._read(Bucket, Key, "GetObject"))}

    def put_object(self, Bucket: str, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803
        if Bucket in self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
        self.objects[Bucket, Key] = Body

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self._read(bucket, key, "GetObject"))

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.objects[bucket, key] = Path(path).read_bytes()

    def get_paginator(self, _operation: str) -> "FakeS3":
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        keys = sorted(k for b, k in self.objects if b == Bucket and k.startswith(Prefix))
        return [{"Contents": [{"Key": key}]} for key in keys] or [{}]


class FakeSns:
    """Messages by topic."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []
        self.failures: list[Exception] = []

    def publish(self, TopicArn: str, Message: str) -> None:  # noqa: N803
        if self.failures:
            raise self.failures.pop(0)
        self.published.append((TopicArn, Message))


class FakeCloudWatch:
    """Metrics as they came, and alarms in the states that a test gives them."""

    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []
        self.states: dict[str, str] = {}
        self.alarms: dict[str, dict[str, Any]] = {}

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803
        assert Namespace in ("/aws/sagemaker/TrainingJobs", "AWS/SageMaker")
        self.data += MetricData

    def put_metric_alarm(self, **request: Any) -> None:
        self.alarms[request["AlarmName"]] = request

    def delete_alarms(self, AlarmNames: list[str]) -> None:  # noqa: N803
        for name in AlarmNames:
            del self.alarms[name]

    def describe_alarms(self, AlarmNames: list[str]) -> dict[str, Any]:  # noqa: N803
        found = [
            {"AlarmName": name, "StateValue": self.states[name]}
            for name in AlarmNames
            if name in self.states
        ]
        return {"MetricAlarms": found}


class FakeRoles:
    """Hands out the fakes, whoever asks."""

    def __init__(self) -> None:
        self.s3 = FakeS3()
        self.cloudwatch = FakeCloudWatch()
        self.sns = FakeSns()
        self.untrusted: set[str] = set()

    def client(self, service: str, _role_arn: str | None = None) -> Any:
        return getattr(self, service)

    def check_trust(self, role_arn: str) -> None:
        if role_arn in self.untrusted:
            raise ValidationError(f"Could not assume role {role_arn}.")


class FakeGateway:
    """Allows everything and keeps the events."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.reachable = True

    def put_events(self, *entries: dict[str, Any]) -> None:
        self.events += entries

    def is_reachable(self) -> bool:
        return self.reachable

    def authorize(self, _headers: Mapping[str, str], _checks: list[Any]) -> str:
        return "arn:aws:iam::000000000000:root"


class FakeLogs:
    """Lines by stream."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    def write(self, stream: Stream, line: str) -> None:
        self.lines.append((stream.group, stream.name, line))


def make_service(folder: Path) -> Service:
    """Return a service whose neighbours are fakes and whose image is ``folder/image``."""
    (folder / "image").mkdir(exist_ok=True)
    (folder / "library").mkdir(exist_ok=True)
    return Service(
        store=Store(folder / "state.sqlite"),
        roles=FakeRoles(),  # type: ignore[arg-type]
        gateway=FakeGateway(),  # type: ignore[arg-type]
        image=Image(Path(sys.executable), folder / "image", folder / "library", "ML_ROOT", {}),
        logs=FakeLogs(),  # type: ignore[arg-type]
        credentials=ContainerCredentials("http://127.0.0.1:1"),
        scratch=folder / "containers",
        stopping=threading.Event(),
    )
