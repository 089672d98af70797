"""The asynchronous queue: takes invocations as capacity allows, and tells how each one ended.

Every step is decided by the durable queue. An invocation leaves it only after its outcome has
been written to S3 and published, so each is told at least once, whatever is killed in between.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.sagemaker import models
from local_aws.sagemaker.arns import ACCOUNT, S3Location
from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.endpoints.model_server import ModelResponse, ModelServer
from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.runtime.messages import (
    ID_HEADER,
    LOST,
    Outcome,
    container_headers,
    message,
)
from local_aws.sagemaker.runtime.outcome_metrics import OutcomeMetrics
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document, QueuedInvocation

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
DEFAULT_TTL_SECONDS = 21600
DEFAULT_TIMEOUT_SECONDS = 900
DEFAULT_CONCURRENCY = 4
MAX_ATTEMPTS = 3
DISPATCH_SECONDS = 0.5
NOTIFICATION_ATTEMPTS = 5


class Invocations:
    """The queue of all endpoints and the threads that work on it."""

    def __init__(
        self, service: Service, endpoints: Endpoints, clock: Callable[[], float] = time.time
    ) -> None:
        self._service = service
        self._endpoints = endpoints
        self._clock = clock
        self.outcomes = OutcomeMetrics()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Take up what the last run left, and begin to dispatch."""
        left = self._service.store.put_back_all()
        if left:
            logger.warning("%d invocations were running at the last stop and start again", left)
        threading.Thread(target=self._dispatch_forever, daemon=True).start()

    def submit(self, endpoint_name: str, request: Document) -> Document:
        """Queue an invocation and return InvokeEndpointAsync's answer.

        Raises
        ------
        ValidationError
            If the endpoint is not there, not asynchronous or not in service.
        """
        try:
            endpoint = self._endpoints.find(endpoint_name)
        except ValidationError as error:
            raise ValidationError(
                f"Endpoint {endpoint_name} of account {ACCOUNT} not found."
            ) from error
        if endpoint["EndpointStatus"] in ("Creating", "Deleting", "Failed"):
            raise ValidationError(
                f"Endpoint {endpoint_name} is not in service: it is {endpoint['EndpointStatus']}."
            )
        config = self._endpoints.config(endpoint_name)
        if config is None or "AsyncInferenceConfig" not in config:
            raise ValidationError(
                f"Endpoint {endpoint_name} does not support asynchronous invocations."
            )
        output = config["AsyncInferenceConfig"]["OutputConfig"]
        invocation_id = str(uuid.uuid4())
        document = dict(request)
        document.setdefault("InferenceId", str(uuid.uuid4()))
        answer = {"InferenceId": document["InferenceId"]}
        if "S3OutputPath" in output:
            location = S3Location.parse(output["S3OutputPath"])
            answer["OutputLocation"] = str(location.child(f"{invocation_id}.out"))
        if "S3FailurePath" in output:
            location = S3Location.parse(output["S3FailurePath"])
            answer["FailureLocation"] = str(location.child(f"{invocation_id}-error.out"))
        document |= {
            key: answer[key] for key in ("OutputLocation", "FailureLocation") if key in answer
        }
        self._service.store.enqueue(endpoint_name, document, self._clock())
        with self._endpoints.changed:
            self._endpoints.changed.notify_all()
        return answer

    def _dispatch_forever(self) -> None:
        while not self._service.stopping.is_set():
            if not self.dispatch():
                with self._endpoints.changed:
                    self._endpoints.changed.wait(DISPATCH_SECONDS)

    def dispatch(self) -> int:
        """Start what can be started now and return how much that was."""
        started = 0
        for name in self._endpoints.names():
            config = self._endpoints.config(name)
            while config is not None and (server := self._reserve(name, concurrency(config))):
                invocation = self._service.store.take(name)
                if invocation is None:
                    self._release(server)
                    break
                started += 1
                threading.Thread(
                    target=self._work, args=(invocation, config, server), daemon=True
                ).start()
        return started

    def _reserve(self, name: str, limit: int) -> ModelServer | None:
        """Return the instance with the least work that can take more, if there is one."""
        with self._lock:
            able = [
                server
                for server in self._endpoints.servers(name)
                if server.ready and server.busy < limit
            ]
            if not able:
                return None
            chosen = min(able, key=lambda server: server.busy)
            chosen.busy += 1
            return chosen

    def _release(self, server: ModelServer) -> None:
        with self._lock:
            server.busy -= 1

    def _work(self, invocation: QueuedInvocation, config: Document, server: ModelServer) -> None:
        try:
            outcome = self.run(invocation, config, server)
            if outcome is None:
                self._service.store.put_back(invocation.number)
                time.sleep(DISPATCH_SECONDS)
            else:
                if outcome.status == LOST:
                    logger.warning(
                        "Invocation %s is lost: %s",
                        invocation.document["InferenceId"],
                        outcome.reason,
                    )
                else:
                    self.tell(invocation, config, outcome)
                self._service.store.remove(invocation.number)
        except Exception:  # the invocation stays in the queue, and the fault must be seen
            logger.exception("Invocation %s is put back", invocation.document["InferenceId"])
            time.sleep(DISPATCH_SECONDS)
            self._service.store.put_back(invocation.number)
        finally:
            self._release(server)
            with self._endpoints.changed:
                self._endpoints.changed.notify_all()

    def run(
        self, invocation: QueuedInvocation, config: Document, server: ModelServer
    ) -> Outcome | None:
        """Send one invocation to an instance; None means that it must be tried again."""
        request = invocation.document
        ttl = request.get("RequestTTLSeconds", DEFAULT_TTL_SECONDS)
        if self._clock() - invocation.received > ttl:
            return Outcome(
                "Expired", f"The request waited for longer than its RequestTTLSeconds ({ttl} s)."
            )
        role = self._role(config)
        source = S3Location.parse(request["InputLocation"])
        try:
            s3 = self._service.roles.client("s3", role)
            body = s3.get_object(Bucket=source.bucket, Key=source.key)["Body"].read()
        except ClientError as error:
            return Outcome(
                "Failed", f"ClientError: cannot read the input {request['InputLocation']}: {error}"
            )
        timeout = request.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT_SECONDS)
        try:
            response = self._send(invocation, server, body, timeout)
        except TimeoutError:
            return Outcome(
                "Failed",
                f"ClientError: the model did not answer within {timeout} s "
                "(InvocationTimeoutSeconds).",
            )
        except ConnectionError as error:
            if self._service.stopping.is_set():
                return None
            if server.stopping:
                return Outcome(LOST, "its instance was ended while it worked")
            if invocation.attempts < MAX_ATTEMPTS:
                logger.warning("Invocation %s again: %s", request["InferenceId"], error)
                return None
            return Outcome(
                "Failed", f"ServerError: the container went away {MAX_ATTEMPTS} times: {error}"
            )
        if response is None:
            return None
        if 200 <= response.status < 300:
            return Outcome("Completed", None, response.content_type, response.body, response.status)
        kind = "client" if response.status < 500 else "server"
        text = response.body[:1024].decode(errors="replace")
        reason = (
            f"ClientError: Received {kind} error ({response.status}) from primary with message "
            f'"{text}". See /aws/sagemaker/Endpoints/{invocation.endpoint} in CloudWatch Logs.'
        )
        return Outcome("Failed", reason, response.content_type, response.body, response.status)

    def _send(
        self, invocation: QueuedInvocation, server: ModelServer, body: bytes, seconds: float
    ) -> ModelResponse | None:
        """Return the instance's answer, or None if another must be asked.

        A container that is not there has not seen the request, so the attempt is not used up.
        """
        headers = container_headers(invocation.document)
        while not server.stopping and self._endpoints.config(invocation.endpoint) is not None:
            if server.ready:
                try:
                    return server.invoke(body, headers, seconds)
                except ConnectionRefusedError:
                    logger.warning(
                        "Invocation %s waits: its container is not there", headers[ID_HEADER]
                    )
            if self._service.stopping.wait(DISPATCH_SECONDS):
                break
        return None

    def tell(self, invocation: QueuedInvocation, config: Document, outcome: Outcome) -> None:
        """Write the outcome to S3 and publish it."""
        request = invocation.document
        role = self._role(config)
        name = invocation.endpoint
        self.outcomes.count(name, config, outcome.status, outcome.response_status)
        place = "OutputLocation" if outcome.status == "Completed" else "FailureLocation"
        if place in request and (outcome.body is not None or outcome.status != "Completed"):
            body = outcome.body if outcome.body is not None else (outcome.reason or "").encode()
            content_type = outcome.content_type if outcome.body is not None else "text/plain"
            target = S3Location.parse(request[place])
            try:
                self._service.roles.client("s3", role).put_object(
                    Bucket=target.bucket, Key=target.key, Body=body, ContentType=content_type
                )
            except ClientError as error:
                outcome = Outcome("Failed", f"ClientError: cannot write {request[place]}: {error}")
        settings = config["AsyncInferenceConfig"]["OutputConfig"].get("NotificationConfig", {})
        topic = settings.get("SuccessTopic" if outcome.status == "Completed" else "ErrorTopic")
        if topic is not None and not self._publish(
            role, topic, message(invocation, outcome, self._clock())
        ):
            self.outcomes.count_lost_notification(name, config)
        if outcome.status != "Expired":
            self.outcomes.count_processed(name, config, self._clock() - invocation.received)

    def _publish(self, role: str, topic: str, document: Document) -> bool:
        for attempt in range(1, NOTIFICATION_ATTEMPTS + 1):
            try:
                self._service.roles.client("sns", role).publish(
                    TopicArn=topic, Message=json.dumps(document)
                )
                return True
            except (ClientError, BotoCoreError) as error:
                logger.error(
                    "Notification of %s to %s failed (attempt %d): %s",
                    document["inferenceId"],
                    topic,
                    attempt,
                    error,
                )
                if isinstance(error, ClientError) and _is_denied(error):
                    # AWS counts a NotificationFailure and goes on
                    return False
                if attempt == NOTIFICATION_ATTEMPTS:
                    raise
                self._service.stopping.wait(0.2 * 2**attempt)
        return False

    def _role(self, config: Document) -> str:
        model = models.find(self._service, config["ProductionVariants"][0]["ModelName"])
        role: str = model["ExecutionRoleArn"]
        return role


def concurrency(config: Document) -> int:
    """Return how many invocations each instance of an endpoint takes at once."""
    client = config.get("AsyncInferenceConfig", {}).get("ClientConfig", {})
    limit: int = client.get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENCY)
    return limit


def _is_denied(error: ClientError) -> bool:
    codes = ("AuthorizationError", "AccessDenied", "KMSAccessDenied", "NotFound")
    return error.response["Error"]["Code"] in codes
