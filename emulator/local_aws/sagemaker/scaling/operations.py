"""The operations of Application Auto Scaling, for variants of endpoints."""

import uuid
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.sagemaker.arns import ACCOUNT, REGION, sagemaker_arn
from local_aws.sagemaker.endpoints.endpoints import SCALABLE_TARGET, Endpoints
from local_aws.sagemaker.errors import ServiceError, ValidationError
from local_aws.sagemaker.identity import Check, now
from local_aws.sagemaker.scaling import tracking_alarms
from local_aws.sagemaker.scaling.scaler import ACTIVITY, POLICY, Scaler
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.service_model import operation_model, validate
from local_aws.sagemaker.store import Document

SERVICE = "application-autoscaling"
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com"
    "/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
LINKED_ROLE = "scaling-role"


class ScalingOperations:
    """Targets, policies and activities."""

    def __init__(self, service: Service, endpoints: Endpoints, scaler: Scaler) -> None:
        self._service = service
        self._endpoints = endpoints
        self._scaler = scaler
        self._operations: dict[str, Callable[[Document], Document]] = {
            "RegisterScalableTarget": self.register,
            "DeregisterScalableTarget": self.deregister,
            "DescribeScalableTargets": self.describe_targets,
            "PutScalingPolicy": self.put_policy,
            "DeleteScalingPolicy": self.delete_policy,
            "DescribeScalingPolicies": self.describe_policies,
            "DescribeScalingActivities": self.describe_activities,
        }

    def call(self, operation: str, request: Document, headers: Mapping[str, str]) -> Document:
        """Run one operation for the caller whose signature the headers hold.

        Raises
        ------
        ServiceError
            As AWS would answer.
        """
        model = operation_model(SERVICE, operation)
        code = self._operations.get(operation)
        if code is None:
            raise ServiceError(
                "UnknownOperationException", f"{operation} of {SERVICE} is not served here."
            )
        validate(SERVICE, operation, request)
        if request["ServiceNamespace"] != NAMESPACE:
            raise ValidationError(f"Only the namespace {NAMESPACE} is scaled here.")
        if request.get("ScalableDimension", DIMENSION) != DIMENSION:
            raise ValidationError(f"Only the dimension {DIMENSION} is scaled here.")
        self._service.gateway.authorize(headers, self._needed(operation, request))
        answer = code(request)
        members = model.output_shape.members if model.output_shape is not None else {}
        return {key: value for key, value in answer.items() if key in members}

    def _needed(self, operation: str, request: Document) -> list[Check]:
        """Return what IAM is asked; some of it for what is done in the caller's name.

        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
        """
        action = f"{SERVICE}:{operation}"
        if operation.startswith("Describe"):
            return [Check(action, "*")]
        resource = request["ResourceId"]
        context = {f"{SERVICE}:service-namespace": NAMESPACE}
        checks = [Check(action, _target_arn("1"), context)]
        if operation == "RegisterScalableTarget":
            checks += self._needed_to_register(resource)
        elif "TargetTrackingScalingPolicyConfiguration" in request:
            checks += _alarm_checks(resource, "PutMetricAlarm")
        elif operation != "PutScalingPolicy" and self._has_tracking_alarms(resource):
            checks += _alarm_checks(resource, "DeleteAlarms")
        return checks

    def _needed_to_register(self, resource: str) -> list[Check]:
        endpoint = _endpoint_of(resource)
        arn = sagemaker_arn("endpoint", endpoint)
        checks = [
            Check("sagemaker:DescribeEndpoint", arn),
            Check("sagemaker:UpdateEndpointWeightsAndCapacities", arn),
        ]
        document = self._service.store.get("endpoint", endpoint)
        if document is not None:
            config = sagemaker_arn("endpoint-config", document["EndpointConfigName"])
            checks.append(Check("sagemaker:DescribeEndpointConfig", config))
        if self._service.store.get(LINKED_ROLE, ROLE) is None:
            context = {"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"}
            checks.append(Check("iam:CreateServiceLinkedRole", ROLE, context))
        return checks

    def _has_tracking_alarms(self, resource: str) -> bool:
        return any(policy["Alarms"] for policy in self._policies(resource))

    def register(self, request: Document) -> Document:
        """RegisterScalableTarget; a capacity outside the bounds is brought inside."""
        resource = request["ResourceId"]
        self._check_variant(resource)
        with self._service.store.transaction():
            known = self._service.store.get(SCALABLE_TARGET, resource)
            target = {**(known or {}), **request}
            if "MinCapacity" not in target or "MaxCapacity" not in target:
                raise ValidationError(
                    "MinCapacity and MaxCapacity are required to register a new target."
                )
            if target["MinCapacity"] > target["MaxCapacity"]:
                raise ValidationError("Maximum capacity cannot be less than minimum capacity.")
            if known is None:
                target |= {
                    "ScalableTargetARN": _target_arn(uuid.uuid4().hex[:28]),
                    "RoleARN": ROLE,
                    "CreationTime": now(),
                }
                self._service.store.insert(SCALABLE_TARGET, resource, target)
                if self._service.store.get(LINKED_ROLE, ROLE) is None:
                    self._service.store.insert(LINKED_ROLE, ROLE, {})
            else:
                self._service.store.update(SCALABLE_TARGET, resource, **target)
        self._bring_inside(resource, target)
        return target

    def _bring_inside(self, resource: str, target: Document) -> None:
        capacity = self._scaler.capacity(resource)
        if capacity is None:
            return
        wanted = min(max(capacity, target["MinCapacity"]), target["MaxCapacity"])
        if wanted != capacity:
            side = "maximum" if wanted < capacity else "minimum"
            self._scaler.scale(resource, capacity, wanted, f"{side} capacity was set to {wanted}")

    def _check_variant(self, resource: str) -> None:
        parts = resource.split("/")
        if len(parts) != 4 or parts[0] != "endpoint" or parts[2] != "variant":
            raise ValidationError(f"{resource!r} is not endpoint/NAME/variant/NAME.")
        config = self._endpoints.config(parts[1])
        names = [] if config is None else [v["VariantName"] for v in config["ProductionVariants"]]
        if parts[3] not in names:
            raise ValidationError(
                f"No scalable resource found for service namespace: {NAMESPACE}, resource ID: "
                f"{resource}, scalable dimension: {DIMENSION}"
            )

    def deregister(self, request: Document) -> Document:
        """DeregisterScalableTarget: its policies go too, and the alarms that are theirs."""
        resource = request["ResourceId"]
        self._find_target(resource)
        self.forget(resource)
        return {}

    def forget(self, resource: str) -> None:
        """Remove a target with its policies."""
        for policy in self._policies(resource):
            self._remove_policy(policy)
        self._service.store.delete(SCALABLE_TARGET, resource)

    def needed_to_forget(self, endpoint: str) -> list[Check]:
        """Return what IAM is asked of who deletes an endpoint whose variants are targets.

        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete-with-scaling.html
        """
        return [
            check
            for resource in self._resources_of(endpoint)
            for check in self._needed("DeregisterScalableTarget", {"ResourceId": resource})
        ]

    def forget_endpoint(self, endpoint: str) -> None:
        """Deregister the variants of an endpoint that is deleted."""
        for resource in self._resources_of(endpoint):
            self.forget(resource)

    def _resources_of(self, endpoint: str) -> list[str]:
        resources = [target["ResourceId"] for target in self._service.store.all(SCALABLE_TARGET)]
        return [resource for resource in resources if _endpoint_of(resource) == endpoint]

    def describe_targets(self, request: Document) -> Document:
        """DescribeScalableTargets."""
        wanted = request.get("ResourceIds")
        targets = [
            target
            for target in self._service.store.all(SCALABLE_TARGET)
            if not wanted or target["ResourceId"] in wanted
        ]
        return {"ScalableTargets": [{"SuspendedState": {}, **target} for target in targets]}

    def put_policy(self, request: Document) -> Document:
        """PutScalingPolicy."""
        resource, name = request["ResourceId"], request["PolicyName"]
        self._find_target(resource)
        known = next((p for p in self._policies(resource) if p["PolicyName"] == name), None)
        kind = request.get("PolicyType", "StepScaling")
        if kind not in ("StepScaling", "TargetTrackingScaling"):
            raise ValidationError(f"Policies of the type {kind} are not followed here.")
        if f"{kind}PolicyConfiguration" not in request:
            raise ValidationError(f"{kind}PolicyConfiguration is required for {kind}.")
        if known is not None and known["PolicyType"] != kind:
            raise ValidationError("The type of a policy cannot be changed.")
        arn = known["PolicyARN"] if known else _policy_arn(resource, name)
        policy = {
            "CreationTime": now(),
            **request,
            "PolicyType": kind,
            "PolicyARN": arn,
            "ScalableDimension": DIMENSION,
            "Alarms": [],
        }
        if kind == "TargetTrackingScaling":
            config = request["TargetTrackingScalingPolicyConfiguration"]
            policy["Alarms"] = self._put_alarms(resource, arn, config, known)
        if known is None:
            self._service.store.insert(POLICY, arn, policy)
        else:
            self._service.store.update(POLICY, arn, **policy)
        return {"PolicyARN": arn, "Alarms": policy["Alarms"]}

    def _put_alarms(
        self, resource: str, arn: str, config: Document, known: Document | None
    ) -> list[Document]:
        alarms = []
        client = self._service.roles.client("cloudwatch")
        requests = tracking_alarms.requests(resource, arn, config, (known or {}).get("Alarms", []))
        for request in requests:
            try:
                client.put_metric_alarm(**request)
            except ClientError as error:
                raise ValidationError(error.response["Error"].get("Message", "")) from error
            name = request["AlarmName"]
            alarm_arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
            alarms.append({"AlarmName": name, "AlarmARN": alarm_arn})
        return alarms

    def delete_policy(self, request: Document) -> Document:
        """DeleteScalingPolicy."""
        for policy in self._policies(request["ResourceId"]):
            if policy["PolicyName"] == request["PolicyName"]:
                self._remove_policy(policy)
                return {}
        raise ServiceError(
            "ObjectNotFoundException", f"No scaling policy found: {request['PolicyName']}"
        )

    def describe_policies(self, request: Document) -> Document:
        """DescribeScalingPolicies."""
        names = request.get("PolicyNames")
        policies = self._policies(request.get("ResourceId"))
        return {"ScalingPolicies": [p for p in policies if not names or p["PolicyName"] in names]}

    def describe_activities(self, request: Document) -> Document:
        """DescribeScalingActivities, the latest first."""
        resource = request.get("ResourceId")
        chosen = [
            {key: value for key, value in activity.items() if key not in ("From", "To", "Policy")}
            for activity in self._service.store.all(ACTIVITY)
            if resource in (None, activity["ResourceId"])
        ]
        return {"ScalingActivities": chosen[::-1][: request.get("MaxResults", 50)]}

    def _policies(self, resource: str | None) -> list[Document]:
        return [
            policy
            for policy in self._service.store.all(POLICY)
            if resource in (None, policy["ResourceId"])
        ]

    def _remove_policy(self, policy: Document) -> None:
        names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
        if names:
            try:
                self._service.roles.client("cloudwatch").delete_alarms(AlarmNames=names)
            except (ClientError, BotoCoreError) as error:
                raise ServiceError("InternalServiceException", str(error), 500) from error
        self._service.store.delete(POLICY, policy["PolicyARN"])

    def _find_target(self, resource: str) -> Document:
        target = self._service.store.get(SCALABLE_TARGET, resource)
        if target is None:
            raise ServiceError(
                "ObjectNotFoundException",
                f"No scalable target found for service namespace: {NAMESPACE}, resource ID: "
                f"{resource}, scalable dimension: {DIMENSION}",
            )
        return target


def _endpoint_of(resource: str) -> str:
    return resource.split("/")[1] if resource.count("/") == 3 else ""


def _alarm_checks(resource: str, operation: str) -> list[Check]:
    alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:TargetTracking-{resource}-Alarm"
    return [Check(f"cloudwatch:{operation}", alarm), Check("cloudwatch:DescribeAlarms", "*")]


def _target_arn(identifier: str) -> str:
    return f"arn:aws:{SERVICE}:{REGION}:{ACCOUNT}:scalable-target/{identifier}"


def _policy_arn(resource: str, name: str) -> str:
    return (
        f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:{uuid.uuid4()}:resource/"
        f"{NAMESPACE}/{resource}:policyName/{name}"
    )
