"""The endpoint of `bench.deployments`: what a deployment finds there, and what it leaves."""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from botocore.exceptions import ClientError

from bench.deployments_plan import Situation
from bench.deployments_verdict import Sight
from bench.jobs_stack import KeptStack, wait_for

VARIANT = "AllTraffic"
OTHER_TYPE = "ml.m5.xlarge"
SMOKE_KEY = "smoke/recording.dat"
BAD_SMOKE = b"not a recording"
FAST_MEMORY_MEGABYTES = 4096
CHANGE_SECONDS = 240.0


class Ground:
    """An endpoint, its fast lane and the deployment table.

    Parameters
    ----------
    stack
        With a model in service.
    smoke_recording
        What a model that is good answers.
    """

    def __init__(self, stack: KeptStack, smoke_recording: Path) -> None:
        self._stack = stack
        self._smoke = smoke_recording
        self.name = stack.outputs["EndpointName"]
        self._fast = stack.outputs["FastLaneEndpointName"]
        self._table = stack.physical_id("DeploymentTable")
        self._sagemaker = stack.client("sagemaker")
        self._resource = f"endpoint/{self.name}/variant/{VARIANT}"

    @property
    def row(self) -> dict[str, Any]:
        """The deployment table's row: whose turn it is, what is proven."""
        found: dict[str, Any] = self._stack.client("dynamodb").get_item(
            TableName=self._table, Key={"id": {"S": self.name}}, ConsistentRead=True
        )
        item: dict[str, Any] = found.get("Item", {})
        return item

    def change_row(self, expression: str, **values: dict[str, str]) -> None:
        """Change that row as nothing but time, or a person, would."""
        given = {f":{name}": value for name, value in values.items()}
        self._stack.client("dynamodb").update_item(
            TableName=self._table,
            Key={"id": {"S": self.name}},
            UpdateExpression=expression,
            **({"ExpressionAttributeValues": given} if given else {}),
        )

    def endpoint(self, name: str = "") -> dict[str, Any] | None:
        """Return an endpoint that nothing changes at present; None: there is none."""

        def settled() -> dict[str, Any] | bool:
            try:
                found: dict[str, Any] = self._sagemaker.describe_endpoint(
                    EndpointName=name or self.name
                )
            except ClientError:
                return {"EndpointStatus": ""}
            busy = ("Creating", "Updating", "RollingBack", "Deleting", "SystemUpdating")
            return found["EndpointStatus"] not in busy and found

        found: dict[str, Any] = wait_for(settled, CHANGE_SECONDS)
        return found if found["EndpointStatus"] else None

    def instances(self) -> int:
        """Return how many instances the endpoint has; 0 too where there is none."""
        found = self.endpoint()
        return found["ProductionVariants"][0]["CurrentInstanceCount"] if found else 0

    def resize(self, count: int) -> None:
        """Set the number of instances, as scaling does."""
        if self.instances() != count:
            wanted = {"VariantName": VARIANT, "DesiredInstanceCount": count}
            self._sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=self.name, DesiredWeightsAndCapacities=[wanted]
            )
            self.endpoint()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have the instances that there are answer nothing for a while."""
        servers = self._stack.model_servers()
        for server in servers:
            server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for server in servers:
                with suppress(psutil.Error):
                    server.send_signal(signal.SIGCONT)

    def package(self, config_name: str) -> str:
        """Return the model package that a configuration serves; empty: none, or no such one."""
        try:
            config = self._sagemaker.describe_endpoint_config(EndpointConfigName=config_name)
            name = config["ProductionVariants"][0]["ModelName"]
            model = self._sagemaker.describe_model(ModelName=name)
        except ClientError:
            return ""
        package: str = model["PrimaryContainer"]["Environment"].get("FEMO_MODEL_PACKAGE", "")
        return package

    def look(self) -> Sight:
        """Return what serves, and what scales it."""
        row, found = self.row, self.endpoint()
        if found is None:
            return Sight("", proven=row.get("proven", {}).get("S", ""))
        scaling = self._stack.client("application-autoscaling")
        asked = {"ServiceNamespace": "sagemaker"}
        targets = scaling.describe_scalable_targets(**asked, ResourceIds=[self._resource])
        policies = scaling.describe_scaling_policies(**asked, ResourceId=self._resource)
        by_name = {one["PolicyName"]: one["PolicyARN"] for one in policies["ScalingPolicies"]}
        alarms = self._stack.client("cloudwatch").describe_alarms(
            AlarmNames=[f"{self.name}-has-backlog-without-capacity"]
        )["MetricAlarms"]
        wake = by_name.get(f"{self.name}-wake")
        return Sight(
            status=found["EndpointStatus"],
            package=self.package(found["EndpointConfigName"]),
            config=found["EndpointConfigName"],
            proven=row.get("proven", {}).get("S", ""),
            fast_package=self._fast_package(row),
            has_target=bool(targets["ScalableTargets"]),
            policies=len(by_name.keys() & {f"{self.name}-backlog", f"{self.name}-wake"}),
            wakes=any(wake in alarm["AlarmActions"] for alarm in alarms),
        )

    def _fast_package(self, row: dict[str, Any]) -> str | None:
        """Return what the fast lane serves; None where no job is sent to it."""
        if "fastLane" not in row:
            return None
        found = self.endpoint(self._fast)
        return self.package(found["EndpointConfigName"]) if found else ""

    def prepare(self, situation: Situation) -> None:
        """Bring about what a deployment is to find."""
        if situation in (Situation.BAD, Situation.BAD_FIRST):
            self._put_smoke(BAD_SMOKE)
        if situation in (Situation.NOTHING, Situation.BAD_FIRST):
            self._remove(self.name)
            self.change_row("REMOVE proven")
        if situation is Situation.BROKEN:
            self._remove(self.name)
            self._make_broken(self.name, InstanceType="ml.m5.large", InitialInstanceCount=1)
        if situation in (Situation.NO_FAST_LANE, Situation.BROKEN_FAST_LANE):
            self._remove(self._fast)
        if situation is Situation.BROKEN_FAST_LANE:
            serverless = {"MemorySizeInMB": FAST_MEMORY_MEGABYTES, "MaxConcurrency": 1}
            self._make_broken(self._fast, ServerlessConfig=serverless)
        if situation is Situation.OTHER_TYPE:
            self._change_type()

    def tidy(self) -> None:
        """Take what was prepared away again, but for what serves."""
        self._put_smoke(self._smoke.read_bytes())
        self._stack.control("sagemaker-controls", {"quotas": None})
        for machine in ("Deployment", "Restoration"):
            arn = self._stack.outputs[f"{machine}StateMachineArn"]
            self._stack.control("fail-tasks", {"stateMachineArn": arn})

    def _put_smoke(self, content: bytes) -> None:
        bucket = self._stack.outputs["ModelsBucketName"]
        self._stack.client("s3").put_object(Bucket=bucket, Key=SMOKE_KEY, Body=content)

    def _remove(self, name: str) -> None:
        if self.endpoint(name) is None:
            return
        if name == self.name:
            self._stop_scaling()
        self._sagemaker.delete_endpoint(EndpointName=name)
        wait_for(lambda: self.endpoint(name) is None, CHANGE_SECONDS)

    def _stop_scaling(self) -> None:
        with suppress(ClientError):
            self._stack.client("application-autoscaling").deregister_scalable_target(
                ServiceNamespace="sagemaker",
                ResourceId=self._resource,
                ScalableDimension="sagemaker:variant:DesiredInstanceCount",
            )

    def _make_broken(self, endpoint: str, **variant: Any) -> None:
        """Make an endpoint of a model whose data are not there."""
        name, bucket = self._new_name(endpoint), self._stack.outputs["ModelsBucketName"]
        (newest,) = self._sagemaker.list_models(MaxResults=1)["Models"]
        model = self._sagemaker.describe_model(ModelName=newest["ModelName"])
        data = {"ModelDataUrl": f"s3://{bucket}/absent/model.tar.gz"}
        self._sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=model["ExecutionRoleArn"],
            PrimaryContainer=model["PrimaryContainer"] | data,
        )
        variants = [{"VariantName": VARIANT, "ModelName": name, **variant}]
        self._sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        self._sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=name)
        self.endpoint(endpoint)

    @staticmethod
    def _new_name(prefix: str) -> str:
        """Return a name as the machine gives them: its role may use no other."""
        return f"{prefix}-{uuid.uuid4().hex[:16]}-0-0"

    def _change_type(self) -> None:
        """Have the same model served by another instance type, and be proven, without a word."""
        found = self.endpoint()
        if found is None:
            raise RuntimeError("there is no endpoint whose type could be another")
        old = self._sagemaker.describe_endpoint_config(
            EndpointConfigName=found["EndpointConfigName"]
        )
        (variant,) = old["ProductionVariants"]
        name = self._new_name(self.name)
        self._sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[variant | {"InstanceType": OTHER_TYPE}],
            AsyncInferenceConfig=old["AsyncInferenceConfig"],
        )
        self._stop_scaling()
        self._sagemaker.update_endpoint(EndpointName=self.name, EndpointConfigName=name)
        self.endpoint()
        self.change_row("SET proven = :config", config={"S": name})
        self._check_scaling()

    def _check_scaling(self) -> None:
        """Have the check that comes by time put scaling back."""
        machines = self._stack.client("stepfunctions")
        started = machines.start_execution(
            stateMachineArn=self._stack.outputs["RestorationStateMachineArn"],
            input=json.dumps({"restore": "schedule"}),
        )["executionArn"]
        wait_for(
            lambda: machines.describe_execution(executionArn=started)["status"] != "RUNNING",
            CHANGE_SECONDS,
        )

    def end_lease(self, holder: str) -> None:
        """Let the ten minutes pass after which a lease ends that was not given back."""
        if self.row.get("holder", {}).get("S") == holder:
            self.change_row("SET heldUntil = :past", past={"N": "0"})

    def pass_half_an_hour(self) -> None:
        """Let the check come by which looks every 30 minutes, when no lease lasts that long."""
        self.change_row("SET heldUntil = :past", past={"N": "0"})
        self._check_scaling()
