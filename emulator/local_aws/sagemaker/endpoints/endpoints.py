"""The operations on endpoints: what is asked, what is refused, what is answered."""

from typing import Any

from local_aws.sagemaker import quotas
from local_aws.sagemaker.arns import sagemaker_arn
from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints import guardrails, serverless
from local_aws.sagemaker.endpoints.lifecycle import KIND, Lifecycle
from local_aws.sagemaker.endpoints.model_server import ModelServer
from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.listing import page
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document, NameTakenError

BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
SCALABLE_TARGET = "scalable-target"


class Endpoints:
    """All endpoints."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lifecycle = Lifecycle(service)
        self.changed = self._lifecycle.changed
        self.start = self._lifecycle.start
        self.stop = self._lifecycle.stop
        self.names = self._lifecycle.names

    def create(self, request: Document) -> Document:
        """CreateEndpoint."""
        name = request["EndpointName"]
        config = endpoint_configs.find(self._service, request["EndpointConfigName"])
        moment = now()
        serving = _fleet_of(config)
        document = {
            "EndpointName": name,
            "EndpointArn": sagemaker_arn(KIND, name),
            "EndpointConfigName": request["EndpointConfigName"],
            "EndpointStatus": "Creating",
            "CreationTime": moment,
            "LastModifiedTime": moment,
            "Tags": request.get("Tags", []),
            "Fleets": {"serving": serving},
        }
        with self._service.store.transaction():
            if self._service.store.get(KIND, name) is None:
                quotas.check(self._service, quotas.ENDPOINT, serving["type"], serving["desired"])
            try:
                self._service.store.insert(KIND, name, document)
            except NameTakenError as error:
                raise ValidationError(
                    f'Cannot create already existing endpoint "{document["EndpointArn"]}".'
                ) from error
        self._lifecycle.begin(self._lifecycle.create, name)
        return {"EndpointArn": document["EndpointArn"]}

    def update(self, request: Document) -> Document:
        """UpdateEndpoint."""
        name, target = request["EndpointName"], request["EndpointConfigName"]
        with self._service.store.transaction():
            document = self.find(name)
            new = endpoint_configs.find(self._service, target)
            self._refuse_busy(document, "update")
            old = self._service.store.get(endpoint_configs.KIND, document["EndpointConfigName"])
            serverless.check_update(old, new, request)
            if old is not None:
                self._refuse_other_variant(name, old, new)
            deployment = request.get("DeploymentConfig")
            if request.get("RetainDeploymentConfig"):
                deployment = deployment or document.get("LastDeploymentConfig")
            guardrails.check(deployment or {})
            pending = _fleet_of(new)
            if _retains_count(request):
                pending["desired"] = document["Fleets"]["serving"]["desired"]
            quotas.check(self._service, quotas.ENDPOINT, pending["type"], pending["desired"])
            self._service.store.update(
                KIND,
                name,
                EndpointStatus="Updating",
                PendingDeploymentSummary={
                    "EndpointConfigName": target,
                    "StartTime": now(),
                    "ProductionVariants": [_pending_variant(new, pending)],
                },
                PendingDeploymentConfig=deployment,
                Fleets={**document["Fleets"], "pending": pending},
                LastModifiedTime=now(),
                FailureReason=None,
            )
        self._lifecycle.begin(self._lifecycle.update, name)
        return {"EndpointArn": document["EndpointArn"]}

    def update_capacities(self, request: Document) -> Document:
        """UpdateEndpointWeightsAndCapacities."""
        name = request["EndpointName"]
        with self._service.store.transaction():
            document = self.find(name)
            self._refuse_busy(document, "update")
            config = endpoint_configs.find(self._service, document["EndpointConfigName"])
            serving = dict(document["Fleets"]["serving"])
            for wanted in request["DesiredWeightsAndCapacities"]:
                _check_capacity(config, wanted)
                serving["desired"] = wanted.get("DesiredInstanceCount", serving["desired"])
            delta = serving["desired"] - document["Fleets"]["serving"]["desired"]
            quotas.check(self._service, quotas.ENDPOINT, serving["type"], delta)
            self._service.store.update(
                KIND,
                name,
                EndpointStatus="Updating",
                Fleets={"serving": serving},
                LastModifiedTime=now(),
                FailureReason=None,
            )
        self._lifecycle.begin(self._lifecycle.resize, name)
        return {"EndpointArn": document["EndpointArn"]}

    def delete(self, request: Document) -> Document:
        """DeleteEndpoint."""
        name = request["EndpointName"]
        with self._service.store.transaction():
            self._refuse_busy(self.find(name), "delete")
            self._service.store.update(KIND, name, EndpointStatus="Deleting")
        self._lifecycle.begin(self._lifecycle.delete, name)
        return {}

    def describe(self, request: Document) -> Document:
        """DescribeEndpoint."""
        document = dict(self.find(request["EndpointName"]))
        document.pop("Tags", None)
        config = self._service.store.get(endpoint_configs.KIND, document["EndpointConfigName"])
        if config is not None and document["EndpointStatus"] not in ("Creating", "Failed"):
            document["ProductionVariants"] = [
                {
                    "VariantName": endpoint_configs.variant(config)["VariantName"],
                    "CurrentWeight": 1.0,
                    "DesiredWeight": 1.0,
                    "CurrentInstanceCount": len(self.servers(document["EndpointName"])),
                    "DesiredInstanceCount": document["Fleets"]["serving"]["desired"],
                }
            ]
            if serverless.settings(config) is not None:
                document["ProductionVariants"] = [
                    serverless.describe(endpoint_configs.variant(config))
                ]
            if "AsyncInferenceConfig" in config:
                document["AsyncInferenceConfig"] = config["AsyncInferenceConfig"]
        return document

    def list_all(self, request: Document) -> Document:
        """ListEndpoints."""
        return page(
            self._service.store.all(KIND),
            request,
            "Endpoints",
            ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus"),
            status="EndpointStatus",
        )

    def find(self, name: str) -> Document:
        """Return an endpoint's document.

        Raises
        ------
        ValidationError
            If there is none of that name.
        """
        document = self._service.store.get(KIND, name)
        if document is None:
            raise ValidationError(f'Could not find endpoint "{sagemaker_arn(KIND, name)}".')
        return document

    def servers(self, name: str) -> list[ModelServer]:
        """Return the instances that an endpoint's requests go to."""
        fleet = self._lifecycle.fleet(name)
        return [] if fleet is None else fleet.servers()

    def server(self, name: str) -> ModelServer | None:
        """Return the oldest of them, if there is one."""
        return next(iter(self.servers(name)), None)

    def config(self, name: str) -> Document | None:
        """Return the configuration that an endpoint carries now."""
        document = self._service.store.get(KIND, name)
        if document is None:
            return None
        return self._service.store.get(endpoint_configs.KIND, document["EndpointConfigName"])

    def warm(self, name: str) -> None:
        """Start the container of an endpoint that has none.

        Raises
        ------
        ContainerError, ServiceError, BotoCoreError
            If it does not start.
        """
        fleet = self._lifecycle.fleet(name)
        if fleet is None:
            self._lifecycle.start_again(name)
        elif not fleet.servers():
            fleet.grow(1)

    def cool(self, name: str) -> None:
        """Stop the containers of an endpoint and leave the endpoint in service."""
        self._lifecycle.cool(name)

    def _refuse_busy(self, document: Document, verb: str) -> None:
        name = document["EndpointName"]
        if document["EndpointStatus"] in BUSY:
            raise ValidationError(f'Cannot {verb} in-progress endpoint "{name}".')
        if verb == "update" and document["EndpointStatus"] == "Failed":
            raise ValidationError(f'Cannot update failed endpoint "{name}".')

    def _refuse_other_variant(self, name: str, old: Document, new: Document) -> None:
        before, after = endpoint_configs.variant(old), endpoint_configs.variant(new)
        if before["VariantName"] != after["VariantName"]:
            raise ValidationError(
                "The new endpoint configuration must keep the production variant name "
                f"{before['VariantName']!r}: autoscaling and guardrails are bound to it."
            )
        resource = f"endpoint/{name}/variant/{before['VariantName']}"
        if before.get("InstanceType") != after.get("InstanceType") and self._service.store.get(
            SCALABLE_TARGET, resource
        ):
            raise ValidationError(
                f'The variant(s) "["{before["VariantName"]}"]" must be deregistered as scalable '
                "targets with AWS Auto Scaling before they can be removed or have their instance "
                "type updated."
            )


def _fleet_of(config: Document) -> Document:
    """Return type and number of the instances that a configuration begins with."""
    variant = endpoint_configs.variant(config)
    return {
        "type": variant.get("InstanceType", ""),
        "desired": variant.get("InitialInstanceCount", 1),
    }


def _retains_count(request: Document) -> bool:
    excluded = request.get("ExcludeRetainedVariantProperties") or []
    names = {item["VariantPropertyType"] for item in excluded}
    return bool(request.get("RetainAllVariantProperties")) and "DesiredInstanceCount" not in names


def _pending_variant(config: Document, fleet: Document) -> Document:
    pending: dict[str, Any] = {
        "VariantName": endpoint_configs.variant(config)["VariantName"],
        "DesiredInstanceCount": fleet["desired"],
        "DesiredWeight": 1.0,
    }
    return {**pending, "InstanceType": fleet["type"]} if fleet["type"] else pending


def _check_capacity(config: Document, wanted: Document) -> None:
    variant = endpoint_configs.variant(config)
    if wanted["VariantName"] != variant["VariantName"]:
        raise ValidationError(f"The endpoint has no production variant {wanted['VariantName']!r}.")
    if "ServerlessUpdateConfig" in wanted or "ServerlessConfig" in variant:
        raise ValidationError("The capacity of a serverless variant is not changed here.")
    if wanted.get("DesiredInstanceCount") == 0 and "AsyncInferenceConfig" not in config:
        raise ValidationError(
            "DesiredInstanceCount can be 0 for asynchronous endpoints alone; others need at "
            "least 1."
        )
